"""Deciding a step: who may, what may be said, and what a decision lets stand."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consent_app.register.queries import application_slugs
from exemptions.actions import conversation, decisions
from exemptions.errors import (
    CodeMissing,
    NothingChosen,
    NotInRegister,
    NotNarrower,
    NotYourStep,
    OwnRequest,
    PeriodOutOfRange,
    PeriodOver,
    ReasonMissing,
    SomebodyWasFirst,
    TextTooLong,
    WiderThanAsked,
    WrongState,
)
from exemptions.models import DeclineCode, State, Verdict
from exemptions.queries import own
from exemptions.sealed import decision_text
from tests.conftest import NOON
from tests.exemption_fixtures import (
    ORDINARY,
    PROTECTED,
    SENSITIVE,
    denied,
    events_of,
    fresh,
    nothing_changes,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")
SOME_DAYS = timedelta(days=10)


@pytest.fixture
def slugs(grounds):
    return sorted(application_slugs())


def decide(request, by, verdict=Verdict.APPROVE, *, seen=None, **words):
    return decisions.decide(
        request=request,
        by=by,
        seen=fresh(request).version if seen is None else seen,
        verdict=verdict,
        **words,
    )


def test_first_yes_opens_the_next_step(make_request, organisation):
    request = make_request()

    decide(request, organisation.jonas)

    request = fresh(request)
    step = own.open_step(request)
    assert (request.state, step.position, step.reviewer) == (State.IN_REVIEW, 2, "hr_reviewer")
    assert request.exemption is None
    assert events_of(request)[-2:] == ["step.decided", "step.opened"]
    assert told(organisation.mira) == ["request_moved_on", "request_submitted"]


def test_last_yes_grants_what_was_asked(make_request, organisation, laptop):
    request = make_request(ground=PROTECTED)
    decide(request, organisation.jonas)

    decide(request, organisation.legal[0])

    request = fresh(request)
    assert (request.state, request.granted) == (State.APPROVED, request.asked)
    assert request.decided_at == NOON
    assert (request.protection, request.protected_scope) == (None, "")
    assert denied(laptop, NOON) == {"exemption"}
    assert denied(laptop, request.exemption.ends_at) == set()
    assert told(organisation.mira) == ["request_decided", "request_moved_on", "request_submitted"]


def test_no_ends_the_protection(make_request, organisation, laptop):
    request = make_request(ground=PROTECTED)

    decide(
        request, organisation.jonas, Verdict.DECLINE,
        code="work_needs_it", text="Orders are typed here.",
    )  # fmt: skip

    request = fresh(request)
    assert (request.state, request.exemption, request.protection) == (State.DECLINED, None, None)
    assert denied(laptop, NOON) == set()
    [decision] = own.decisions_on(request)
    assert decision_text(request, decision) == "Orders are typed here."
    assert (decision.code, decision.scope) == ("work_needs_it", None)


def test_decision_keeps_what_was_seen(make_request, organisation):
    request = make_request()
    note = conversation.write_note(request=request, by=organisation.jonas, text="Ask HR.")

    decision = decide(request, organisation.jonas)

    statement = own.statement_of(request)
    assert decision.saw == {
        "version": request.version,
        "messages": [str(statement.pk), str(note.pk)],
        "attachments": [],
    }


@pytest.mark.parametrize("ground", [ORDINARY, SENSITIVE])
def test_nobody_decides_on_their_own(make_request, organisation, ground):
    request = make_request(organisation.hr[0], ground=ground)

    with nothing_changes(), pytest.raises(OwnRequest):
        decide(request, organisation.hr[0])


@pytest.mark.parametrize("who", ["noor", "mira's hr", "auditor", "owner"])
def test_nobody_decides_on_a_step_of_others(make_request, organisation, who):
    person = organisation.hr[0] if who == "mira's hr" else getattr(organisation, who)
    request = make_request()

    with nothing_changes(), pytest.raises(NotYourStep):
        decide(request, person)


def test_manager_is_done_after_their_step(make_request, organisation):
    request = make_request()
    decide(request, organisation.jonas)

    with nothing_changes(), pytest.raises(NotYourStep):
        decide(request, organisation.jonas)


def test_old_screen_decides_nothing(make_request, organisation):
    request = make_request()
    conversation.add_statement(request=request, by=organisation.mira, text="And one more thing.")

    with nothing_changes(), pytest.raises(SomebodyWasFirst, match="Mira Okafor wrote a message"):
        decide(request, organisation.jonas, seen=request.version)
    assert decide(request, organisation.jonas)


def test_decided_request_is_not_decided_again(make_request, decide_all, organisation):
    request = decide_all(make_request())

    with nothing_changes(), pytest.raises(WrongState, match="closed the request: it is approved"):
        decide(request, organisation.hr[1])


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ({"verdict": Verdict.DECLINE, "code": "ground_not_met"}, ReasonMissing),
        ({"verdict": Verdict.DECLINE, "code": "ground_not_met", "text": " \n"}, ReasonMissing),
        ({"verdict": Verdict.APPROVE_IN_PART}, ReasonMissing),
        ({"verdict": Verdict.DECLINE, "text": "No."}, CodeMissing),
        ({"verdict": Verdict.DECLINE, "text": "No.", "code": "because"}, CodeMissing),
        ({"verdict": Verdict.APPROVE, "text": "x" * 10_001}, TextTooLong),
    ],
)
def test_words_that_do_not_do(make_request, organisation, words, refusal):
    request = make_request()

    with nothing_changes(), pytest.raises(refusal):
        decide(request, organisation.jonas, **words)


def test_code_left_in_the_form_does_not_spoil_a_yes(make_request, organisation):
    request = make_request()

    decision = decide(request, organisation.jonas, code=DeclineCode.WORK_NEEDS_IT)

    assert decision.code == ""


def in_part(request, by, **changes):
    return decide(
        request,
        by,
        Verdict.APPROVE_IN_PART,
        text="Less is enough.",
        scope=replace(request.asked, **changes),
    )


def test_part_is_what_the_next_step_starts_from(make_request, organisation, slugs, laptop):
    request = make_request(applications=frozenset(slugs[:3]))
    in_part(request, organisation.jonas, applications=frozenset(slugs[:2]))

    decide(request, organisation.hr[0])

    request = fresh(request)
    assert request.state == State.PARTLY_APPROVED
    assert request.granted == replace(request.asked, applications=frozenset(slugs[:2]))
    assert request.exemption.applications == slugs[:2]
    [deny] = laptop.newest_document().deny
    assert deny.applications == frozenset(slugs[:2])


def test_second_step_does_not_widen_what_the_first_left(make_request, organisation, slugs):
    request = make_request(applications=frozenset(slugs[:3]))
    in_part(request, organisation.jonas, applications=frozenset(slugs[:2]))

    with nothing_changes(), pytest.raises(WiderThanAsked):
        in_part(request, organisation.hr[0], applications=frozenset(slugs[1:3]))
    in_part(request, organisation.hr[0], applications=frozenset(slugs[1:2]))
    assert fresh(request).granted.applications == frozenset(slugs[1:2])


def test_part_narrows_everything_to_some(make_request, organisation, slugs):
    request = make_request(ground=SENSITIVE)
    in_part(request, organisation.hr[0], applications=frozenset(slugs[:2]))

    in_part(
        fresh(request), organisation.legal[0],
        applications=frozenset(slugs[:1]), kinds=frozenset({"keystrokes"}),
        ends_on=request.ends_on - SOME_DAYS,
    )  # fmt: skip

    exemption = fresh(request).exemption
    assert (exemption.applications, exemption.kinds) == (slugs[:1], ["keystrokes"])
    assert fresh(request).granted.ends_on == request.ends_on - SOME_DAYS


def wider(asked, slugs):
    return [
        {"applications": frozenset(slugs[:4])},
        {"applications": None},
        {"kinds": None},
        {"kinds": frozenset({"keystrokes", "mouse_click"})},
        {"starts_on": asked.starts_on - timedelta(days=1)},
        {"ends_on": asked.ends_on + timedelta(days=1)},
        {"ends_on": None, "review_on": asked.ends_on},
    ]


@pytest.mark.parametrize("number", range(7))
def test_part_is_never_wider(make_request, organisation, slugs, number):
    request = make_request(
        applications=frozenset(slugs[:3]), kinds=frozenset({"keystrokes"}), first_day=2
    )

    with nothing_changes(), pytest.raises(WiderThanAsked):
        in_part(request, organisation.jonas, **wider(request.asked, slugs)[number])


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, NotNarrower),
        ({"applications": frozenset()}, NothingChosen),
        ({"kinds": frozenset()}, NothingChosen),
        ({"applications": frozenset({"no-such-thing"})}, NotInRegister),
        ({"kinds": frozenset({"screen"})}, NotInRegister),
        ({"starts_on": NOON.date() + timedelta(days=61)}, PeriodOutOfRange),
        ({"review_on": NOON.date() + timedelta(days=9)}, PeriodOutOfRange),
    ],
)
def test_part_has_to_be_something(make_request, organisation, changes, refusal):
    request = make_request()

    with nothing_changes(), pytest.raises(refusal):
        in_part(request, organisation.jonas, **changes)


def test_open_end_can_be_given_an_end(make_request, organisation):
    request = make_request(days=None)
    in_part(request, organisation.jonas, ends_on=NOON.date() + timedelta(days=400), review_on=None)

    decide(request, organisation.hr[0])

    assert fresh(request).exemption.ends_at is not None


@pytest.mark.parametrize("far", [NOON.date() + timedelta(days=733), date.max])
def test_open_end_is_not_given_an_end_far_away(make_request, organisation, far):
    request = make_request(days=None)

    with nothing_changes(), pytest.raises(PeriodOutOfRange):
        in_part(request, organisation.jonas, ends_on=far, review_on=None)


def test_open_end_stays_open(make_request, decide_all):
    request = decide_all(make_request(days=None))

    assert request.exemption.ends_at is None
    assert request.granted_review_on == request.review_on


def test_what_is_over_is_not_approved_any_more(make_request, organisation, frozen_time):
    request = make_request(days=2)
    frozen_time.shift(timedelta(days=3))

    with nothing_changes(), pytest.raises(PeriodOver):
        decide(request, organisation.jonas)
    decide(request, organisation.jonas, Verdict.DECLINE, code="ground_not_met", text="Too late.")
    assert fresh(request).state == State.DECLINED


def test_last_day_asked_for_can_be_approved(make_request, decide_all, frozen_time):
    request = make_request(days=2)
    frozen_time.shift(timedelta(days=2))

    assert decide_all(request).exemption.ends_at == NOON.replace(hour=0) + timedelta(days=3)


def test_protection_that_was_over_keeps_its_end(make_request, organisation, frozen_time):
    request = make_request(ground=PROTECTED, days=2)
    protection = request.protection
    frozen_time.shift(timedelta(days=9))

    decide(request, organisation.jonas, Verdict.DECLINE, code="ground_not_met", text="Too late.")

    ends_at = protection.ends_at
    protection.refresh_from_db()
    assert protection.ends_at == ends_at


def test_exemption_begins_on_its_first_day(make_request, decide_all, laptop):
    request = decide_all(make_request(first_day=20))

    starts_at = NOON.replace(hour=0) + timedelta(days=20)
    assert request.exemption.starts_at == starts_at
    assert not request.is_in_force(NOON)
    assert denied(laptop, starts_at) == {"exemption"}
