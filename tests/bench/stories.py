"""Makes up what happened to a request, as rows that can be written and events for the log.

The same people, times and words each time; ids and keys are new.
"""

import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from consent_app.people.models import Employee
from consent_app.restrictions.models import Restriction, Source
from exemptions import events, rules
from exemptions.deadlines import add_business_days, end_of_day, legal_due_on, local_day
from exemptions.models import (
    Attachment,
    Decision,
    DeclineCode,
    ExemptionRequest,
    Message,
    MessageKind,
    Reviewer,
    ReviewStep,
    Route,
    RouteStep,
    State,
    Verdict,
)
from exemptions.sealed import seal_bytes, seal_text
from portal.lib import sealing
from tests.bench.company import Company
from tests.bench.history import Event

ONE_DAY = timedelta(days=1)
ONE_HOUR = timedelta(hours=1)
# Submitted at least so many days ago, so that all its steps are over.
DECIDED_AGE = (30, 730)
APPEALED_AGE = (75, 730)
# How often each ground is given, in percent; 15 in 100 are confidential.
GROUNDS = {
    "disability-or-health": 6, "religion-or-belief": 2, "union-or-collective-activity": 2,
    "reporting-wrongdoing": 2, "personal-safety": 3, "protected-work": 12,
    "protected-jurisdictions": 8, "personal-data-on-device": 12, "objection-to-training": 30,
    "weak-connection": 6, "cannot-stay-plugged-in": 5, "battery-or-performance": 7, "other": 5,
}  # fmt: skip
OUTCOMES = {
    State.APPROVED: 45, State.PARTLY_APPROVED: 14, State.DECLINED: 25, State.WITHDRAWN: 8,
    State.REVOKED: 3, State.UPHELD: 3, State.OVERTURNED: 2,
}  # fmt: skip
GRANTED = {State.APPROVED, State.PARTLY_APPROVED, State.OVERTURNED, State.REVOKED}
APPEALS = {State.UPHELD, State.OVERTURNED}
# States between a draft and where the request stands.
ON_THE_WAY = {
    State.APPROVED: [State.IN_REVIEW],
    State.PARTLY_APPROVED: [State.IN_REVIEW],
    State.DECLINED: [State.IN_REVIEW],
    State.WITHDRAWN: [State.IN_REVIEW],
    State.REVOKED: [State.IN_REVIEW, State.APPROVED],
    State.APPEALED: [State.IN_REVIEW, State.DECLINED],
    State.UPHELD: [State.IN_REVIEW, State.DECLINED, State.APPEALED],
    State.OVERTURNED: [State.IN_REVIEW, State.DECLINED, State.APPEALED],
}
WORDS = (
    "my work on this laptop is mostly with people outside who never agreed to be part of it and "
    "being captured while I write to them changes what I say and how long I take for an answer"
)


@dataclass
class Rows:
    """The rows of some requests, apart by what has to be there before."""

    restrictions: list[Restriction] = field(default_factory=list)
    requests: list[ExemptionRequest] = field(default_factory=list)
    # The states a request goes through after its draft.
    states: dict[ExemptionRequest, list[State]] = field(default_factory=dict)
    # By position: of a request one step at a time is open.
    steps: dict[int, list[ReviewStep]] = field(default_factory=lambda: defaultdict(list))
    closed: dict[int, list[tuple[ReviewStep, datetime]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    decisions: dict[int, list[Decision]] = field(default_factory=lambda: defaultdict(list))
    messages: list[Message] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    protected: list[tuple[ExemptionRequest, Restriction, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Teller:
    """What all stories share."""

    company: Company
    routes: dict[str, Route]
    now: datetime
    chance: random.Random

    def tell(self, rows: Rows, person: Employee, *, is_open: bool) -> None:
        """Add one request of `person` to `rows`."""
        story = _Story(self, rows, person)
        if is_open:
            story.tell_open()
        else:
            story.tell_decided()


class _Story:
    def __init__(self, teller: Teller, rows: Rows, person: Employee) -> None:
        self.company, self.now, self.chance = teller.company, teller.now, teller.chance
        self.rows, self.person = rows, person
        self.route = teller.routes[self._pick(GROUNDS)]
        self.deciders: list[Employee] = []
        self.written: list[Message] = []

    # Two kinds of stories

    def tell_decided(self) -> None:
        outcome = self._pick(OUTCOMES)
        at = self._long_ago(*(APPEALED_AGE if outcome in APPEALS else DECIDED_AGE))
        request = self._submit(at)
        if outcome == State.WITHDRAWN:
            at = self._withdraw(request, at)
        else:
            at = self._decide(request, at, self._verdict_before(outcome))
            if outcome in APPEALS:
                at = self._hear_appeal(request, at + ONE_DAY, outcome)
        request.decided_at = at
        if outcome in GRANTED:
            self._grant(request, at, is_revoked=outcome == State.REVOKED)
        self._end(request, outcome)

    def tell_open(self) -> None:
        """A request that waits at its first or a later step, a few at an appeal."""
        is_appeal = self.chance.random() < 0.03
        plans = list(self.route.steps.all())
        plan = self.chance.choice(plans)
        age = self.chance.random() * (1.6 * plan.target_days + 1)
        opened_at = self.now - timedelta(days=age)
        before = timedelta(days=4 * (plan.position - 1) + (20 if is_appeal else 0))
        request = self._submit(opened_at - before)
        if is_appeal:
            request.decided_at = self._decide(request, request.submitted_at, Verdict.DECLINE)
            self._appeal(opened_at)
            step = self._appeal_step(request, opened_at)
        else:
            for earlier in plans[: plan.position - 1]:
                step = self._open(request, earlier, request.submitted_at)
                self._take(request, step, step.opened_at, Verdict.APPROVE, latest=opened_at)
            step = self._open(request, plan, opened_at)
        state = State.APPEALED if is_appeal else State.IN_REVIEW
        self._let_wait(request, step, state)

    # Their parts

    def _submit(self, at: datetime) -> ExemptionRequest:
        person, ground = self.person, self.route.ground
        today = local_day(at, time_zone=person.time_zone)
        days = self.chance.choice((60, 120, 180, 365, None))
        request = ExemptionRequest(
            requester=person, ground=ground, is_sensitive=ground.is_sensitive, route=self.route,
            sealing_key=sealing.new_data_key(), created_at=at - ONE_HOUR, submitted_at=at,
            version=3, starts_on=today,
            kinds=self.chance.choice((None, None, ["keystrokes"], ["mouse_movement"])),
            ends_on=today + timedelta(days=days) if days else None,
            review_on=None if days else today + timedelta(days=365),
            legal_due_on=legal_due_on(today, days=person.jurisdiction.response_deadline_days),
        )  # fmt: skip
        self.request = request
        self.rows.requests.append(request)
        self._write(MessageKind.STATEMENT, person, at - ONE_HOUR, words=60)
        if self.chance.random() < 0.05:
            self._attach(request, at)
        self._happened(at, events.REQUEST_SUBMITTED, person)
        return request

    def _decide(self, request: ExemptionRequest, at: datetime, verdict: Verdict) -> datetime:
        """Let each step say yes and the last, or any if it is a no, say `verdict`."""
        plans = list(self.route.steps.all())
        last = self.chance.choice(plans) if verdict == Verdict.DECLINE else plans[-1]
        for plan in plans[: last.position]:
            step = self._open(request, plan, at)
            at = self._take(request, step, at, verdict if plan is last else Verdict.APPROVE)
        state = {Verdict.DECLINE: State.DECLINED, Verdict.APPROVE: State.APPROVED}.get(
            verdict, State.PARTLY_APPROVED
        )
        self._happened(at, events.REQUEST_DECIDED, self.deciders[-1], state=state.value)
        return at

    def _open(self, request: ExemptionRequest, plan: RouteStep, at: datetime) -> ReviewStep:
        return self._open_step(
            request, at, position=plan.position, reviewer=plan.reviewer, fallback=plan.fallback,
            people=plan.people, target_days=plan.target_days, grace_days=plan.grace_days,
        )  # fmt: skip

    def _appeal_step(self, request: ExemptionRequest, at: datetime) -> ReviewStep:
        return self._open_step(
            request, at, position=len(self.route.steps.all()) + 1, is_appeal=True, people=1,
            reviewer=self.route.appeal_reviewer, target_days=5, grace_days=2,
        )  # fmt: skip

    def _open_step(self, request: ExemptionRequest, at: datetime, **plan: object) -> ReviewStep:
        step = ReviewStep(request=request, opened_at=at, **plan)
        step.due_at = self._days_after(at, step.target_days)
        step.remind_at = self._days_after(at, step.target_days - 1)
        self.rows.steps[step.position].append(step)
        self._happened(
            at, events.STEP_OPENED, self.person, position=step.position,
            due_at=step.due_at.isoformat(),
        )  # fmt: skip
        return step

    def _take(
        self,
        request: ExemptionRequest,
        step: ReviewStep,
        at: datetime,
        verdict: Verdict,
        *,
        latest: datetime | None = None,
    ) -> datetime:
        """Let as many as the step wants decide within a few days, and close it; return when."""
        for _ in range(step.people):
            at += ONE_HOUR * self.chance.randint(4, 90)
            if latest is not None:
                at = min(at, latest)
            self._say(request, step, at, verdict)
        self.rows.closed[step.position].append((step, at))
        return at

    def _say(
        self, request: ExemptionRequest, step: ReviewStep, at: datetime, verdict: Verdict
    ) -> None:
        by = self._decider(step)
        self.deciders.append(by)
        declines = verdict == Verdict.DECLINE
        decision = Decision(
            request=request, step=step, by=by, verdict=verdict, decided_at=at,
            code=self.chance.choice(DeclineCode.values) if declines else "",
            saw={"version": 3, "messages": [str(m.pk) for m in self.written], "attachments": []},
        )  # fmt: skip
        if not declines:
            decision.kinds, decision.starts_on = request.kinds, request.starts_on
            decision.ends_on, decision.review_on = request.ends_on, request.review_on
        decision.text = seal_text(request, self._words(30), purpose=decision.purpose)
        self.rows.decisions[step.position].append(decision)
        self._happened(at - ONE_HOUR, events.REQUEST_OPENED, by)
        self._happened(at, events.STEP_DECIDED, by, position=step.position, verdict=verdict.value)
        if self.chance.random() < 0.1:
            self._write(MessageKind.MESSAGE, by, at - ONE_HOUR / 2, words=25)
            self._happened(at - ONE_HOUR / 2, events.MESSAGE_ADDED, by)

    def _decider(self, step: ReviewStep) -> Employee:
        if step.reviewer == Reviewer.MANAGER:
            return self.person.line_manager
        team = self.company.teams[step.reviewer]
        barred = {self.person, *self.deciders}
        start = self.chance.randrange(len(team))
        return next(person for person in team[start:] + team[:start] if person not in barred)

    def _hear_appeal(self, request: ExemptionRequest, at: datetime, outcome: State) -> datetime:
        self._appeal(at)
        step = self._appeal_step(request, at)
        stands = outcome == State.UPHELD
        at = self._take(request, step, at, Verdict.DECLINE if stands else Verdict.APPROVE)
        self._happened(at, events.APPEAL_DECIDED, self.deciders[-1], state=outcome.value)
        return at

    def _appeal(self, at: datetime) -> None:
        self._write(MessageKind.APPEAL, self.person, at, words=50)
        self._happened(at, events.APPEAL_FILED, self.person)

    def _withdraw(self, request: ExemptionRequest, at: datetime) -> datetime:
        step = self._open(request, self.route.steps.all()[0], at)
        at += ONE_HOUR * self.chance.randint(1, 60)
        self.rows.closed[step.position].append((step, at))
        self._happened(at, events.REQUEST_WITHDRAWN, self.person)
        return at

    def _grant(self, request: ExemptionRequest, at: datetime, *, is_revoked: bool) -> None:
        zone = self.person.time_zone
        ends_on = request.ends_on
        if is_revoked:
            request.revoked_at = at + 10 * ONE_DAY
            ends_on = local_day(request.revoked_at, time_zone=zone) + 7 * ONE_DAY
            self._happened(
                request.revoked_at, events.EXEMPTION_REVOKED, self.deciders[-1],
                ends_on=ends_on.isoformat(),
            )  # fmt: skip
        request.exemption = self._restrict(
            request, Source.EXEMPTION, starts_at=at,
            ends_at=end_of_day(ends_on, time_zone=zone) if ends_on else None,
        )  # fmt: skip
        request.granted_kinds, request.granted_starts_on = request.kinds, request.starts_on
        request.granted_ends_on = ends_on
        request.granted_review_on = None if ends_on else request.review_on
        last_day = request.granted_ends_on or request.granted_review_on
        if last_day:
            left = (last_day - local_day(self.now, time_zone=zone)).days + 1
            told = [days for days in (*rules.REMINDED_BEFORE_END, 0) if left <= days]
            request.expiry_told_days = told[-1] if told else None

    def _let_wait(self, request: ExemptionRequest, step: ReviewStep, state: State) -> None:
        """Give an open step what time and people have done to it so far."""
        if step.reviewer != Reviewer.MANAGER and self.chance.random() < 0.4:
            step.assignee = self._decider(step)
            self._happened(step.opened_at, events.STEP_TAKEN, step.assignee, position=step.position)
        if step.people > 1 and self.chance.random() < 0.4:
            self._say(
                request, step, step.opened_at + (self.now - step.opened_at) / 2, Verdict.APPROVE
            )
        if self.chance.random() < 0.1:
            self._ask(request, step)
        elif step.due_at <= self.now:
            step.escalated_at = step.due_at
            self._happened(step.due_at, events.STEP_ESCALATED, self.person, position=step.position)
        if step.remind_at <= self.now:
            step.reminded_at = step.remind_at
        self._protect(request, step)
        asked = [State.INFORMATION_REQUESTED] if step.stopped_at else []
        self._end(request, state, *asked)

    def _ask(self, request: ExemptionRequest, step: ReviewStep) -> None:
        by = step.assignee or self._decider(step)
        step.stopped_at = step.opened_at + (self.now - step.opened_at) / 2
        step.days_left = 2
        self._write(MessageKind.QUESTION, by, step.stopped_at, words=20)
        self._happened(step.stopped_at, events.INFORMATION_REQUESTED, by)

    def _protect(self, request: ExemptionRequest, step: ReviewStep) -> None:
        """Protect at once where the grounds say so, else when nobody decides in time."""
        key = ""
        starts_at = self._days_after(step.opened_at, step.target_days + step.grace_days)
        if self.route.protects_while_pending:
            key, starts_at = request.asked.key, request.submitted_at
        elif starts_at <= self.now:
            request.protection_told_at = starts_at
        protection = self._restrict(request, Source.PROTECTION, starts_at=starts_at, ends_at=None)
        self.rows.protected.append((request, protection, key))

    def _end(self, request: ExemptionRequest, state: State, *more: State) -> None:
        self.rows.states[request] = [*ON_THE_WAY.get(state, []), state, *more]

    # What they are made of

    def _write(self, kind: MessageKind, by: Employee, at: datetime, *, words: int) -> None:
        message = Message(request=self.request, author=by, kind=kind, written_at=at)
        message.text = seal_text(self.request, self._words(words), purpose=message.purpose)
        self.rows.messages.append(message)
        self.written.append(message)

    def _attach(self, request: ExemptionRequest, at: datetime) -> None:
        content = os.urandom(self.chance.randint(2_000, 16_000))
        file = Attachment(
            request=request, number=1, media_type="application/pdf", extension="pdf",
            size_bytes=len(content), added_at=at - ONE_HOUR,
        )  # fmt: skip
        file.name = seal_text(request, "letter.pdf", purpose=f"{file.purpose}:name")
        file.content = seal_bytes(request, content, purpose=file.purpose)
        self.rows.attachments.append(file)

    def _restrict(
        self,
        request: ExemptionRequest,
        source: Source,
        *,
        starts_at: datetime,
        ends_at: datetime | None,
    ) -> Restriction:
        restriction = Restriction(
            employee=self.person, source=source, cause=request.cause, kinds=request.kinds,
            starts_at=starts_at, ends_at=ends_at, decided_at=min(starts_at, self.now),
        )  # fmt: skip
        self.rows.restrictions.append(restriction)
        return restriction

    def _happened(self, at: datetime, name: str, by: Employee, **details: object) -> None:
        self.rows.events.append(
            Event(at, name, by.pseudonym, self.person.pseudonym, self.request.pk, details)
        )

    def _days_after(self, at: datetime, days: int) -> datetime:
        """Return the end of the `days`-th business day after `at` where the requester works."""
        zone, place = self.person.time_zone, self.person.jurisdiction_id
        day = add_business_days(local_day(at, time_zone=zone), days, jurisdiction=place)
        return end_of_day(day, time_zone=zone)

    def _long_ago(self, least: int, most: int) -> datetime:
        days = self.chance.uniform(least, most)
        return self.now - timedelta(days=days)

    def _words(self, count: int) -> str:
        return " ".join(self.chance.choices(WORDS.split(), k=count))

    def _verdict_before(self, outcome: State) -> Verdict:
        if outcome in APPEALS or outcome == State.DECLINED:
            return Verdict.DECLINE
        in_part = outcome == State.PARTLY_APPROVED
        return Verdict.APPROVE_IN_PART if in_part else Verdict.APPROVE

    def _pick(self, weights: dict) -> Any:
        return self.chance.choices(list(weights), list(weights.values()))[0]
