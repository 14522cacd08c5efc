"""Questions, answers, messages, notes and longer legal deadlines."""

from datetime import date, timedelta

import pytest

from consent_app.people.models import Jurisdiction
from exemptions import rules
from exemptions.actions import conversation, decisions, steps
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import (
    DeadlineNotExtensible,
    NotYourStep,
    OwnRequest,
    SomebodyWasFirst,
    TextMissing,
    TextTooLong,
    TooManyAdditions,
    TooManyQuestions,
    WrongState,
)
from exemptions.models import State, Verdict
from exemptions.queries import own
from exemptions.sealed import message_text
from tests.conftest import NOON
from tests.exemption_fixtures import (
    SENSITIVE,
    events_of,
    fresh,
    nothing_changes,
    protects_from,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")


def ask(request, by, text="Which work?", *, seen=None):
    return conversation.ask_for_information(
        request=request, by=by, seen=fresh(request).version if seen is None else seen, text=text
    )


def answer(request, text="All of it."):
    return conversation.answer_question(request=request, by=request.requester, text=text)


def midnight(days):
    return NOON.replace(hour=0) + timedelta(days=days)


def test_question_waits_for_the_requester(make_request, organisation):
    request = make_request()

    ask(request, organisation.jonas)

    request = fresh(request)
    step = own.open_step(request)
    assert request.state == State.INFORMATION_REQUESTED
    assert (step.stopped_at, step.days_left) == (NOON, 3)
    assert told(organisation.mira) == ["request_question", "request_submitted"]


def test_question_stops_the_clock_and_not_the_legal_one(make_request, organisation, frozen_time):
    Jurisdiction.objects.update(response_deadline_days=45)
    request = make_request()
    ask(request, organisation.jonas)
    frozen_time.shift(timedelta(days=40))

    keep_time()

    assert own.open_step(request).escalated_at is None
    assert protects_from(request) == midnight(46)
    assert fresh(request).legal_due_on == date(2027, 1, 7)


def test_question_without_a_legal_clock_stops_all(make_request, organisation):
    request = make_request()

    ask(request, organisation.jonas)

    assert protects_from(request) is None


def test_answer_gives_the_step_the_days_that_were_left(make_request, organisation, frozen_time):
    request = make_request()
    frozen_time.shift(timedelta(days=1))
    ask(request, organisation.jonas)
    frozen_time.shift(timedelta(days=13))

    answer(request)

    step = own.open_step(request)
    assert (step.stopped_at, step.days_left) == (None, None)
    assert step.due_at == midnight(17)  # two business days after 7 December
    assert protects_from(request) == midnight(19)
    assert told(organisation.jonas) == ["review_answered", "review_waiting"]


def test_answer_after_the_deadline_leaves_the_next_business_day(
    make_request, organisation, frozen_time
):
    request = make_request()
    frozen_time.shift(timedelta(days=9))
    ask(request, organisation.jonas)
    answer(request)

    assert own.open_step(request).due_at == midnight(11)


def test_what_silence_protects_a_question_does_not_take_away(
    make_request, organisation, frozen_time
):
    request = make_request()
    began = protects_from(request)
    frozen_time.shift(timedelta(days=30))

    ask(request, organisation.jonas)
    answer(request)

    assert protects_from(request) == began


@pytest.mark.parametrize("text", ["", " \n ", "\x00"])
def test_question_needs_words(make_request, organisation, text):
    request = make_request()

    with nothing_changes(), pytest.raises(TextMissing):
        ask(request, organisation.jonas, text)


def test_long_words_are_refused(make_request, organisation):
    request = make_request()

    with nothing_changes(), pytest.raises(TextTooLong):
        ask(request, organisation.jonas, "x" * 10_001)
    ask(request, organisation.jonas, "x" * 10_000)


def test_question_is_asked_by_whoever_decides(make_request, organisation):
    request = make_request()

    with nothing_changes(), pytest.raises(NotYourStep):
        ask(request, organisation.hr[0])
    with nothing_changes(), pytest.raises(OwnRequest):
        ask(request, organisation.mira)


def test_one_question_at_a_time(make_request, organisation):
    request = make_request()
    ask(request, organisation.jonas)

    with nothing_changes(), pytest.raises(WrongState):
        ask(request, organisation.jonas)
    with nothing_changes(), pytest.raises(SomebodyWasFirst, match="asked for information"):
        ask(request, organisation.jonas, seen=request.version)


def test_nothing_is_answered_that_was_not_asked(make_request):
    request = make_request()

    with nothing_changes(), pytest.raises(WrongState):
        answer(request)


def test_answer_goes_to_whoever_has_the_step_now(make_request, organisation):
    request = make_request(ground=SENSITIVE)
    dana, hugo = organisation.hr
    ask(request, dana)
    dana.groups.clear()
    steps.assign_step(request=request, by=hugo, to=hugo)

    answer(request)

    assert told(dana) == []
    assert told(hugo) == ["review_answered"]


def test_step_can_be_decided_without_the_answer(make_request, organisation):
    request = make_request()
    ask(request, organisation.jonas)

    decisions.decide(
        request=request, by=organisation.jonas, seen=fresh(request).version,
        verdict=Verdict.APPROVE,
    )  # fmt: skip

    assert (fresh(request).state, own.open_step(request).position) == (State.IN_REVIEW, 2)
    assert own.open_step(request).stopped_at is None


def test_addition_makes_the_screen_of_reviewers_old(make_request, organisation):
    request = make_request()

    conversation.add_statement(request=request, by=organisation.mira, text="One more thing.")

    assert fresh(request).version == request.version + 1
    assert events_of(request)[-1] == "message.added"


def test_additions_leave_time_to_decide(make_request, organisation, frozen_time):
    request = make_request(ground=SENSITIVE)
    for _ in range(rules.MAX_ADDITIONS):
        conversation.add_statement(request=request, by=organisation.mira, text="And another.")

    with nothing_changes(), pytest.raises(TooManyAdditions):
        conversation.add_statement(request=request, by=organisation.mira, text="And another.")
    frozen_time.shift(timedelta(days=1))
    conversation.add_statement(request=request, by=organisation.mira, text="A last one.")


def test_nothing_is_added_to_what_is_decided(make_request, decide_all, organisation):
    request = decide_all(make_request())

    with nothing_changes(), pytest.raises(WrongState):
        conversation.add_statement(request=request, by=organisation.mira, text="One more thing.")


def test_message_is_told_and_stops_no_clock(make_request, organisation):
    request = make_request()

    conversation.write_message(
        request=request, by=organisation.jonas, seen=request.version, text="I am at it."
    )

    assert own.open_step(request).stopped_at is None
    assert told(organisation.mira) == ["request_message", "request_submitted"]
    assert "I am at it." in [message_text(request, message) for message in own.messages_of(request)]


def test_note_is_not_for_the_requester(make_request, organisation):
    request = make_request()
    log = events_of(request)

    note = conversation.write_note(request=request, by=organisation.jonas, text="Ask HR.")

    assert note not in own.messages_of(request)
    assert told(organisation.mira) == ["request_submitted"]
    assert (events_of(request), fresh(request).version) == (log, request.version)


def test_nobody_else_writes_to_a_request(make_request, organisation):
    request = make_request()

    for person in (organisation.hr[0], organisation.noor, organisation.owner):
        with nothing_changes(), pytest.raises(NotYourStep):
            conversation.write_note(request=request, by=person, text="Hello.")
    with nothing_changes(), pytest.raises(OwnRequest):
        conversation.write_note(request=request, by=organisation.mira, text="Hello.")


def extend(request, by, until):
    return conversation.extend_deadline(
        request=request, by=by, seen=fresh(request).version, until=until, text="Many requests."
    )


@pytest.fixture
def european(make_request):
    """A request under the GDPR: to be answered by 23 December, or 23 February once extended."""
    Jurisdiction.objects.update(response_deadline_days=30, regime="EU GDPR")
    return make_request(days=300)


def test_legal_deadline_is_extended_to_three_months(european, organisation):
    extend(european, organisation.jonas, date(2027, 2, 23))

    request = fresh(european)
    assert (request.legal_due_on, request.legal_extended_at) == (date(2027, 2, 23), NOON)
    assert events_of(request)[-1] == "deadline.extended"
    assert told(organisation.mira) == ["request_delayed", "request_submitted"]


def test_longer_legal_deadline_protects_later(european, organisation):
    ask(european, organisation.jonas)
    assert protects_from(european) == midnight(31)

    extend(european, organisation.jonas, date(2027, 2, 23))

    assert protects_from(european) == midnight(93)


@pytest.mark.parametrize("until", [date(2027, 2, 24), date(2026, 12, 23), date(2026, 12, 1)])
def test_legal_deadline_is_extended_within_the_law(european, organisation, until):
    with nothing_changes(), pytest.raises(DeadlineNotExtensible, match="Choose a day after"):
        extend(european, organisation.jonas, until)


def test_legal_deadline_is_extended_once(european, organisation):
    extend(european, organisation.jonas, date(2027, 1, 23))

    with nothing_changes(), pytest.raises(DeadlineNotExtensible):
        extend(european, organisation.jonas, date(2027, 2, 23))


def test_legal_deadline_is_not_extended_once_it_passed(european, organisation, frozen_time):
    frozen_time.shift(timedelta(days=30))
    with nothing_changes(), pytest.raises(NotYourStep):
        extend(european, organisation.noor, date(2027, 2, 23))
    frozen_time.shift(timedelta(days=1))

    with nothing_changes(), pytest.raises(DeadlineNotExtensible):
        extend(european, organisation.jonas, date(2027, 2, 23))


def test_no_legal_deadline_no_extension(make_request, organisation):
    request = make_request()

    with nothing_changes(), pytest.raises(DeadlineNotExtensible):
        extend(request, organisation.jonas, date(2027, 1, 23))


def test_asking_for_ever_puts_nothing_off(make_request, organisation):
    request = make_request()
    for _ in range(3):
        conversation.ask_for_information(
            request=request, by=organisation.jonas, seen=fresh(request).version, text="And?"
        )
        conversation.answer_question(request=fresh(request), by=organisation.mira, text="So.")

    with pytest.raises(TooManyQuestions):
        conversation.ask_for_information(
            request=request, by=organisation.jonas, seen=fresh(request).version, text="And?"
        )

    assert fresh(request).state == State.IN_REVIEW
