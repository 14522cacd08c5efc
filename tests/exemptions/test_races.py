"""Two at once: exactly one of them happens, and whoever came second is told who was first."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from consent_app.audit.verification import verify_log
from consent_app.restrictions.models import Restriction, Source
from exemptions.actions import conversation, decisions, submission
from exemptions.errors import PeriodOver, SomebodyWasFirst, WrongState
from exemptions.models import Decision, State, Verdict
from tests.exemption_fixtures import ORDINARY, SENSITIVE, TWO_PEOPLE, events_of, fresh, told

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = 12
NO = {"verdict": Verdict.DECLINE, "code": "ground_not_met", "text": "Not covered."}
YES = {"verdict": Verdict.APPROVE}


def race(*actions):
    """Do all at the same moment; return for each what it raised, or None."""
    start = threading.Barrier(len(actions))

    def run(action):
        start.wait()
        try:
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [done.exception() for done in [pool.submit(run, action) for action in actions]]


def decision(request, by, words):
    return lambda: decisions.decide(request=request, by=by, seen=request.version, **words)


def withdrawal(request):
    return lambda: submission.withdraw_request(request=request, by=request.requester)


@pytest.fixture
def last_step(make_request, make_employee, organisation):
    """Make requests of many people that wait for a decision of HR, which will be the last."""
    count = 0

    def make(ground=ORDINARY):
        nonlocal count
        count += 1
        person = make_employee(f"Person {count}", line_manager=organisation.jonas)
        request = make_request(person, ground=ground)
        if ground == ORDINARY:
            decision(request, organisation.jonas, YES)()
        return fresh(request)

    return make


def assert_one_outcome(request, outcomes, *, ended_by):
    """Assert that one of `outcomes` is none, and that all that is written fits it."""
    request = fresh(request)
    [refused] = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(refused, SomebodyWasFirst | WrongState)
    ends = [event for event in events_of(request) if event in ended_by.values()]
    assert ends == [ended_by[request.state]]
    rows = Restriction.objects.filter(cause=request.cause, source=Source.EXEMPTION)
    assert list(rows) == ([request.exemption] if request.exemption else [])
    assert (request.exemption is not None) == (request.state == State.APPROVED)
    assert request.protection is None
    return refused


def test_approve_against_withdraw(last_step, organisation):
    won = set()
    for number in range(PAIRS):
        request, dana = last_step(), organisation.hr[0]

        actions = [decision(request, dana, YES), withdrawal(request)]
        outcomes = race(*(actions if number % 2 else reversed(actions)))

        refused = assert_one_outcome(
            request,
            outcomes,
            ended_by={State.APPROVED: "request.decided", State.WITHDRAWN: "request.withdrawn"},
        )
        request = fresh(request)
        first = {
            State.APPROVED: "Dana Ortiz closed the request: it is approved",
            State.WITHDRAWN: f"{request.requester.name} withdrew the request",
        }
        assert first[request.state] in str(refused)
        decided = told(request.requester).count("request_decided")
        assert decided == (request.state == State.APPROVED)
        won.add(request.state)
    assert verify_log([]).is_intact
    assert won


def test_approve_against_decline(last_step, organisation):
    dana, hugo = organisation.hr
    for _ in range(PAIRS):
        request = last_step()

        outcomes = race(decision(request, dana, YES), decision(request, hugo, NO))

        refused = assert_one_outcome(
            request,
            outcomes,
            ended_by={State.APPROVED: "request.decided", State.DECLINED: "request.decided"},
        )
        winner = "Dana Ortiz" if fresh(request).state == State.APPROVED else "Hugo Brandt"
        assert isinstance(refused, SomebodyWasFirst)
        assert str(refused).startswith(f"{winner} closed the request")
        assert told(request.requester).count("request_decided") == 1
        assert Decision.objects.filter(request=request, step__position=2).count() == 1
    assert verify_log([]).is_intact


def test_two_reviewers_say_yes_to_one_step(last_step, organisation):
    for _ in range(PAIRS):
        request = last_step(SENSITIVE)

        outcomes = race(*(decision(request, person, YES) for person in organisation.hr))

        [refused] = [outcome for outcome in outcomes if outcome is not None]
        assert isinstance(refused, SomebodyWasFirst)
        winner = organisation.hr[outcomes.index(None)].name
        assert str(refused).startswith(f"{winner} approved the request")
        assert events_of(request).count("step.opened") == 2
        assert told(request.requester).count("request_moved_on") == 1


def test_two_people_of_a_step_for_two_decide_one_after_the_other(last_step, organisation):
    for _ in range(5):
        request = last_step(TWO_PEOPLE)

        outcomes = race(*(decision(request, person, YES) for person in organisation.legal[:2]))

        [refused] = [outcome for outcome in outcomes if outcome is not None]
        assert isinstance(refused, SomebodyWasFirst)
        assert fresh(request).state == State.IN_REVIEW
        loser = organisation.legal[outcomes.index(refused)]
        decision(fresh(request), loser, YES)()
        assert fresh(request).state == State.APPROVED


def test_same_form_sent_twice_counts_once(last_step, organisation):
    request, dana = last_step(), organisation.hr[0]

    outcomes = race(*[decision(request, dana, YES)] * 8)

    assert outcomes.count(None) == 1
    assert events_of(request).count("request.decided") == 1


def test_decision_against_an_answer_has_one_order(last_step, organisation):
    dana = organisation.hr[0]
    for _ in range(PAIRS):
        request = last_step()
        ask = {"request": request, "by": dana, "seen": request.version, "text": "Why?"}
        conversation.ask_for_information(**ask)
        request = fresh(request)

        def answer(request=request):
            conversation.answer_question(request=request, by=request.requester, text="So.")

        outcomes = race(decision(request, dana, YES), answer)

        assert outcomes.count(None) == 1
        state = fresh(request).state
        assert state == (State.APPROVED if outcomes[0] is None else State.IN_REVIEW)


def test_five_drafts_at_once_protect_one_scope_once(make_draft, organisation):
    requests = [make_draft(ground=SENSITIVE) for _ in range(5)]

    outcomes = race(
        *(
            lambda draft=draft: submission.submit_request(request=draft, by=draft.requester)
            for draft in requests
        )
    )

    assert outcomes.count(None) == 1
    assert Restriction.objects.filter(source=Source.PROTECTION).count() == 1


def test_appeal_twice_is_one_appeal(last_step, organisation):
    request = last_step()
    decision(request, organisation.hr[0], NO)()

    def appeal():
        submission.appeal(request=request, by=request.requester, text="Look again.")

    assert race(*[appeal] * 4).count(None) == 1
    assert events_of(request).count("appeal.filed") == 1


def test_decision_after_the_period_is_over(make_request, organisation, frozen_time):
    request = make_request(days=1)
    frozen_time.shift(2 * 24 * 60 * 60)

    outcomes = race(
        decision(request, organisation.jonas, YES), decision(request, organisation.jonas, NO)
    )

    assert isinstance(outcomes[0], PeriodOver | SomebodyWasFirst)
    assert outcomes[1] is None
    assert fresh(request).state == State.DECLINED
