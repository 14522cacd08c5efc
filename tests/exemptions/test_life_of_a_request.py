"""The whole way of a request: who decides, what it does on devices, and what is said of it."""

import pytest

from consent_app.notifications.models import Notification
from consent_app.restrictions.models import Restriction, Source
from exemptions.actions import conversation, decisions, submission
from exemptions.errors import DecidedAlready, NotYourStep, OwnRequest, SomebodyWasFirst, WrongState
from exemptions.models import State, Verdict
from exemptions.queries import own, reviewing
from tests.conftest import NOON
from tests.exemption_fixtures import PROTECTED, SENSITIVE, TWO_PEOPLE, events_of, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")


def test_approved_request_takes_collection_away(make_request, decide_all):
    request = decide_all(make_request())

    assert request.state == State.APPROVED
    assert request.exemption.source == Source.EXEMPTION
    assert request.exemption.applications is None
    assert request.protection is None
    in_force = Restriction.objects.filter(employee=request.requester).in_force(NOON)
    assert [row.source for row in in_force] == [Source.EXEMPTION]
    assert events_of(request)[-1] == "request.decided"


def test_declined_request_takes_nothing_away(make_request, decide_all):
    request = decide_all(make_request(), Verdict.DECLINE)

    assert request.state == State.DECLINED
    assert request.exemption is None
    assert request.decisions.count() == 1


def test_grounds_that_say_so_protect_from_submission(make_request):
    request = make_request(ground=PROTECTED)

    assert request.protection.starts_at == request.submitted_at
    assert request.protection.source == Source.PROTECTION


def test_other_grounds_are_protected_by_silence(make_request):
    request = make_request()

    assert request.protection.starts_at > request.submitted_at
    assert request.protection.starts_at > own.open_step(request).due_at


def test_nobody_decides_on_their_own_request(make_request, organisation):
    request = make_request(organisation.hr[0], ground=SENSITIVE)

    with pytest.raises(OwnRequest):
        decisions.decide(
            request=request, by=organisation.hr[0], seen=request.version, verdict=Verdict.APPROVE
        )

    assert fresh(request).state == State.IN_REVIEW


def test_two_people_have_to_agree(make_request, organisation):
    request = make_request(ground=TWO_PEOPLE)
    first, second, _third = organisation.legal

    decisions.decide(request=request, by=first, seen=request.version, verdict=Verdict.APPROVE)
    with pytest.raises(DecidedAlready):
        decisions.decide(
            request=request, by=first, seen=fresh(request).version, verdict=Verdict.APPROVE
        )
    assert fresh(request).state == State.IN_REVIEW
    decisions.decide(
        request=request, by=second, seen=fresh(request).version, verdict=Verdict.APPROVE
    )

    assert fresh(request).state == State.APPROVED


def test_whoever_comes_second_is_told_who_was_first(make_request, organisation):
    request = make_request()
    submission.withdraw_request(request=request, by=organisation.mira)

    with pytest.raises(SomebodyWasFirst, match="Mira Okafor withdrew the request"):
        decisions.decide(
            request=request, by=organisation.jonas, seen=request.version, verdict=Verdict.APPROVE
        )

    assert fresh(request).state == State.WITHDRAWN


def test_manager_never_finds_a_confidential_request(make_request, organisation, frozen_time):
    request = make_request(ground=SENSITIVE)
    jonas = reviewing.reviewing_as(organisation.jonas, at=request.submitted_at)

    assert not reviewing.queue_of(jonas).exists()
    with pytest.raises(NotYourStep):
        decisions.decide(
            request=request, by=organisation.jonas, seen=request.version, verdict=Verdict.APPROVE
        )


def test_question_stops_the_clock_and_the_answer_starts_it(make_request, organisation, frozen_time):
    request = make_request()
    due_at = own.open_step(request).due_at
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Which work?"
    )
    stopped = own.open_step(request)
    frozen_time.shift(60 * 60 * 24 * 9)
    conversation.answer_question(request=fresh(request), by=organisation.mira, text="All of it.")

    assert stopped.days_left == 3
    assert own.open_step(request).due_at > due_at
    assert fresh(request).state == State.IN_REVIEW


def test_appeal_is_heard_by_somebody_else(make_request, decide_all, organisation):
    request = decide_all(make_request(ground=PROTECTED), Verdict.DECLINE)
    submission.appeal(request=request, by=organisation.mira, text="Look again.")
    appealed = fresh(request)
    request = decide_all(appealed)

    assert appealed.protection is not None
    assert request.state == State.OVERTURNED
    assert request.exemption is not None
    with pytest.raises(WrongState):
        submission.appeal(request=request, by=organisation.mira, text="Again.")


def test_mails_name_the_request_and_nothing_else(make_request, decide_all):
    decide_all(make_request(ground=SENSITIVE))

    contexts = [message.context for message in Notification.objects.all()]
    assert contexts
    assert all(set(context) <= {"request"} for context in contexts)
