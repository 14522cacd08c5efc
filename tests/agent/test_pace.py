"""When the agent asks: after failures, in a herd, after sleep, and what it writes meanwhile.

Threats S10, S16, S27 and T34, and sleep of S20.
"""

import heapq
import random
import time
from collections import Counter

import pytest

from consent_agent import loop, pacing
from consent_agent.gate import Gate
from consent_agent.pacing import BackOff, Pace
from consent_agent.protocol.decision import Reason
from tests.agent.running import work
from tests.agent.simulated_portal import SimulatedPortal

OFTEN = Pace(every_seconds=0.02)


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(loop, "WATCH_SECONDS", 0.01)


@pytest.fixture
def state(portal: SimulatedPortal, make_state):
    return make_state(portal.url)


@pytest.fixture
def waits(portal):
    """What each poll asked the portal to wait, in turn."""
    asked: list[str | None] = []
    answer = portal.answer

    def spy(handler, path, body):
        if path == "policy":
            asked.append(handler.headers.get("Prefer"))
        answer(handler, path, body)

    portal.answer = spy
    return asked


# Where long polls do not get through


def test_asks_each_so_many_seconds_without_holding_a_poll(state, waits):
    async def scenario(running):
        await running.until(lambda: len(waits) == 4)

    work(state, scenario, pace=OFTEN)

    assert set(waits) == {None}


@pytest.mark.parametrize(
    ("draw", "seconds"), [(0.9, 27), (1.1, 33)], ids=["a tenth less", "a tenth more"]
)
def test_fleets_that_poll_mix(monkeypatch, draw, seconds):
    monkeypatch.setattr(pacing.random, "uniform", lambda low, high: {0.9: low, 1.1: high}[draw])

    delay = Pace(every_seconds=30).delay_after_answer(fresh_seconds=900)

    assert delay == pytest.approx(seconds)


def test_asks_again_before_freshness_is_over_however_long_the_interval():
    assert Pace(every_seconds=300).delay_after_answer(fresh_seconds=60) == 30
    assert Pace().wait_seconds(fresh_seconds=60) == 30


# Starting all at once


def test_a_service_that_starts_spreads_its_first_question(state, waits, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        pacing.random, "uniform", lambda low, high: drawn.append((low, high)) or 0.3
    )
    started = time.monotonic()

    async def scenario(running):
        await running.until(lambda: waits)
        assert time.monotonic() - started >= 0.3
        assert running.reason() is not Reason.PAUSE

    work(state, scenario, pace=Pace(spread_seconds=30))

    assert drawn[0] == (0, 30)


def test_with_a_fresh_policy_in_force_it_asks_at_once(state, waits):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))

    async def one_more(running):
        before = len(waits)
        await running.until(lambda: len(waits) > before)

    work(state, scenario)
    work(state, one_more, pace=Pace(spread_seconds=1e9))


def simulate_herd(agents: int, *, a_second: int, away_until: float) -> tuple[float, Counter[int]]:
    """Let `agents` lose their polls at once; return when all are served, and attempts a second.

    The portal is away until some second, then answers so many a second, and refuses the rest with
    `Retry-After: 1` until the next.
    """
    heap = [(0.0, number) for number in range(agents)]
    back_offs = [BackOff() for _ in heap]
    attempts: Counter[int] = Counter()
    served: Counter[int] = Counter()
    at = 0.0
    while heap:
        at, number = heapq.heappop(heap)
        second = int(at)
        attempts[second] += 1
        if at < away_until:
            retry_after = None
        elif served[second] < a_second:
            served[second] += 1
            continue
        else:
            retry_after = 1.0
        heapq.heappush(heap, (at + back_offs[number].next_delay(retry_after), number))
    return at, attempts


@pytest.mark.parametrize("away_until", [0.0, 5.0, 60.0])
def test_many_agents_at_once_do_not_topple_the_portal(monkeypatch, away_until):
    """S27: all have an answer within 120 s of its return, and the rush dies down.

    A tenth of 100,000 devices and of the portal; the same in each run.
    """
    monkeypatch.setattr(pacing, "random", random.Random(27))  # noqa: S311

    last, attempts = simulate_herd(10_000, a_second=1_200, away_until=away_until)

    first = int(away_until) + 1  # after the second that is everybody's
    assert last - away_until < 120
    assert max(attempts[second] for second in range(first, first + 120)) < 2_700
    assert max(attempts[second] for second in range(first + 15, first + 120)) < 600


@pytest.mark.parametrize(
    ("answer", "retry_after"), [((503, "7"), 7), ((429, "3"), 3), ((503, None), None)]
)
def test_waits_as_long_as_the_portal_asks_for(portal, state, monkeypatch, answer, retry_after):
    seen = []
    monkeypatch.setattr(
        BackOff, "next_delay", lambda _, retry_after=None: seen.append(retry_after) or 0.02
    )
    status, header = answer
    headers = {"Retry-After": header} if header else {}
    portal.wrong_answers["policy"] = lambda handler: handler.send(status, {}, headers)

    async def scenario(running):
        await running.until(lambda: len(seen) > 2)
        assert running.reason() is Reason.NO_POLICY

    work(state, scenario)

    assert set(seen) == {retry_after}


def test_a_portal_that_sends_everybody_home_is_not_asked_again_at_once(
    portal, state, waits, monkeypatch
):
    drawn = []
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: drawn.append(len(waits)) or 0.02)

    async def scenario(running):
        await running.until(lambda: waits[-1:] == ["wait=50"])
        assert not drawn
        polls = len(waits)
        portal.hurry()  # a held poll is answered 304 before its time
        await running.until(lambda: len(waits) > polls)
        assert drawn == [polls]

    work(state, scenario)


# Sleep


def test_after_sleep_it_gives_up_the_poll_that_slept_too(state, waits):
    async def scenario(running):
        await running.until(lambda: waits[-1:] == ["wait=50"])
        polls = len(waits)
        running.clock.pass_time(minutes=20)
        await running.until(lambda: running.printed("[slept]"))
        await running.until(lambda: len(waits) > polls)
        assert waits[polls] is None  # know at once how things stand

    work(state, scenario)


def test_sleep_longer_than_the_window_stops_collection_until_the_next_answer(portal, state):
    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        portal.wrong_answers["policy"] = lambda handler: handler.send(503, {})
        running.clock.pass_time(minutes=16)
        assert running.reason() is Reason.NOT_FRESH

    work(state, scenario)


def test_after_sleep_it_does_not_wait_for_its_back_off(portal, state, waits, monkeypatch):
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: 3600)
    portal.wrong_answers["policy"] = lambda handler: handler.send(503, {})

    async def scenario(running):
        await running.until(lambda: running.printed("503"))
        portal.wrong_answers.clear()
        running.clock.pass_time(seconds=30)
        await running.until(lambda: running.printed("confirmed"))

    work(state, scenario)


# What is written


def files_of(state):
    """Return which files stand for the policy and its floors now: a replaced file is another."""
    return [(state.path / name).stat().st_ino for name in ("policy.json", "floors.json")]


async def some_polls(running, waits):
    before = len(waits)
    await running.until(lambda: len(waits) >= before + 4)


def test_an_answer_that_changes_nothing_writes_nothing(state, waits):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        written = files_of(state)
        await some_polls(running, waits)
        assert files_of(state) == written

    work(state, scenario, pace=OFTEN)


def test_what_is_stored_stays_fresh_all_the_same(portal, state, waits):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        policy, floors = files_of(state)
        running.clock.pass_time(minutes=6)
        await running.until(lambda: files_of(state) != [policy, floors])
        renewed = files_of(state)
        assert renewed[1] == floors
        await some_polls(running, waits)
        assert files_of(state) == renewed
        stored = Gate.from_state(state.path, running.clock).held
        assert stored.remaining(running.clock.now()).total_seconds() > 8 * 60

    work(state, scenario, pace=OFTEN)


def test_news_is_on_disk_at_once_though_no_document_changed(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.freshness_changes = {"programme": "stopped"}
        await running.until(lambda: running.printed("programme stopped"))
        assert not Gate.from_state(state.path, running.clock).held.is_running

    work(state, scenario, pace=OFTEN)


def test_news_that_could_not_be_written_is_written_later(portal, state, monkeypatch):
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: 0.02)
    policy = state.path / "policy.json"

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        policy.unlink()
        policy.mkdir()  # nothing can be put in its place
        portal.freshness_changes = {"programme": "stopped"}
        await running.until(lambda: running.printed("[state_refused]"))
        assert running.reason() is Reason.PROGRAMME_STOPPED
        policy.rmdir()
        await running.until(policy.is_file)
        await running.until(lambda: running.printed("programme stopped)  confirmed"))

    work(state, scenario, pace=OFTEN)


def test_a_longer_window_is_on_disk_before_the_shorter_one_is_over(portal, state, waits):
    portal.freshness_changes = {"minutes": 2}

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        portal.freshness_changes = {"minutes": 60}
        asked = len(waits)
        await running.until(lambda: len(waits) > asked + 2)
        running.clock.pass_time(minutes=3)
        elsewhere = Gate.from_state(state.path, running.clock)
        assert elsewhere.may_capture(application="github", kind="keystrokes").allowed

    work(state, scenario, pace=OFTEN)
