"""The lists of the review page: which requests stand on which tab, in which order, and how many.

A list ends at MOST_LISTED and a count at MOST_COUNTED, so that neither reads more of the tables
than somebody can look through; search and filters reach the rest. What a reviewer may not know of
is left out here, before anything is counted.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, TextChoices

from exemptions.models import (
    Attachment,
    Decision,
    ExemptionRequest,
    Ground,
    Message,
    ReviewStep,
)
from exemptions.models.requests import ReviewStepQuerySet
from exemptions.queries.reviewing import (
    Reviewing,
    decided_by,
    mine,
    mine_of,
    queue_of,
    queues_of,
    steps_before,
)

MOST_LISTED = 500
MOST_COUNTED = 100


class Tab(TextChoices):
    """A request that waits for the requester's answer is on no other tab but WAITING."""

    MINE = "mine", "Mine"
    TEAM = "team", "My team's"
    OVERDUE = "overdue", "Overdue"
    WAITING = "waiting", "Waiting for the person"
    DECIDED = "decided", "Decided by me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a tab somebody wants to see; empty for all."""

    name: str = ""
    ground: str = ""
    state: str = ""

    @property
    def condition(self) -> Q:
        condition = Q()
        if self.name:
            condition &= Q(request__requester__name__icontains=self.name)
        if self.ground:
            condition &= Q(request__ground=self.ground)
        if self.state:
            condition &= Q(request__state=self.state)
        return condition


def grounds_for(who: Reviewing) -> QuerySet[Ground]:
    """Return the grounds that requests before this reviewer can have."""
    return Ground.objects.all() if who.teams else Ground.objects.filter(is_sensitive=False)


def counts(who: Reviewing, *, at: datetime, known: Mapping[Tab, int]) -> dict[Tab, int]:
    """Count each tab but those that are `known`; MOST_COUNTED stands for that many or more."""
    queues = queues_of(who)
    return {
        tab: min(known[tab], MOST_COUNTED)
        if tab in known
        else _listed(who, tab, Wanted(), queues, at=at, most=MOST_COUNTED).count()
        for tab in Tab
    }


def listed(who: Reviewing, tab: Tab, wanted: Wanted, *, at: datetime) -> list[uuid.UUID]:
    """Return the ids of a tab's steps, the most urgent first, or of its decisions, newest first."""
    found = _listed(who, tab, wanted, queues_of(who), at=at, most=MOST_LISTED)
    return [pk for pk, _ in found]


def steps_of_page(who: Reviewing, ids: Sequence[uuid.UUID]) -> list[ReviewStep]:
    """Return steps of this reviewer's queue, in the order of `ids`, with what a row shows."""
    steps = (
        queue_of(who)
        .filter(pk__in=ids)
        .select_related("request__requester__line_manager", "request__route")
        .prefetch_related("request__route__steps")
    )
    found = {step.pk: step for step in steps}
    return [found[pk] for pk in ids if pk in found]


def decisions_of_page(who: Reviewing, ids: Sequence[uuid.UUID]) -> list[Decision]:
    """Return this reviewer's decisions, in the order of `ids`, with what a row shows."""
    decisions = decided_by(who).filter(pk__in=ids)
    found = {decision.pk: decision for decision in decisions.defer("text", "saw")}
    return [found[pk] for pk in ids if pk in found]


def cases_to_decide(who: Reviewing, ids: Sequence[uuid.UUID]) -> list[ExemptionRequest]:
    """Return the requests among `ids` that this reviewer can decide now, in that order."""
    return _cases(ids, queue_of(who))


def cases_to_answer(who: Reviewing, ids: Sequence[uuid.UUID]) -> list[ExemptionRequest]:
    """Return those that they may open, decided by now or not: each decision gets an answer."""
    return _cases(ids, steps_before(who))


def open_step_of(case: ExemptionRequest) -> ReviewStep | None:
    """Return the open step of a request whose steps were read along."""
    return next((step for step in case.steps.all() if step.closed_at is None), None)


def _cases(ids: Sequence[uuid.UUID], reached: ReviewStepQuerySet) -> list[ExemptionRequest]:
    """Return requests with their steps and all that was written and attached."""
    visible = ExemptionRequest.objects.filter(Exists(reached.filter(request=OuterRef("pk"))))
    rows = visible.select_related("requester", "ground", "route").prefetch_related(
        "route__steps",
        "steps",
        Prefetch("messages", Message.objects.select_related("author")),
        Prefetch("attachments", Attachment.objects.only("request")),
    )
    found = {row.pk: row for row in rows.filter(pk__in=ids)}
    return [found[pk] for pk in ids if pk in found]


def _listed(
    who: Reviewing,
    tab: Tab,
    wanted: Wanted,
    ways: Sequence[ReviewStepQuerySet],
    *,
    at: datetime,
    most: int,
) -> QuerySet[Any, tuple[uuid.UUID, datetime]]:
    """Return the first `most` of a tab: the id, and what they are sorted by."""
    if tab == Tab.DECIDED:
        decisions = decided_by(who).filter(wanted.condition)
        return decisions.values_list("pk", "decided_at")[:most]
    condition = _of_tab(who, tab, at=at) & wanted.condition
    # Each way by itself walks its index in order and stops; together they would be sorted whole.
    queues = mine_of(who) if tab == Tab.MINE else ways
    first, *others = (
        queue.filter(condition).values_list("pk", "due_at")[:most] for queue in queues
    )
    if not others:
        return first
    return first.union(*others).order_by("due_at", "pk")[:most]


def _of_tab(who: Reviewing, tab: Tab, *, at: datetime) -> Q:
    if tab == Tab.WAITING:
        return Q(stopped_at__isnull=False)
    running = Q(stopped_at__isnull=True)
    if tab == Tab.MINE:
        return running
    if tab == Tab.TEAM:
        return running & ~mine(who)
    return running & Q(due_at__lte=at)
