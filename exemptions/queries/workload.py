"""How much waits for a reviewer: for one on each page, for all of them at once in the morning."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from consent_app.people.models import Employee
from exemptions.deadlines import add_business_days, end_of_day, is_business_day, local_day
from exemptions.models import Decision, Delegation, Reviewer, ReviewStep
from exemptions.queries.reviewing import TEAMS, mine_of, queue_of, reviewing_as

RUNNING = Q(stopped_at__isnull=True)
MORNING = time(8)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Counts of requests: all that wait, and of those what is due soon and what is overdue."""

    waiting: int = 0
    due_soon: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Morning:
    """A reviewer's working morning: when it began, and until when "due soon" reaches."""

    began_at: datetime
    soon_until: datetime


def count_of_mine(person: Employee, *, at: datetime) -> int:
    """Count what waits for this person by name and not for an answer."""
    named, reported = mine_of(reviewing_as(person, at=at))
    # A union: as one condition PostgreSQL would look at every open step, and for each page.
    both = named.filter(RUNNING).values("pk").union(reported.filter(RUNNING).values("pk"))
    return both.count()


def waiting_for(person: Employee, *, at: datetime) -> Waiting:
    """Count all that this person can decide, the team's too; due soon is the next business day."""
    counts = queue_of(reviewing_as(person, at=at)).filter(RUNNING).aggregate(
        waiting=Count("pk"),
        due_soon=Count("pk", filter=Q(due_at__gt=at, due_at__lte=soon_until(person, at=at))),
        overdue=Count("pk", filter=Q(due_at__lte=at)),
    )  # fmt: skip
    return Waiting(**counts)


def soon_until(person: Employee, *, at: datetime) -> datetime:
    """Return the end of the next business day where this person works."""
    today = local_day(at, time_zone=person.time_zone)
    day = add_business_days(today, 1, jurisdiction=person.jurisdiction_id)
    return end_of_day(day, time_zone=person.time_zone)


def reviewers(*, at: datetime) -> QuerySet[Employee]:
    """Return everybody for whom something could wait."""
    stands_in = Delegation.objects.in_force(at).filter(delegate__isnull=False)
    return Employee.objects.filter(
        Q(pk__in=Employee.objects.filter(groups__name__in=TEAMS).values("pk"))
        | Q(pk__in=Employee.objects.filter(is_active=True).values("line_manager"))
        | Q(pk__in=stands_in.values("delegate")),
        is_active=True,
    )


def morning_of(person: Employee, *, at: datetime) -> Morning | None:
    """Return the person's morning if it is one, from eight to noon on a day of work."""
    zone = ZoneInfo(person.time_zone)
    today = local_day(at, time_zone=person.time_zone)
    is_morning = MORNING <= at.astimezone(zone).time() < time(12)
    if not is_morning or not is_business_day(today, jurisdiction=person.jurisdiction_id):
        return None
    return Morning(datetime.combine(today, MORNING, zone), soon_until(person, at=at))


def waiting_this_morning(
    mornings: Mapping[uuid.UUID, Morning], *, at: datetime
) -> dict[uuid.UUID, Waiting]:
    """Count for many reviewers at once what waited when their morning began; none is left out.

    The same steps as `queue_of` gives each of them, in as many queries for thousands as for one.
    """
    handlers = _Handlers(at)
    counts: defaultdict[uuid.UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
    for step in _running_steps():
        for person in handlers.of(step) & mornings.keys():
            morning = mornings[person]
            if step.opened_at < morning.began_at:
                count = counts[person]
                count[0] += 1
                count[1] += at < step.due_at <= morning.soon_until
                count[2] += step.due_at <= at
    return {person: Waiting(*count) for person, count in counts.items()}


class _Step(NamedTuple):
    request: uuid.UUID
    reviewer: str
    fallback: str
    escalated_at: datetime | None
    requester: uuid.UUID
    line_manager: uuid.UUID | None
    is_sensitive: bool
    opened_at: datetime
    due_at: datetime


def _running_steps() -> Iterable[_Step]:
    rows = ReviewStep.objects.open().filter(RUNNING).values_list(
        "request", "reviewer", "fallback", "escalated_at", "request__requester",
        "request__requester__line_manager", "request__is_sensitive", "opened_at", "due_at",
    )  # fmt: skip
    return (_Step(*row) for row in rows.iterator())


class _Handlers:
    """Who can decide which step at a moment."""

    def __init__(self, at: datetime) -> None:
        members = Employee.objects.filter(is_active=True, groups__name__in=TEAMS)
        self.teams = _grouped(members.values_list("groups__name", "pk"))
        away = Delegation.objects.in_force(at).filter(
            person__is_active=True, delegate__is_active=True
        )
        self.stand_ins = _grouped(away.values_list("person", "delegate"))
        decided = Decision.objects.filter(request__steps__in=ReviewStep.objects.open())
        self.decided = _grouped(decided.values_list("request", "by"))

    def of(self, step: _Step) -> set[uuid.UUID]:
        """Return who can decide this step, as `reviewing.queue_of` does."""
        found = set(self.teams[step.reviewer])
        if step.escalated_at is not None:
            found |= self.teams[step.fallback]
        if step.reviewer == Reviewer.MANAGER and step.line_manager is not None:
            found |= {step.line_manager} | self.stand_ins[step.line_manager]
        found -= {step.requester} | self.decided[step.request]
        return found - {step.line_manager} if step.is_sensitive else found


def _grouped[K](pairs: Iterable[tuple[K, uuid.UUID]]) -> defaultdict[K, set[uuid.UUID]]:
    groups: defaultdict[K, set[uuid.UUID]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return groups
