"""What a reviewer reads of one request, opened and in words, in a bounded number of queries."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from consent_app.register.subjects import visible, visible_lines
from exemptions.deadlines import last_day_before, latest_extension, local_day
from exemptions.models import (
    Attachment,
    Decision,
    ExemptionRequest,
    Message,
    MessageKind,
    Reviewer,
    ReviewStep,
    RouteStep,
)
from exemptions.models.requests import ReviewStepQuerySet
from exemptions.queries import history, own, reviewing
from exemptions.queries.reviewing import Reviewing
from exemptions.scope import Scope
from exemptions.sealed import attachment_name, decision_text, message_text
from exemptions.words.names import RegisterNames, register_names

FEW = 6  # names that a sentence can hold


@dataclass(frozen=True, slots=True)
class ScopeWords:
    """A scope as people read it; no names mean all."""

    scope: Scope
    applications: list[str]
    kinds: list[str]

    @property
    def has_many(self) -> bool:
        return len(self.applications) > FEW


@dataclass(frozen=True, slots=True)
class Passage:
    """Something written, opened, with what can't be seen spelled out."""

    label: str
    author: Employee
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class DecisionWords:
    decision: Decision
    text: str
    scope: ScopeWords | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that the request reached, or one that its route has for later (`step` is None)."""

    who: str
    people: int
    is_appeal: bool
    step: ReviewStep | None
    due_on: date | None
    decisions: list[DecisionWords]


@dataclass(frozen=True, slots=True)
class File:
    attachment: Attachment
    name: str


@sensitive_variables()
def passage_of(request: ExemptionRequest, message: Message) -> Passage:
    text = visible_lines(message_text(request, message))
    return Passage(MessageKind(message.kind).label, message.author, message.written_at, text)


class Case:
    """One request as this reviewer sees it at a moment; `request` comes from `case_for`."""

    def __init__(self, who: Reviewing, request: ExemptionRequest, *, at: datetime) -> None:
        self.who, self.request, self.at = who, request, at
        self.requester = request.requester

    # What is asked

    @cached_property
    def names(self) -> RegisterNames:
        return register_names()

    @cached_property
    def asked(self) -> ScopeWords:
        return self.in_words(self.request.asked)

    @cached_property
    def standing(self) -> ScopeWords:
        """What reviewers have let stand so far; once decided, what was granted."""
        if self.step is None:
            return self.in_words(self.request.granted or self.request.asked)
        return self.in_words(reviewing.standing_scope(self.request, self.step))

    @property
    def is_narrowed(self) -> bool:
        return self.standing.scope != self.asked.scope

    def in_words(self, scope: Scope) -> ScopeWords:
        applications, kinds = self.names.applications_of(scope), self.names.kinds_of(scope)
        return ScopeWords(scope, applications or [], kinds or [])

    # What was written

    @cached_property
    @sensitive_variables()
    def statement(self) -> Passage | None:
        found = (row for row in self._messages if row.kind == MessageKind.STATEMENT)
        return next((passage_of(self.request, row) for row in found), None)

    @cached_property
    @sensitive_variables()
    def conversation(self) -> list[Passage]:
        """What the requester and the reviewers wrote to each other after the statement."""
        apart = {MessageKind.STATEMENT, MessageKind.NOTE}
        return [passage_of(self.request, row) for row in self._messages if row.kind not in apart]

    @cached_property
    @sensitive_variables()
    def notes(self) -> list[Passage]:
        notes = (row for row in self._messages if row.kind == MessageKind.NOTE)
        return [passage_of(self.request, row) for row in notes]

    @cached_property
    @sensitive_variables()
    def files(self) -> list[File]:
        rows = own.attachments_of(self.request)
        return [File(row, visible(attachment_name(self.request, row))) for row in rows]

    # Its way

    @cached_property
    def step(self) -> ReviewStep | None:
        """The step that a pending request waits at."""
        return next((step for step in self._steps if step.closed_at is None), None)

    @cached_property
    def stages(self) -> list[Stage]:
        reached = [self._stage(step) for step in self._steps]
        return reached + [self._later(plan) for plan in self._plans_to_come()]

    @cached_property
    def history(self) -> list[history.HistoryEntry]:
        return history.history_of(self.request, for_requester=False)

    @cached_property
    def earlier(self) -> list[ExemptionRequest]:
        return reviewing.earlier_requests(self.who, self.request)

    @property
    def due_on(self) -> date | None:
        """The requester's day at whose end the open step is due."""
        return self._last_day(self.step) if self.step else None

    @property
    def is_overdue(self) -> bool:
        return bool(self.step and not self.step.stopped_at and self.step.due_at <= self.at)

    @property
    def is_protected(self) -> bool:
        row = self.request.protection
        return row is not None and row.starts_at <= self.at

    @property
    def longest_delay(self) -> date | None:
        """The day up to which the legal deadline may still be extended; None if it can't be."""
        request, step, place = self.request, self.step, self.requester.jurisdiction
        sent_at = step.opened_at if step and step.is_appeal else request.submitted_at
        if request.legal_extended_at or request.legal_due_on is None or sent_at is None:
            return None
        latest = latest_extension(
            self._day(sent_at), days=place.response_deadline_days, regime=place.regime
        )
        still_runs = self._day(self.at) <= request.legal_due_on
        return latest if still_runs and latest and latest > request.legal_due_on else None

    # What this reviewer may do

    @cached_property
    def is_theirs(self) -> bool:
        """Whether the open step is this reviewer's, decided by them or not."""
        return self.step is not None and reviewing.may_handle(self.who, self.step)

    @property
    def has_decided(self) -> bool:
        return any(row.decision.by_id == self.who.person.pk for row in self._decisions)

    @property
    def may_decide(self) -> bool:
        return self.is_theirs and not self.has_decided

    @property
    def may_act(self) -> bool:
        """Whether they may write, ask and hand over; nobody does on the appeal against them."""
        is_appeal = self.step is not None and self.step.is_appeal
        return self.may_decide or (self.is_theirs and not is_appeal)

    @cached_property
    def assignees(self) -> list[Employee]:
        if self.step is None or not self.is_assignable:
            return []
        return reviewing.possible_assignees(self.request, self.step)

    @property
    def is_assignable(self) -> bool:
        """Whether the step is a team's: a line manager's can't be given to anybody."""
        step = self.step
        managers = step and step.reviewer == Reviewer.MANAGER and step.escalated_at is None
        return self.may_act and not managers

    # Rows, each read once

    @cached_property
    def _messages(self) -> list[Message]:
        found = self.request.messages.select_related("author")
        return list(found.order_by("written_at"))

    @cached_property
    def _steps(self) -> list[ReviewStep]:
        steps = list(self.request.steps.select_related("assignee").order_by("position"))
        for step in steps:
            step.request = self.request
        return steps

    @cached_property
    @sensitive_variables()
    def _decisions(self) -> list[DecisionWords]:
        return [
            DecisionWords(
                row,
                visible_lines(decision_text(self.request, row)),
                self.in_words(row.scope) if row.scope else None,
            )
            for row in own.decisions_on(self.request)
        ]

    def _plans_to_come(self) -> list[RouteStep]:
        if self.step is None or self.step.is_appeal or self.request.route is None:
            return []
        return list(self.request.route.steps.filter(position__gt=self.step.position))

    def _stage(self, step: ReviewStep) -> Stage:
        decisions = [row for row in self._decisions if row.decision.step_id == step.pk]
        due_on = self._last_day(step) if step.closed_at is None else None
        return Stage(self._who(step), step.people, step.is_appeal, step, due_on, decisions)

    def _later(self, plan: RouteStep) -> Stage:
        return Stage(
            who=self._named(plan.reviewer), people=plan.people, is_appeal=False,
            step=None, due_on=None, decisions=[],
        )  # fmt: skip

    def _who(self, step: ReviewStep) -> str:
        who = self._named(step.reviewer)
        if step.assignee is not None:
            who = f"{step.assignee.name} ({who})"
        if step.escalated_at is not None and step.fallback:
            who = f"{who}, now also {Reviewer(step.fallback).label}"
        return who

    def _named(self, reviewer: str) -> str:
        manager = self.requester.line_manager
        if reviewer == Reviewer.MANAGER and manager is not None:
            return f"{manager.name} (line manager)"
        label = str(Reviewer(reviewer).label)
        return label[:1].upper() + label[1:]

    def _last_day(self, step: ReviewStep) -> date:
        return last_day_before(step.due_at, time_zone=self.requester.time_zone)

    def _day(self, at: datetime) -> date:
        return local_day(at, time_zone=self.requester.time_zone)


# From one case to the next


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The cases before and after one in the queue: what waits for me by name comes first."""

    previous: uuid.UUID | None
    next: uuid.UUID | None


def neighbours(who: Reviewing, step: ReviewStep | None) -> Neighbours:
    """Return where a reviewer goes from the step of a case, or from one that is done."""
    first, rest = _by_name(who)
    if step is None:
        return Neighbours(None, _nearest(first) or _nearest(rest))
    before, after = _before(step), _after(step)
    if _is_by_name(who, step):
        following = _nearest(first, after) or _nearest(rest)
        return Neighbours(_nearest(first, before, backwards=True), following)
    previous = _nearest(rest, before, backwards=True) or _nearest(first, backwards=True)
    return Neighbours(previous, _nearest(rest, after))


def next_after(who: Reviewing, step: ReviewStep | None) -> uuid.UUID | None:
    """Return what is decided next once `step` is done: never what waits for its requester."""
    runs = Q(stopped_at__isnull=True)
    for part in _by_name(who):
        found = (_nearest(part, runs & _after(step)) if step else None) or _nearest(part, runs)
        if found is not None:
            return found
    return None


def _by_name(who: Reviewing) -> tuple[list[ReviewStepQuerySet], list[ReviewStepQuerySet]]:
    """Return the queue, way by way: what waits for this reviewer by name, and the rest."""
    ways, mine = reviewing.queues_of(who), reviewing.mine(who)
    return [way.filter(mine) for way in ways], [way.exclude(mine) for way in ways]


def _is_by_name(who: Reviewing, step: ReviewStep) -> bool:
    """As `reviewing.mine`, of a step that was read already."""
    managers = step.reviewer == Reviewer.MANAGER
    named = step.request.requester.line_manager_id if managers else None
    return step.assignee_id in who.stands_for or named in who.stands_for


def _nearest(
    ways: list[ReviewStepQuerySet], where: Q | None = None, *, backwards: bool = False
) -> uuid.UUID | None:
    """Return the request of the first step (the last, backwards), in one query for all ways."""
    order = ("-due_at", "-id") if backwards else ("due_at", "id")
    parts = [
        way.filter(where or Q()).order_by(*order).values_list("due_at", "id", "request_id")[:1]
        for way in ways
    ]
    one, *more = parts
    found = list(one.union(*more, all=True).order_by() if more else one)
    if not found:
        return None
    return (max(found) if backwards else min(found))[2]


def _after(step: ReviewStep) -> Q:
    return Q(due_at__gt=step.due_at) | Q(due_at=step.due_at, pk__gt=step.pk)


def _before(step: ReviewStep) -> Q:
    return Q(due_at__lt=step.due_at) | Q(due_at=step.due_at, pk__lt=step.pk)
