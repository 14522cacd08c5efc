"""Anybody does anything at any time: what must hold of requests holds after every step.

The machine acts through the real actions on the real database. `MACHINE_EXAMPLES=500` lets it go on
for longer, on other paths each time; without it, it takes the same paths always.
"""

import os
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from consent_app.audit.models import Leaf
from consent_app.audit.verification import verify_log
from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.roles import Role
from consent_app.register.queries import application_slugs
from consent_app.restrictions.models import Restriction, Source
from exemptions.actions import conversation, decisions, delegations, drafts, steps, submission
from exemptions.actions.drafts import Covering
from exemptions.actions.timekeeping import keep_time
from exemptions.deadlines import add_business_days, end_of_day, latest_extension, local_day
from exemptions.models import (
    PENDING,
    ExemptionRequest,
    Message,
    MessageKind,
    State,
    Verdict,
)
from exemptions.queries import own, reviewing
from exemptions.scope import Scope
from portal.lib.refusals import Refusal
from tests.conftest import NOON
from tests.exemption_fixtures import (
    BATTERY,
    ORDINARY,
    PROTECTED,
    SENSITIVE,
    TWO_PEOPLE,
    fresh,
    give_role,
)

EXAMPLES = os.environ.get("MACHINE_EXAMPLES")
MACHINE = settings(
    max_examples=int(EXAMPLES or 12),
    stateful_step_count=40,
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
GROUNDS = (ORDINARY, PROTECTED, SENSITIVE, TWO_PEOPLE, BATTERY)
GRANTED = (State.APPROVED, State.PARTLY_APPROVED, State.OVERTURNED)
LATELY = timedelta(days=90)
MANY = 6
WITHOUT_TEXT = Message.objects.defer("text")
people = st.integers(0, 8)
numbers = st.integers(0, 5)


@dataclass
class Declined:
    """What somebody was told no to."""

    request: ExemptionRequest
    at: datetime


class Requests(RuleBasedStateMachine):
    """Nine people, some with roles, two who manage each other, and their requests."""

    def __init__(self, grounds, staff):
        super().__init__()
        self.grounds, self.slugs = grounds, sorted(application_slugs())
        self.staff = staff
        self.roles = {person.pk: person.roles for person in Employee.objects.filter(pk__in=staff)}
        self.declined: list[Declined] = []
        self.protected_by_grounds: set[object] = set()
        self.world = ExitStack()
        # All of it is undone at the end, for the next example.
        self.world.enter_context(transaction.atomic())
        self.clock = self.world.enter_context(time_machine.travel(NOON, tick=False))

    def teardown(self):
        report = verify_log([])
        transaction.set_rollback(True)
        self.world.close()
        assert report.is_intact

    # What anybody may try

    @initialize(count=st.integers(1, 3), data=st.data())
    def begin(self, count, data):
        for _ in range(count):
            self.send(
                data.draw(people), data.draw(st.sampled_from(GROUNDS)), 0, 0, 40, data.draw(numbers)
            )

    @rule(
        who=people,
        ground=st.sampled_from(GROUNDS),
        covered=st.integers(0, 2),
        first_day=st.sampled_from([0, 0, 4]),
        days=st.sampled_from([3, 40, 200, None]),
        kind=numbers,
    )
    def send(self, who, ground, covered, first_day, days, kind):
        if ExemptionRequest.objects.count() >= MANY:
            return
        person = self.person(who)
        today = timezone.localdate() + timedelta(days=first_day)
        if days is None:
            period = Scope(None, None, today, review_on=today + timedelta(days=100))
        else:
            period = Scope(None, None, today, ends_on=today + timedelta(days=days))
        covering = Covering(
            frozenset(self.slugs[:covered]) or None,
            frozenset({"keystrokes"}) if kind == 0 else None,
        )
        self.attempt(lambda: self.fill_in_and_send(person, ground, covering, period))

    def fill_in_and_send(self, person, ground, covering, period):
        draft = drafts.start_draft(employee=person, ground=self.grounds[ground])
        drafts.choose_covering(request=draft, covering=covering)
        drafts.choose_period(request=draft, scope=period)
        drafts.write_statement(request=draft, text="Because.")
        sent = submission.submit_request(request=draft, by=person)
        self.note_protection(sent)

    def note_protection(self, sent):
        lately = any(
            said.request.requester_id == sent.requester_id
            and said.request.ground_id == sent.ground_id
            and said.request.asked.overlaps(sent.asked)
            and said.at > timezone.now() - LATELY
            for said in self.declined
        )
        overlapping = [
            earlier
            for earlier in ExemptionRequest.objects.filter(
                requester=sent.requester_id, ground=sent.ground_id
            ).exclude(state=State.DRAFT)
            if earlier.asked.overlaps(sent.asked)
        ]
        since = timezone.now() - LATELY
        withdrawn = [
            one for one in overlapping if one.state == State.WITHDRAWN and one.decided_at > since
        ]
        revoked = [one for one in overlapping if one.revoked_at and one.revoked_at > since]
        lately = lately or len(withdrawn) > 2 or bool(revoked)
        if sent.route.protects_while_pending and not lately:
            self.protected_by_grounds.add(sent.pk)

    @rule(who=people, which=numbers, said=st.sampled_from("yyyynp"), is_old=numbers)
    def decide(self, who, which, said, is_old):
        if (request := self.request(which, *PENDING)) is None:
            return
        words = {
            "y": {"verdict": Verdict.APPROVE},
            "n": {"verdict": Verdict.DECLINE, "code": "ground_not_met", "text": "No."},
            "p": {
                "verdict": Verdict.APPROVE_IN_PART, "text": "Less.", "scope": self.less(request),
            },
        }[said]  # fmt: skip
        seen = request.version - (is_old == 0)
        self.attempt(
            lambda: decisions.decide(request=request, by=self.person(who), seen=seen, **words)
        )
        self.note_outcome(request)

    def less(self, request):
        asked = request.asked
        if asked.applications is None:
            return replace(asked, applications=frozenset(self.slugs[:3]))
        return replace(asked, applications=frozenset(sorted(asked.applications)[:1]))

    def note_outcome(self, request):
        now = fresh(request)
        refused = (State.DECLINED, State.PARTLY_APPROVED, State.UPHELD)
        if now.state in refused and request.state in PENDING:
            self.declined.append(Declined(now, timezone.now()))
        if now.state == State.OVERTURNED:
            self.declined = [said for said in self.declined if said.request.pk != now.pk]

    @rule(who=people, which=numbers, said=st.sampled_from("yyyyyynp"))
    def decide_by_whoever_may(self, who, which, said):
        """Go on along the route; chance alone would seldom find the one who may."""
        if person := self.able(who, which):
            self.decide(person, which, said, 1)

    @rule(who=people, which=numbers, said=st.sampled_from("yyyyyynp"))
    def decide_by_another_who_may(self, who, which, said):
        self.decide_by_whoever_may(who, which, said)

    def able(self, who, which):
        """Return one of those who may decide on a pending request now; None if nobody may."""
        if (request := self.request(which, *PENDING)) is None:
            return None
        step, now = own.open_step(request), timezone.now()
        able = [
            person
            for person in self.everybody()
            if reviewing.may_handle(reviewing.reviewing_as(person, at=now), step)
            and not reviewing.has_decided(person, request)
        ]
        return able[who % len(able)] if able else None

    @rule(which=st.integers(0, 20))
    def withdraw(self, which):
        if which <= MANY and (request := self.request(which)):
            self.attempt(lambda: submission.withdraw_request(request=request, by=request.requester))

    @rule(which=numbers)
    def appeal(self, which):
        if request := self.request(which, State.DECLINED, State.PARTLY_APPROVED, State.UPHELD):
            self.attempt(
                lambda: submission.appeal(request=request, by=request.requester, text="Again.")
            )
            if request.route.protects_while_pending:
                self.protected_by_grounds.add(request.pk)

    @rule(which=numbers)
    def renew(self, which):
        if request := self.request(which, *GRANTED):
            self.attempt(lambda: self.send_renewal(request))

    def send_renewal(self, request):
        sent = submission.renew_exemption(request=request, by=request.requester)
        self.note_protection(sent)

    @rule(who=people, which=numbers, days=st.sampled_from([8, 20]))
    def revoke(self, who, which, days):
        if request := self.request(which, *GRANTED, State.UPHELD):
            last_day = timezone.localdate() + timedelta(days=days)
            now = timezone.now()
            able = [p for p in self.everybody() if decisions.may_revoke(request, p, at=now)]
            who = able[who] if who < len(able) else who
            self.attempt(
                lambda: decisions.revoke_exemption(
                    request=request, by=self.person(who), seen=request.version,
                    last_day=last_day, text="It ended.",
                )
            )  # fmt: skip

    @rule(who=people, which=numbers)
    def ask(self, who, which):
        who = (self.able(who, which) or who) if who < 5 else who
        if request := self.request(which, *PENDING):
            self.attempt(
                lambda: conversation.ask_for_information(
                    request=request, by=self.person(who), seen=request.version, text="Why?"
                )
            )

    @rule(which=numbers)
    def answer(self, which):
        if request := self.request(which, State.INFORMATION_REQUESTED):
            self.attempt(
                lambda: conversation.answer_question(
                    request=request, by=request.requester, text="So."
                )
            )

    @rule(who=people, which=numbers)
    def extend(self, who, which):
        if (request := self.request(which, *PENDING)) is None:
            return
        place = request.requester.jurisdiction
        until = latest_extension(
            timezone.localdate(), days=place.response_deadline_days, regime=place.regime
        )
        self.attempt(
            lambda: conversation.extend_deadline(
                request=request, by=self.person(who), seen=request.version, until=until,
                text="Many requests.",
            )
        )  # fmt: skip

    @rule(who=people, to=people, which=numbers)
    def assign(self, who, to, which):
        if request := self.request(which, *PENDING):
            self.attempt(
                lambda: steps.assign_step(request=request, by=self.person(who), to=self.person(to))
            )

    @rule(who=people, to=people)
    def delegate(self, who, to):
        delegate = self.person(to) if to != who else None
        now = timezone.now()
        self.attempt(
            lambda: delegations.start_delegation(
                person=self.person(who), by=self.person(who), delegate=delegate, starts_at=now,
                ends_at=now + timedelta(days=5), reason="Away.",
            )
        )  # fmt: skip

    @rule(who=people, manager=people)
    def change_manager(self, who, manager):
        successor = None if manager == who else self.staff[manager]
        Employee.objects.filter(pk=self.staff[who]).update(line_manager=successor)

    @rule(who=people)
    def leave_or_come_back(self, who):
        person = self.person(who)
        Employee.objects.filter(pk=person.pk).update(is_active=not person.is_active)

    @rule(hours=st.sampled_from([1, 24, 7 * 24, 30 * 24]), is_kept=st.booleans())
    def time_passes(self, hours, is_kept):
        self.clock.shift(timedelta(hours=hours))
        if is_kept:
            keep_time()

    # What has to hold

    @invariant()
    def all_holds(self):
        now = timezone.now()
        found = Found()
        for request in found.requests:
            assert_decided_by_others_and_once(request)
            assert_nothing_is_wider(request)
            assert_entries(request, found.log[f"exemptionrequest:{request.pk}"])
            assert_granted_is_restricted(request, found)
            assert_everybody_agreed(request)
            assert_waits_at_one_step(request)
            self.assert_protected(request, found, now)
        assert found.log.total() == {f"exemptionrequest:{pk}" for pk in found.pks}
        self.assert_seen_by_nobody_else(found, now)

    def assert_protected(self, request, found, now):
        """Grounds and silence protect until it is decided, and not for longer."""
        rows = found.restrictions[request.cause, Source.PROTECTION]
        in_force = [row for row in rows if is_in_force(row, now)]
        if not request.is_pending:
            assert (in_force, request.protection, request.protected_scope) == ([], None, "")
            return
        asked = request.asked
        is_time = asked.starts_on <= now.date() and (
            asked.ends_on is None or now.date() <= asked.ends_on
        )
        by_grounds = request.pk in self.protected_by_grounds
        assert len(in_force) <= 1
        if is_time and (by_grounds or is_silent(request, now)):
            assert in_force == [request.protection]
        if not by_grounds:
            assert request.protected_scope == ""

    def assert_seen_by_nobody_else(self, found, now):
        confidential = [
            (step, request)
            for request in found.requests
            if request.is_sensitive
            for step in request.steps.all()
        ]
        if not confidential:
            return
        for person in self.everybody():
            who = reviewing.reviewing_as(person, at=now)
            seen = reviewing.steps_before(who).filter(request__is_sensitive=True)
            allowed = {step.pk for step, request in confidential if may_see(person, step, request)}
            assert set(seen.values_list("pk", flat=True)) == allowed

    # Who and what there is

    def person(self, who):
        if isinstance(who, Employee):
            return who
        return Employee.objects.get(pk=self.staff[who])

    def everybody(self):
        """Return all of them as they are now; their roles never change."""
        everybody = list(Employee.objects.filter(pk__in=self.staff))
        for person in everybody:
            person.roles = self.roles[person.pk]
        return everybody

    def request(self, which, *states):
        """Return one of the requests, in one of these states if any is; None if there is none."""
        found = ExemptionRequest.objects.order_by("created_at", "submitted_at", "pk")
        if states:
            found = found.filter(state__in=states)
        pks = list(found.values_list("pk", flat=True))
        if not pks:
            return None
        return fresh(ExemptionRequest(pk=pks[which % len(pks)]))

    def attempt(self, action):
        """Do it; a refusal undoes all of it, and anything else is a fault."""
        try:
            with transaction.atomic():
                action()
        except Refusal:
            pass


class Found:
    """All that is stored, read at once."""

    def __init__(self):
        self.requests = list(
            ExemptionRequest.objects.select_related(
                "requester", "route", "exemption", "protection", "renewal"
            ).prefetch_related(
                "steps", "decisions", "route__steps", Prefetch("messages", WITHOUT_TEXT)
            )
        )
        self.pks = {request.pk for request in self.requests}
        self.log = Log(Leaf.objects.values_list("subject", "event"))
        self.restrictions = defaultdict(list)
        for row in Restriction.objects.all():
            self.restrictions[row.cause, row.source].append(row)


class Log(defaultdict):
    """How often each event is there, by what it is about."""

    def __init__(self, entries):
        super().__init__(Counter)
        for subject, event in entries:
            self[subject][event] += 1

    def total(self):
        return {subject for subject in self if subject.startswith("exemptionrequest:")}


def is_in_force(row, at):
    return row.starts_at <= at and (row.ends_at is None or at < row.ends_at)


def open_steps_of(request):
    return [step for step in request.steps.all() if step.closed_at is None]


def is_silent(request, now):
    """Whether a deadline has passed that makes silence protect."""
    [step] = open_steps_of(request)
    if request.legal_due_on is not None and request.legal_due_on < now.date():
        return True
    if step.stopped_at is not None:
        return False
    due_on = local_day(step.due_at - timedelta(seconds=1), time_zone="UTC")
    silent_on = add_business_days(
        due_on, step.grace_days, jurisdiction=request.requester.jurisdiction_id
    )
    return now >= end_of_day(silent_on, time_zone="UTC")


def assert_decided_by_others_and_once(request):
    by = [decision.by_id for decision in request.decisions.all()]
    assert request.requester_id not in by
    assert len(set(by)) == len(by)


def assert_nothing_is_wider(request):
    for decision in request.decisions.all():
        assert decision.scope is None or decision.scope.is_within(request.asked)
    if request.granted is None:
        return
    never_began = request.exemption.starts_at == request.exemption.ends_at
    if request.state != State.REVOKED or not never_began:
        assert request.granted.is_within(request.asked)


def assert_granted_is_restricted(request, found):
    rows = found.restrictions[request.cause, Source.EXEMPTION]
    if request.granted is None:
        assert rows == []
        assert request.state not in (*GRANTED, State.REVOKED)
        return
    row = request.exemption
    assert (row.applications, row.kinds) == (request.granted_applications, request.granted_kinds)
    assert all(other.ends_at <= row.starts_at for other in rows if other != row)
    renewal = getattr(request, "renewal", None)
    if renewal is None or renewal.exemption_id is None:
        last_day = request.granted_ends_on
        assert row.ends_at == (last_day and end_of_day(last_day, time_zone="UTC"))


def assert_everybody_agreed(request):
    if request.state not in (State.APPROVED, State.PARTLY_APPROVED):
        return
    places = {step.pk: step.position for step in request.steps.all()}
    agreed = Counter(
        places[decision.step_id]
        for decision in request.decisions.all()
        if decision.verdict != Verdict.DECLINE
    )
    assert all(agreed[plan.position] >= plan.people for plan in request.route.steps.all())


def assert_waits_at_one_step(request):
    assert len(open_steps_of(request)) == request.is_pending


def assert_entries(request, entries):
    written = Counter(message.kind for message in request.messages.all())
    appeals = sum(step.is_appeal for step in request.steps.all())
    is_withdrawn = request.state == State.WITHDRAWN
    expected = {
        "request.submitted": 1,
        "request.withdrawn": is_withdrawn,
        "request.decided": request.decided_at is not None and not is_withdrawn,
        "appeal.filed": appeals,
        "appeal.decided": appeals if not request.is_pending else 0,
        "exemption.revoked": request.state == State.REVOKED,
        "step.opened": len(request.steps.all()),
        "step.decided": len(request.decisions.all()),
        "information.requested": written[MessageKind.QUESTION],
        "information.answered": written[MessageKind.ANSWER],
        "deadline.extended": written[MessageKind.DELAY],
    }
    assert {event: entries[event] for event in expected} == expected


def may_see(person, step, request):
    """Say anew, from the design and not from the code, who may see a confidential step."""
    requester = request.requester
    if not person.is_active or person == requester or requester.line_manager_id == person.pk:
        return False
    return step.reviewer in person.roles or (
        step.escalated_at is not None and step.fallback in person.roles
    )


@pytest.fixture
def staff(make_employee, db):
    """Nine people: two who manage each other, HR who manages HR, and one with no manager."""
    Jurisdiction.objects.filter(code="US-CA").update(response_deadline_days=45)
    names = ("Mira", "Jonas", "Dana", "Hugo", "Priya", "Lena", "Omar", "Samuel", "Ada")
    made = [make_employee(name) for name in names]
    roles = {
        2: Role.HR_REVIEWER, 3: Role.HR_REVIEWER, 4: Role.LEGAL_REVIEWER, 5: Role.LEGAL_REVIEWER,
        6: Role.LEGAL_REVIEWER, 7: Role.IT_ADMINISTRATOR,
    }  # fmt: skip
    for number, role in roles.items():
        give_role(made[number], role)
    give_role(made[6], Role.HR_REVIEWER)
    for person, manager in {0: 1, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 3, 7: 1}.items():
        Employee.objects.filter(pk=made[person].pk).update(line_manager=made[manager])
    Jurisdiction.objects.update(response_deadline_days=45)
    return [person.pk for person in made]


@pytest.mark.timeout(0)
def test_anybody_does_anything_at_any_time(grounds, staff):
    run_state_machine_as_test(lambda: Requests(grounds, staff), settings=MACHINE)
