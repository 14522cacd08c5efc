"""Who decides what: the queue of a reviewer, and the requests that they may open.

Nobody is given a request here by its id alone: everything goes through `Reviewing`. Whether
somebody is a line manager, has a role or stands in for somebody is asked at the moment, so a
changed manager, a role taken away or a delegation that ended counts at once.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.people.roles import Role
from exemptions.models import (
    Decision,
    Delegation,
    ExemptionRequest,
    Reviewer,
    ReviewStep,
)
from exemptions.models.requests import ReviewStepQuerySet
from exemptions.queries import own
from exemptions.scope import Scope

TEAMS = frozenset({Reviewer.HR, Reviewer.LEGAL, Reviewer.IT})


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Somebody as a reviewer at a moment: their teams, and whom they stand in for.

    `stands_for` holds their own id first, then those who are away and named them.
    """

    person: Employee
    teams: frozenset[str]
    stands_for: tuple[uuid.UUID, ...]


def reviewing_as(person: Employee, *, at: datetime) -> Reviewing:
    if not person.is_active:
        return Reviewing(person, frozenset(), ())
    delegators = Delegation.objects.in_force(at).filter(delegate=person, person__is_active=True)
    away = delegators.values_list("person", flat=True)
    return Reviewing(person, frozenset(person.roles & TEAMS), (person.pk, *away))


def is_reviewer(person: Employee, *, at: datetime) -> bool:
    """Whether the person has anything to do with requests of others."""
    if person.has_role(Role.HR_REVIEWER, Role.LEGAL_REVIEWER, Role.IT_ADMINISTRATOR):
        return True
    return person.is_manager or len(reviewing_as(person, at=at).stands_for) > 1


def check_is_reviewer(person: Employee, *, at: datetime) -> None:
    """Raises PermissionDenied for whoever has nothing to do with requests of others."""
    if not is_reviewer(person, at=at):
        raise PermissionDenied


def ways_to(who: Reviewing) -> list[Q]:
    """Return why steps are this reviewer's: by team, by stepping in, by report.

    One by one, each finds its steps by an index; of all at once PostgreSQL would read every step.
    """
    teams = sorted(who.teams)
    return [
        *(Q(reviewer=team) for team in teams),
        *(Q(escalated_at__isnull=False, fallback=team) for team in teams),
        Q(reviewer=Reviewer.MANAGER, request__requester__line_manager__in=who.stands_for),
    ]


def steps_before(who: Reviewing) -> ReviewStepQuerySet:
    """Return the steps, open and closed, that are this reviewer's to handle.

    Never one of their own requests, and never a confidential one of somebody who reports to them.
    """
    return _not_too_near(who, ReviewStep.objects.filter(reduce(or_, ways_to(who))))


def _not_too_near(who: Reviewing, steps: ReviewStepQuerySet) -> ReviewStepQuerySet:
    return steps.exclude(request__requester=who.person).exclude(
        request__is_sensitive=True, request__requester__line_manager=who.person
    )


def queue_of(who: Reviewing) -> ReviewStepQuerySet:
    """Return the open steps that this reviewer can decide, the most urgent first."""
    return _to_decide(who, steps_before(who)).select_related(
        "request__requester", "request__ground", "assignee"
    )


def queues_of(who: Reviewing) -> list[ReviewStepQuerySet]:
    """Return the same steps way by way; one that comes by two ways is in both."""
    return [
        _to_decide(who, _not_too_near(who, ReviewStep.objects.filter(way))) for way in ways_to(who)
    ]


def _to_decide(who: Reviewing, steps: ReviewStepQuerySet) -> ReviewStepQuerySet:
    decided = Decision.objects.filter(request=OuterRef("request"), by=who.person)
    return steps.open().filter(~Exists(decided)).order_by("due_at", "pk")


def mine(who: Reviewing) -> Q:
    """What waits for this person by name, of what is in their queue."""
    return Q(assignee__in=who.stands_for) | Q(
        reviewer=Reviewer.MANAGER, request__requester__line_manager__in=who.stands_for
    )


def mine_of(who: Reviewing) -> list[ReviewStepQuerySet]:
    """Return what `mine` says of their queue, way by way, each found by an index."""
    *_, report = ways_to(who)
    named = steps_before(who).filter(assignee__in=who.stands_for)
    reported = _not_too_near(who, ReviewStep.objects.filter(report))
    return [_to_decide(who, named), _to_decide(who, reported)]


def case_for(who: Reviewing, request_id: uuid.UUID) -> ExemptionRequest:
    """Return a request that this reviewer may open; 404 hides that there is any other."""
    reached = steps_before(who).filter(request=OuterRef("pk"))
    visible = ExemptionRequest.objects.filter(Exists(reached)).select_related(
        "requester__jurisdiction", "requester__line_manager", "ground", "route", "exemption"
    )
    return get_object_or_404(visible, pk=request_id)


def may_handle(who: Reviewing, step: ReviewStep) -> bool:
    """Whether this step is the reviewer's to decide, apart from what they decided before."""
    return steps_before(who).open().filter(pk=step.pk).exists()


def has_decided(person: Employee, request: ExemptionRequest) -> bool:
    return Decision.objects.filter(request=request, by=person).exists()


def decided_by(who: Reviewing) -> QuerySet[Decision]:
    """Return this reviewer's own decisions, newest first, on requests they may still open."""
    reached = steps_before(who).filter(request=OuterRef("request"))
    return (
        Decision.objects.filter(Exists(reached), by=who.person)
        .select_related("request__requester", "request__ground")
        .order_by("-decided_at", "pk")
    )


def standing_scope(request: ExemptionRequest, step: ReviewStep) -> Scope:
    """Return what reviewers have let stand so far; on an appeal all that was asked for is open."""
    decisions = own.decisions_on(request)
    if step.is_appeal:
        decisions = [decision for decision in decisions if decision.step_id == step.pk]
    # Each kept or narrowed the one before: what stands is the narrowest, in whatever order.
    standing = request.asked
    for scope in (decision.scope for decision in decisions):
        if scope is not None and scope.is_within(standing):
            standing = scope
    return standing


def earlier_requests(who: Reviewing, request: ExemptionRequest) -> list[ExemptionRequest]:
    """Return other requests of the same person that this reviewer may open, newest first."""
    reached = steps_before(who).filter(request=OuterRef("pk"))
    others = ExemptionRequest.objects.filter(Exists(reached), requester=request.requester_id)
    return list(
        others.exclude(pk=request.pk)
        .select_related("ground", "exemption")
        .order_by("-created_at", "pk")[:10]
    )


def stand_in(person: Employee, *, at: datetime) -> Delegation | None:
    """Return the delegation of somebody who is away at `at`."""
    away = Delegation.objects.in_force(at).filter(person=person)
    return away.select_related("delegate").first()


def manager_in_reach(requester: Employee, *, at: datetime) -> Employee | None:
    """Return who decides as the line manager now: the manager, or whoever stands in; None if away.

    A stand-in who left, is away as well, or is the requester does not count.
    """
    manager = requester.line_manager
    if manager is None or not manager.is_active:
        return None
    away = stand_in(manager, at=at)
    if away is None:
        return manager
    delegate = away.delegate
    if delegate is None or not delegate.is_active or delegate == requester:
        return None
    return None if stand_in(delegate, at=at) else delegate


def named_handlers(step: ReviewStep, *, at: datetime) -> list[Employee]:
    """Return who is told at once that a step waits: people by name, and a team once overdue.

    A team whose step is not overdue finds it in its queue and in the morning's mail.
    """
    request = step.request
    if step.reviewer == Reviewer.MANAGER:
        manager = manager_in_reach(request.requester, at=at)
        named = [manager] if manager else []
    elif step.assignee is not None and step.assignee.is_active:
        away = stand_in(step.assignee, at=at)
        named = [(away.delegate if away and away.delegate else step.assignee)]
    else:
        named = []
    able = [
        person
        for person in named
        if may_handle(reviewing_as(person, at=at), step) and not has_decided(person, request)
    ]
    team = possible_assignees(request, step) if step.escalated_at is not None else []
    return list(dict.fromkeys([*able, *team]))


def possible_assignees(request: ExemptionRequest, step: ReviewStep) -> list[Employee]:
    """Return who a team's step can be given to, by name."""
    teams = {step.fallback} if step.escalated_at else set()
    teams |= {step.reviewer} - {Reviewer.MANAGER}
    excluded = Q(pk=request.requester_id) | Q(decisions__request=request)
    if request.is_sensitive and request.requester.line_manager_id is not None:
        excluded |= Q(pk=request.requester.line_manager_id)
    people = Employee.objects.filter(is_active=True, groups__name__in=teams & TEAMS)
    return list(people.exclude(excluded).distinct().order_by("name"))
