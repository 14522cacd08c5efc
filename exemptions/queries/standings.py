"""Gathers what decides where one's own requests stand, with few queries for a page of them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.register.subjects import visible
from consent_app.restrictions.models import Restriction
from exemptions.deadlines import last_day_before, local_day
from exemptions.models import (
    Decision,
    Delegation,
    ExemptionRequest,
    Reviewer,
    ReviewStep,
    State,
)
from exemptions.models.requests import ExemptionRequestQuerySet
from exemptions.queries import own, reviewing
from exemptions.scope import Scope
from exemptions.words.names import RegisterNames, register_names
from exemptions.words.standing import Effect, Facts, Standing, Waiting, not_collected, standing_of

LINE_MANAGER = "Your line manager"


@dataclass(frozen=True, slots=True)
class Placed:
    """A request and where it stands."""

    request: ExemptionRequest
    standing: Standing


class Reviewers:
    """What the reviewers of one person's requests are called: who decides now, by name or team."""

    def __init__(self, requests: Iterable[ExemptionRequest], *, at: datetime) -> None:
        self._at = at
        self._manager: str | None = None
        assignees = {
            step.assignee_id
            for request in requests
            for step in open_steps(request)
            if step.assignee_id
        }
        away = Delegation.objects.in_force(at).filter(person__in=assignees)
        self._delegates = (
            {row.person_id: row.delegate for row in away.select_related("delegate")}
            if assignees
            else {}
        )

    def waiting(self, step: ReviewStep, requester: Employee) -> Waiting:
        who, steps_in = self._who(step, requester)
        return Waiting(
            who=who,
            steps_in=steps_in,
            due_on=last_day_before(step.due_at, time_zone=requester.time_zone),
            people=step.people,
            decided=len(step.decisions.all()),
            is_appeal=step.is_appeal,
        )

    def called(self, reviewer: str, requester: Employee) -> str:
        """Return the name of a line manager in reach or of a team, for a step without assignee."""
        if reviewer != Reviewer.MANAGER:
            return str(Reviewer(reviewer).label)
        return self._manager_in_reach(requester) or LINE_MANAGER

    def _who(self, step: ReviewStep, requester: Employee) -> tuple[str, str]:
        """Return who decides, and which team may as well."""
        fallback = str(Reviewer(step.fallback).label) if step.fallback else ""
        steps_in = fallback if step.escalated_at else ""
        if step.assignee is not None and step.assignee.is_active:
            return self._assignee(step.assignee, step), steps_in
        if step.reviewer == Reviewer.MANAGER and steps_in:
            manager = self._manager_in_reach(requester)
            return (manager, steps_in) if manager else (steps_in, "")
        return self.called(step.reviewer, requester), steps_in

    def _assignee(self, assignee: Employee, step: ReviewStep) -> str:
        delegate = self._delegates.get(assignee.pk)
        name = visible(delegate.name if delegate else assignee.name)
        if step.reviewer == Reviewer.MANAGER:
            return name
        return f"{name} ({Reviewer(step.reviewer).label})"

    def _manager_in_reach(self, requester: Employee) -> str:
        """Return the name of whoever decides as the line manager; empty if nobody can."""
        if self._manager is None:
            manager = reviewing.manager_in_reach(requester, at=self._at)
            self._manager = visible(manager.name) if manager else ""
        return self._manager


def placed(requests: Sequence[ExemptionRequest], *, at: datetime) -> list[Placed]:
    """Return where requests of one person that came through `with_steps` stand at `at`."""
    names, reviewers = register_names(), Reviewers(requests, at=at)
    return [
        Placed(request, standing_of(facts_of(request, names=names, reviewers=reviewers, at=at)))
        for request in requests
    ]


def standing(request: ExemptionRequest, *, at: datetime) -> Standing:
    """Return where a request that came from `request_for` stands at `at`."""
    return placed([request], at=at)[0].standing


def request_for(employee: Employee, request_id: uuid.UUID) -> ExemptionRequest:
    """Return one's own request that was sent, ready for `facts_of`; 404 also hides others'."""
    return get_object_or_404(with_steps(own.requests_of(employee).submitted()), pk=request_id)


def with_steps(requests: ExemptionRequestQuerySet) -> ExemptionRequestQuerySet:
    """Load what `facts_of` reads."""
    steps = (
        ReviewStep.objects.open()
        .select_related("assignee")
        .prefetch_related(Prefetch("decisions", Decision.objects.defer("text", "saw")))
    )
    return requests.select_related("requester__line_manager", "renewal").prefetch_related(
        Prefetch("steps", steps, to_attr="open_steps")
    )


def open_steps(request: ExemptionRequest) -> Sequence[ReviewStep]:
    """Return the open step, if any, of a request that came through `with_steps`."""
    steps: list[ReviewStep] = request.open_steps  # type: ignore[attr-defined]  # to_attr sets it
    return steps


def facts_of(
    request: ExemptionRequest, *, names: RegisterNames, reviewers: Reviewers, at: datetime
) -> Facts:
    """Gather what decides where a request that came from `with_steps` stands."""
    requester = request.requester
    zone = requester.time_zone
    step = next(iter(open_steps(request)), None)
    granted = request.granted
    today = local_day(at, time_zone=zone)
    return Facts(
        state=request.state,
        now=at,
        today=today,
        not_collected=_not_collected(request.asked, names) if request.starts_on else "",
        not_collected_by_grant=_not_collected(granted, names) if granted else "",
        waiting=reviewers.waiting(step, requester) if step else None,
        protection=_effect(request.protection, zone),
        is_protected_by_silence=_is_by_silence(request, step),
        exemption=_effect(request.exemption, zone),
        review_on=granted.review_on if granted else None,
        decided_on=local_day(request.decided_at, time_zone=zone) if request.decided_at else None,
        appeal_until=(
            local_day(request.appeal_until, time_zone=zone) if can_appeal(request, at=at) else None
        ),
        can_renew=can_renew(request, today=today),
        is_renewed=is_renewed(request),
    )


def can_appeal(request: ExemptionRequest, *, at: datetime) -> bool:
    may_be = request.state in (State.DECLINED, State.PARTLY_APPROVED)
    return may_be and at <= request.appeal_until


def can_renew(request: ExemptionRequest, *, today: date) -> bool:
    return request.is_renewable(today=today) and not hasattr(request, "renewal")


def is_renewed(request: ExemptionRequest) -> bool:
    """Whether it was asked for again, and that was neither declined nor withdrawn."""
    renewal = getattr(request, "renewal", None)
    return renewal is not None and (renewal.is_pending or renewal.exemption_id is not None)


def _not_collected(scope: Scope, names: RegisterNames) -> str:
    return not_collected(names.applications_of(scope), names.kinds_of(scope))


def _effect(row: Restriction | None, zone: str) -> Effect | None:
    if row is None:
        return None
    ends_at = row.ends_at
    return Effect(
        starts_at=row.starts_at,
        first_day=local_day(row.starts_at, time_zone=zone),
        ends_at=ends_at,
        last_day=last_day_before(ends_at, time_zone=zone) if ends_at else None,
    )


def _is_by_silence(request: ExemptionRequest, step: ReviewStep | None) -> bool:
    """Whether what protects, or will, is there because nobody decided, and not for the grounds."""
    if request.protected_scope or step is None or request.route is None:
        return False
    return not (step.is_appeal and request.route.protects_while_pending)
