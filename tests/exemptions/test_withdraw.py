"""Taking a request back: until it is decided, and never an appeal."""

import pytest

from exemptions.actions import conversation, submission
from exemptions.errors import WrongState
from exemptions.models import State, Verdict
from exemptions.queries import own
from tests.conftest import NOON
from tests.exemption_fixtures import PROTECTED, denied, events_of, fresh, nothing_changes, told

pytestmark = pytest.mark.usefixtures("frozen_time")


def withdraw(request):
    return submission.withdraw_request(request=request, by=request.requester)


def test_withdrawn_request_protects_no_longer(make_request, organisation, laptop):
    request = make_request(ground=PROTECTED)

    withdraw(request)

    request = fresh(request)
    assert (request.state, request.decided_at) == (State.WITHDRAWN, NOON)
    assert (request.protection, request.protected_scope) == (None, "")
    assert own.open_step(request) is None
    assert denied(laptop, NOON) == set()
    assert events_of(request)[-1] == "request.withdrawn"
    assert told(organisation.jonas) == ["review_waiting", "review_withdrawn"]


def test_withdraws_while_something_is_asked(make_request, organisation):
    request = make_request()
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Which work?"
    )

    assert withdraw(request).state == State.WITHDRAWN


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.DECLINE])
def test_decided_request_is_not_withdrawn(make_request, decide_all, verdict):
    request = decide_all(make_request(), verdict)

    with nothing_changes(), pytest.raises(WrongState, match="closed the request"):
        withdraw(request)


def test_withdrawn_request_is_not_withdrawn_again(make_request):
    request = make_request()
    withdraw(request)

    with nothing_changes(), pytest.raises(WrongState):
        withdraw(request)


@pytest.mark.parametrize("is_asked", [False, True])
def test_appeal_is_not_withdrawn(make_request, decide_all, organisation, is_asked):
    request = decide_all(make_request(), Verdict.DECLINE)
    submission.appeal(request=request, by=organisation.mira, text="Look again.")
    if is_asked:
        conversation.ask_for_information(
            request=request,
            by=organisation.hr[0],
            seen=fresh(request).version,
            text="Which work?",
        )

    with nothing_changes(), pytest.raises(WrongState):
        withdraw(request)
