"""Appeals: once, in time, heard by somebody else, and never for less than before."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consent_app.people.models import Jurisdiction
from exemptions.actions import conversation, decisions, steps, submission
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import (
    AppealTooLate,
    AssigneeNotAble,
    DecidedAlready,
    NotYourStep,
    TextMissing,
    WiderThanAsked,
    WrongState,
)
from exemptions.models import State, Verdict
from exemptions.queries import own
from exemptions.queries.history import last_change
from tests.conftest import NOON
from tests.exemption_fixtures import (
    ORDINARY,
    PROTECTED,
    TWO_PEOPLE,
    denied,
    events_of,
    fresh,
    nothing_changes,
    protects_from,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")
HALF = NOON.date() + timedelta(days=30)


def appeal(request):
    return submission.appeal(request=request, by=request.requester, text="Look again.")


def decide(request, by, verdict, **words):
    if verdict == Verdict.DECLINE:
        words = {"code": "ground_not_met", "text": "Not covered."} | words
    return decisions.decide(
        request=request, by=by, seen=fresh(request).version, verdict=verdict, **words
    )


@pytest.fixture
def declined(make_request, organisation):
    """Declined at its second step, by the first of HR."""
    request = make_request(ground=ORDINARY)
    decide(request, organisation.jonas, Verdict.APPROVE)
    decide(request, organisation.hr[0], Verdict.DECLINE)
    return fresh(request)


@pytest.fixture
def half(make_request, organisation):
    """Approved for half of the time, by the line manager and the first of HR."""
    request = make_request(ground=ORDINARY)
    decide(request, organisation.jonas, Verdict.APPROVE)
    decide(
        request, organisation.hr[0], Verdict.APPROVE_IN_PART,
        text="A month is enough.", scope=replace(request.asked, ends_on=HALF),
    )  # fmt: skip
    return fresh(request)


def test_appeal_waits_for_another_of_the_team(declined, organisation):
    appeal(declined)

    step = own.open_step(declined)
    assert fresh(declined).state == State.APPEALED
    assert (step.position, step.reviewer, step.is_appeal) == (3, "hr_reviewer", True)
    with nothing_changes(), pytest.raises(DecidedAlready):
        decide(declined, organisation.hr[0], Verdict.DECLINE)
    decide(declined, organisation.hr[1], Verdict.APPROVE)
    request = fresh(declined)
    assert (request.state, request.granted) == (State.OVERTURNED, request.asked)
    assert events_of(request).count("appeal.decided") == 1
    assert last_change(request).sentence == (
        "Hugo Brandt closed the appeal: the decision is overturned."
    )
    assert "appeal_decided" in told(organisation.mira)


def test_who_decided_has_no_hand_in_the_appeal(declined, organisation):
    appeal(declined)
    dana, hugo = organisation.hr
    ask = {"request": declined, "seen": fresh(declined).version, "text": "Why?"}

    for refused in (
        lambda: conversation.ask_for_information(by=dana, **ask),
        lambda: conversation.write_message(by=dana, **ask),
        lambda: conversation.write_note(request=declined, by=dana, text="Decline it."),
        lambda: steps.assign_step(request=declined, by=dana, to=hugo),
    ):
        with nothing_changes(), pytest.raises(DecidedAlready):
            refused()
    with nothing_changes(), pytest.raises(AssigneeNotAble):
        steps.assign_step(request=declined, by=hugo, to=dana)


def test_manager_does_not_hear_an_appeal(make_request, organisation):
    request = make_request()
    decide(request, organisation.jonas, Verdict.DECLINE)
    appeal(request)

    with nothing_changes(), pytest.raises(NotYourStep):
        decide(request, organisation.jonas, Verdict.APPROVE)


def test_appeal_against_two_people_goes_to_a_third(make_request, organisation):
    request = make_request(ground=TWO_PEOPLE)
    for person in organisation.legal[:2]:
        decide(request, person, Verdict.DECLINE)
    appeal(request)

    for person in organisation.legal[:2]:
        with nothing_changes(), pytest.raises(DecidedAlready):
            decide(request, person, Verdict.DECLINE)
    decide(request, organisation.legal[2], Verdict.APPROVE)
    assert fresh(request).state == State.OVERTURNED


def test_upheld_decline_grants_nothing(declined, organisation):
    appeal(declined)

    decide(declined, organisation.hr[1], Verdict.DECLINE)

    request = fresh(declined)
    assert (request.state, request.exemption, request.protection) == (State.UPHELD, None, None)
    with nothing_changes(), pytest.raises(WrongState):
        appeal(request)


def test_upheld_part_stays_granted(half, organisation, laptop):
    appeal(half)

    decide(half, organisation.hr[1], Verdict.DECLINE)

    request = fresh(half)
    assert (request.state, request.granted.ends_on) == (State.UPHELD, HALF)
    assert request.exemption == half.exemption
    assert denied(laptop, NOON) == {"exemption"}


def test_appeal_grants_more_in_the_place_of_the_part(half, organisation, laptop):
    appeal(half)

    decide(half, organisation.hr[1], Verdict.APPROVE)

    request = fresh(half)
    assert request.granted == request.asked
    assert request.exemption != half.exemption
    assert denied(laptop, NOON + timedelta(days=50)) == {"exemption"}
    half.exemption.refresh_from_db()
    assert half.exemption.ends_at == NOON


def test_appeal_never_leaves_less(half, organisation):
    appeal(half)
    less = replace(half.asked, ends_on=HALF - timedelta(days=1))

    with nothing_changes(), pytest.raises(WiderThanAsked, match="never leaves less"):
        decide(half, organisation.hr[1], Verdict.APPROVE_IN_PART, text="Less.", scope=less)


def test_appeal_may_grant_a_part_again(half, organisation):
    appeal(half)
    more = replace(half.asked, ends_on=HALF + timedelta(days=9))

    decide(half, organisation.hr[1], Verdict.APPROVE_IN_PART, text="Nine days more.", scope=more)

    assert fresh(half).granted == more


def test_longer_end_is_told_anew(half, organisation, frozen_time):
    keep_time()
    frozen_time.shift(timedelta(days=29))
    keep_time()
    appeal(half)
    decide(half, organisation.hr[1], Verdict.APPROVE)

    keep_time()

    assert fresh(half).expiry_told_days is None
    frozen_time.shift(timedelta(days=3))
    keep_time()
    assert fresh(half).expiry_told_days == 30


def test_appeal_within_30_days(declined, frozen_time):
    frozen_time.shift(timedelta(days=30))

    assert appeal(declined).state == State.APPEALED


def test_no_appeal_after_30_days(declined, frozen_time):
    frozen_time.shift(timedelta(days=30, seconds=1))

    with nothing_changes(), pytest.raises(AppealTooLate):
        appeal(declined)


def test_no_appeal_without_a_word(declined):
    with nothing_changes(), pytest.raises(TextMissing):
        submission.appeal(request=declined, by=declined.requester, text="\n")


@pytest.mark.parametrize("verdict", [None, Verdict.APPROVE])
def test_no_appeal_against_what_was_not_declined(make_request, decide_all, verdict):
    request = make_request()
    if verdict:
        request = decide_all(request, verdict)

    with nothing_changes(), pytest.raises(WrongState):
        appeal(request)


def test_grounds_that_protect_do_so_from_the_appeal(make_request, organisation, laptop):
    request = make_request(ground=PROTECTED, first_day=9)
    decide(request, organisation.jonas, Verdict.DECLINE)

    appeal(request)
    keep_time()

    assert protects_from(request) == NOON.replace(hour=0) + timedelta(days=9)
    assert denied(laptop, NOON + timedelta(days=9)) == {"protection"}
    assert "request_protected" not in told(organisation.mira)


def test_appeal_has_a_legal_deadline_of_its_own(make_request, organisation, frozen_time):
    Jurisdiction.objects.update(response_deadline_days=30, regime="GDPR")
    request = make_request()
    decide(request, organisation.jonas, Verdict.DECLINE)
    frozen_time.shift(timedelta(days=29))

    appeal(request)

    assert fresh(request).legal_due_on == date(2027, 1, 21)
    step = own.open_step(request)
    assert protects_from(request) > step.due_at
    conversation.extend_deadline(
        request=request, by=organisation.hr[0], seen=fresh(request).version,
        until=date(2027, 3, 22), text="The works council is asked.",
    )  # fmt: skip
    assert fresh(request).legal_due_on == date(2027, 3, 22)
