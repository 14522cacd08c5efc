"""A step for two people: they agree, or a third decides between them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exemptions.actions import decisions, steps
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import DecidedAlready, SomebodyWasFirst
from exemptions.models import State, Verdict
from exemptions.queries import own, reviewing
from tests.conftest import NOON
from tests.exemption_fixtures import TWO_PEOPLE, events_of, fresh, nothing_changes, told

pytestmark = pytest.mark.usefixtures("frozen_time")


@pytest.fixture
def request_of_two(make_request):
    return make_request(ground=TWO_PEOPLE)


def say(request, by, verdict, **words):
    if verdict == Verdict.DECLINE:
        words = {"code": "ground_not_met", "text": "Not covered."} | words
    decisions.decide(request=request, by=by, seen=fresh(request).version, verdict=verdict, **words)
    return fresh(request).state


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ("yy", [State.IN_REVIEW, State.APPROVED]),
        ("nn", [State.IN_REVIEW, State.DECLINED]),
        ("yny", [State.IN_REVIEW, State.IN_REVIEW, State.APPROVED]),
        ("ynn", [State.IN_REVIEW, State.IN_REVIEW, State.DECLINED]),
        ("nyy", [State.IN_REVIEW, State.IN_REVIEW, State.APPROVED]),
        ("nyn", [State.IN_REVIEW, State.IN_REVIEW, State.DECLINED]),
    ],
)
def test_two_of_them_have_to_say_the_same(request_of_two, organisation, said, states):
    verdicts = {"y": Verdict.APPROVE, "n": Verdict.DECLINE}

    reached = [
        say(request_of_two, person, verdicts[word])
        for person, word in zip(organisation.legal, said, strict=False)
    ]

    assert reached == states
    assert events_of(request_of_two).count("step.decided") == len(said)
    assert events_of(request_of_two).count("request.decided") == 1
    assert fresh(request_of_two).is_sensitive


def test_one_person_is_not_two(request_of_two, organisation):
    say(request_of_two, organisation.legal[0], Verdict.APPROVE)

    with nothing_changes(), pytest.raises(DecidedAlready):
        say(request_of_two, organisation.legal[0], Verdict.APPROVE)


def test_first_yes_is_news_for_the_second(request_of_two, organisation):
    seen = request_of_two.version
    say(request_of_two, organisation.legal[0], Verdict.APPROVE)

    with nothing_changes(), pytest.raises(SomebodyWasFirst, match="Priya Raman approved"):
        decisions.decide(
            request=request_of_two, by=organisation.legal[1], seen=seen, verdict=Verdict.APPROVE
        )


def test_narrower_of_two_stands(request_of_two, organisation):
    half = replace(request_of_two.asked, ends_on=NOON.date() + timedelta(days=30))
    say(
        request_of_two, organisation.legal[0], Verdict.APPROVE_IN_PART,
        text="Half is enough.", scope=half,
    )  # fmt: skip
    say(request_of_two, organisation.legal[1], Verdict.DECLINE)

    say(request_of_two, organisation.legal[2], Verdict.APPROVE)

    request = fresh(request_of_two)
    assert (request.state, request.granted) == (State.PARTLY_APPROVED, half)


def test_step_goes_back_to_the_team_when_its_assignee_decided(
    request_of_two, organisation, frozen_time
):
    first, second, third = organisation.legal
    steps.assign_step(request=request_of_two, by=first, to=first)
    say(request_of_two, first, Verdict.APPROVE)
    frozen_time.shift(timedelta(days=30))

    keep_time()

    step = own.open_step(fresh(request_of_two))
    assert step.assignee is None
    assert told(first) == []
    assert "review_escalated" in told(second)
    assert "review_escalated" in told(third)
    assert not reviewing.queue_of(reviewing.reviewing_as(first, at=NOON)).exists()
