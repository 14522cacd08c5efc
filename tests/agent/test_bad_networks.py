"""Networks that lose, cut, double and delay; a portal whose clock jumps (T19, S17, S18, S19)."""

import asyncio
import json
import random
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from consent_agent import loop
from consent_agent.client import Connection, NewPolicy, PortalClient
from consent_agent.errors import AgentError, AnswerRefused
from consent_agent.pacing import BackOff, Pace
from consent_agent.protocol.decision import Reason
from tests.agent.running import work
from tests.agent.simulated_portal import Handler, SimulatedPortal, deny

OFTEN = Pace(every_seconds=0.02)


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: 0.01)
    monkeypatch.setattr(loop, "WATCH_SECONDS", 0.01)


@pytest.fixture
def state(portal: SimulatedPortal, make_state):
    return make_state(portal.url)


@pytest.fixture
def poll(portal, make_state):
    def call() -> object:
        async def run():
            enrolment = make_state(portal.url).enrolment
            async with Connection(portal.url) as connection:
                return await PortalClient(connection, enrolment).poll(etag=None)

        return asyncio.run(run())

    return call


def send_bytes(handler: Handler, body: bytes, *, announced: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("ETag", '"1"')
    handler.send_header("Content-Length", str(len(body) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(body)


def whole_answer(portal: SimulatedPortal) -> bytes:
    return json.dumps(vars(portal.sign_current())).encode()


def test_a_network_that_loses_a_third_delays_and_no_more(portal, state):
    """S17: polls get through with retries, and freshness never lapses meanwhile."""
    chance = random.Random(17)  # noqa: S311
    answer = portal.answer
    answered = []

    def lose_some(handler, path, body):
        if chance.random() < 0.3:
            handler.close_connection = True  # not a byte of an answer
            return
        answered.append(path)
        answer(handler, path, body)

    portal.answer = lose_some

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        await running.until(lambda: answered.count("policy") >= 40 or not running.gate.held)
        assert running.reason() is Reason.ALLOWED
        await running.until(lambda: running.printed("confirmed"))

    running = work(state, scenario, pace=OFTEN)

    assert running.printed("[portal_unreachable]")


def test_an_answer_at_64_kbit_a_second_is_taken(portal, poll):
    """S17: slow, but within the deadline for the whole of it."""
    body = whole_answer(portal)

    def trickle(handler):
        send_bytes(handler, b"", announced=len(body))
        for start in range(0, len(body), 800):
            time.sleep(0.1)
            handler.wfile.write(body[start : start + 800])

    portal.wrong_answers["policy"] = trickle

    assert isinstance(poll(), NewPolicy)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda body: (body[: len(body) // 2], len(body)), "portal_unreachable"),
        (lambda body: (body[: len(body) // 2], None), "bad_answer"),
        (lambda body: (body + body, None), "bad_answer"),
        (lambda body: (body[100:] + body[:100], None), "bad_answer"),
    ],
    ids=["cut short", "cut short and announced so", "twice", "out of order"],
)
def test_takes_no_part_of_an_answer(portal, poll, spoil, code):
    """S18."""
    body, announced = spoil(whole_answer(portal))

    def send(handler):
        send_bytes(handler, body, announced=announced)
        handler.close_connection = True

    portal.wrong_answers["policy"] = send

    with pytest.raises(AgentError) as caught:
        poll()

    assert caught.value.code == code


def test_an_older_answer_that_comes_late_is_refused(portal, state):
    """S18: what was on the way while the policy changed does not bring the older one back."""
    older = whole_answer(portal)

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.publish(version=18, deny=[deny(**{"from": "2020-01-01T00:00:00Z"})])
        await running.until(lambda: running.reason() is Reason.PAUSE)
        portal.wrong_answers["policy"] = lambda handler: send_bytes(handler, older)
        await running.until(lambda: running.printed("[rollback]"))
        assert running.reason() is Reason.PAUSE

    work(state, scenario, pace=OFTEN)


@pytest.mark.parametrize(
    ("minutes", "code"), [(90, "issued_in_future"), (-90, "freshness_replayed")]
)
def test_a_portal_whose_clock_jumps_is_not_believed(portal, state, minutes, code):
    """S19: what was in force runs out by itself."""

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        jumped = datetime.now(UTC) + timedelta(minutes=minutes)
        portal.freshness_changes = {"issued_at": jumped}
        await running.until(lambda: running.printed(f"[{code}]"))
        assert running.reason() is Reason.ALLOWED
        running.clock.pass_time(minutes=15)
        assert running.reason() is Reason.NOT_FRESH

    work(state, scenario, pace=OFTEN)


def test_an_endless_answer_takes_no_memory(portal, poll):
    """T19: less than 10 MB, whatever is announced."""

    def pour(handler):
        send_bytes(handler, b"", announced=2**30)
        chunk = b" " * 2**16
        for _ in range(2**14):
            handler.wfile.write(chunk)

    portal.wrong_answers["policy"] = pour
    tracemalloc.start()
    try:
        with pytest.raises(AnswerRefused, match="too_large"):
            poll()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10_000_000
