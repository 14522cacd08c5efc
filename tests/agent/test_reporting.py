"""Telling the portal what was counted: once an hour, until it is taken, without what never is."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from consent_agent import reporting
from consent_agent.client import Connection, PortalClient
from consent_agent.errors import AnswerRefused, DeviceRevoked, PortalRefused
from consent_agent.ledger import MAX_COUNT, Counted, Ledger, hour_of
from consent_agent.protocol.decision import Reason
from consent_agent.reporting import ROWS_IN_A_BODY, Meter, Reporter
from consent_app.devices.api import schemas
from consent_app.devices.api.endpoint import MAX_BODY_BYTES
from tests.agent.simulated_portal import NOON

HOUR = "2026-11-23T12:00:00Z"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state")


class Desk:
    """A reporter of one ledger with a portal, and what it announced."""

    def __init__(self, reporter: Reporter, connection: Connection, lines: list[str]) -> None:
        self.reporter = reporter
        self.connection = connection
        self.lines = lines


@pytest.fixture
def at_work(portal, make_state, ledger, clock) -> Callable[..., Any]:
    """Run a scenario with a reporter; give what it returned."""

    def run(scenario) -> Any:
        async def connected() -> Any:
            async with Connection(portal.url, deadline_seconds=5) as connection:
                lines: list[str] = []
                reporter = Reporter(
                    ledger=ledger,
                    client=PortalClient(connection, enrolment),
                    meter=Meter(connection),
                    clock=clock,
                    announce=lines.append,
                )
                return await scenario(Desk(reporter, connection, lines))

        return asyncio.run(connected())

    enrolment = make_state(portal.url).enrolment
    return run


def count(ledger: Ledger, *applications: str, hour: str = HOUR) -> None:
    ledger.add({Counted(hour, name, "keystrokes", "allowed"): 1 for name in applications})


def named(portal) -> list[list[str]]:
    """Return the applications of each report."""
    return [
        [row["application"] for row in body["reports"]] for body in portal.bodies("POST", "ledger")
    ]


def problem(status: int, code: str, *fields: str):
    errors = [{"field": field, "code": code, "detail": "no"} for field in fields]
    return lambda handler: handler.send(status, {"code": code, "errors": errors})


def refuse_once(portal, answer) -> None:
    def refuse(handler):
        del portal.wrong_answers["ledger"]
        answer(handler)

    portal.wrong_answers["ledger"] = refuse


async def report(desk: Desk) -> tuple[int, list[str]]:
    return await desk.reporter.report(), desk.lines


def test_a_report_is_what_the_portal_takes(at_work, ledger, portal):
    every_reason = {Counted(HOUR, "s" * 60, "k" * 40, reason.value): MAX_COUNT for reason in Reason}
    ledger.add(every_reason)
    ledger.add_cost(cpu_seconds=3599.9, bytes_exchanged=MAX_COUNT, at=NOON)

    taken, _ = at_work(report)
    body = schemas.Ledger.model_validate(portal.bodies("POST", "ledger")[0])

    assert taken == 2
    assert body.reports[0].captured == body.reports[0].suppressed["pause"] == MAX_COUNT
    assert (body.cost[0].bytes, body.cost[0].battery_mwh) == (MAX_COUNT, None)


def test_the_longest_body_is_not_too_large(at_work, ledger, portal):
    for number in range(ROWS_IN_A_BODY):
        hour = hour_of(NOON - timedelta(hours=number))
        ledger.add({Counted(hour, "s" * 60, "k" * 40, reason): MAX_COUNT for reason in Reason})
        ledger.add_cost(
            cpu_seconds=3599.999,
            bytes_exchanged=MAX_COUNT,
            at=NOON - timedelta(hours=number),
        )
    sizes: list[int] = []
    answer = portal.answer

    def measure(handler, path, body):
        sizes.append(int(handler.headers["Content-Length"]))
        answer(handler, path, body)

    portal.answer = measure

    at_work(report)

    assert len(sizes) == 1
    assert sizes[0] < MAX_BODY_BYTES


def test_what_is_taken_is_not_reported_again(at_work, ledger, portal):
    count(ledger, "slack")

    first, _ = at_work(report)
    second, _ = at_work(report)

    assert (first, second, named(portal)) == (1, 0, [["slack"]])


def test_many_rows_go_in_several_bodies(at_work, ledger, portal):
    count(ledger, *(f"app-{number:03}" for number in range(2 * ROWS_IN_A_BODY + 1)))

    taken, _ = at_work(report)

    assert taken == 2 * ROWS_IN_A_BODY + 1
    assert [len(names) for names in named(portal)] == [ROWS_IN_A_BODY, ROWS_IN_A_BODY, 1]


@pytest.mark.parametrize("code", ["undeclared", "out_of_range"])
def test_drops_the_rows_that_the_portal_names_and_reports_the_rest(at_work, ledger, portal, code):
    count(ledger, "a-app", "b-app", "c-app")
    refuse_once(portal, problem(422, code, "reports.1.application", "reports.7.kind", "x"))

    taken, lines = at_work(report)
    again, _ = at_work(report)

    assert (taken, again) == (2, 0)
    assert named(portal) == [["a-app", "b-app", "c-app"], ["a-app", "c-app"]]
    assert lines == [f"Counts not taken [{code}]: b-app, keystrokes, {HOUR}"]


def test_drops_a_cost_that_the_portal_names(at_work, ledger, portal):
    count(ledger, "slack")
    ledger.add_cost(cpu_seconds=1, bytes_exchanged=1, at=NOON)
    refuse_once(portal, problem(422, "out_of_range", "cost.0.hour"))

    taken, lines = at_work(report)

    assert taken == 1
    assert lines == [f"Cost not taken [out_of_range]: {HOUR}"]


def test_drops_a_body_that_the_portal_refuses_without_naming_a_row(at_work, ledger, portal):
    count(ledger, "slack")
    refuse_once(portal, problem(422, "undeclared"))

    taken, lines = at_work(report)

    assert (taken, len(lines)) == (0, 1)
    assert not ledger.unsent(most=1)


@pytest.mark.parametrize("status", [401, 404, 413, 429, 500, 503])
def test_every_other_refusal_leaves_the_counts_for_later(at_work, ledger, portal, status):
    count(ledger, "slack")
    refuse_once(portal, problem(status, "later"))

    with pytest.raises(PortalRefused):
        at_work(report)
    taken, _ = at_work(report)

    assert taken == 1


def test_an_answer_that_is_not_202_has_taken_nothing(at_work, ledger, portal):
    count(ledger, "slack")
    refuse_once(portal, lambda handler: handler.send(200, {}))

    with pytest.raises(AnswerRefused, match="not_counted"):
        at_work(report)

    assert ledger.unsent(most=1)


def test_an_hour_too_old_for_the_portal_is_not_reported(at_work, ledger, portal):
    count(ledger, "slack", hour=hour_of(NOON - timedelta(days=7)))

    taken, _ = at_work(report)

    assert (taken, named(portal)) == (0, [])


def test_the_meter_reads_what_was_used_since(at_work, ledger, portal):
    async def scenario(desk):
        meter = Meter(desk.connection)
        count(ledger, "slack")
        await desk.reporter.report()
        sum(number * number for number in range(200_000))
        return meter.read(), meter.read()

    (cpu_seconds, exchanged), (cpu_again, exchanged_again) = at_work(scenario)

    (body,) = portal.bodies("POST", "ledger")
    assert len(str(body)) < exchanged < 10 * len(str(body))
    assert exchanged_again == 0
    assert 0 < cpu_seconds < 10
    assert cpu_again < cpu_seconds


# In the running agent


@pytest.fixture
def brisk(monkeypatch):
    monkeypatch.setattr(reporting, "LOOK_SECONDS", 0.01)


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_true():
            await asyncio.sleep(0.005)


@pytest.fixture
def draws(monkeypatch):
    """Draw the middle of every range, and tell the ranges."""
    ranges: list[tuple[float, float]] = []
    monkeypatch.setattr(
        reporting.random,
        "uniform",
        lambda low, high: ranges.append((low, high)) or (low + high) / 2,
    )
    return ranges


def test_reports_once_in_each_hour_at_a_minute_of_its_own(
    at_work, ledger, portal, clock, brisk, draws
):
    async def scenario(desk):
        running = asyncio.create_task(desk.reporter.report_forever())
        reported = []
        for _ in range(6):
            await asyncio.sleep(0.05)
            reported.append(len(named(portal)))
            clock.pass_time(minutes=30)
            count(ledger, "slack", hour=hour_of(clock.now().wall))
        running.cancel()
        return reported

    reported = at_work(scenario)

    assert reported == [0, 1, 1, 2, 2, 3]
    assert set(draws) == {(0, 3600)}


def test_tries_again_some_minutes_later(at_work, ledger, portal, clock, brisk, draws):
    portal.wrong_answers["ledger"] = lambda handler: handler.send(
        503, {"code": "unavailable"}, {"Retry-After": "30"}
    )

    async def scenario(desk):
        running = asyncio.create_task(desk.reporter.report_forever())
        await asyncio.sleep(0.02)
        clock.pass_time(minutes=30)
        await until(lambda: desk.lines)
        portal.wrong_answers.clear()
        clock.pass_time(seconds=30 + (60 + 600) / 2 - 1)
        await asyncio.sleep(0.1)
        too_early = len(named(portal))
        clock.pass_time(seconds=1)
        await until(lambda: len(named(portal)) > too_early)
        running.cancel()
        return too_early, desk.lines

    count(ledger, "slack")
    too_early, lines = at_work(scenario)

    assert too_early == 1
    assert lines == ["Counts not reported yet: The portal refused (503 unavailable). [unavailable]"]


def test_a_revoked_device_learns_it_from_a_report_too(at_work, ledger, portal, clock, brisk):
    portal.wrong_answers["ledger"] = problem(403, "device_revoked")
    count(ledger, "slack")

    async def scenario(desk):
        running = asyncio.create_task(desk.reporter.report_forever())
        await asyncio.sleep(0.02)
        clock.pass_time(hours=1)
        await running

    with pytest.raises(DeviceRevoked):
        at_work(scenario)


def test_writes_down_its_cost_when_it_is_stopped(at_work, ledger, portal, clock):
    async def scenario(desk):
        running = asyncio.create_task(desk.reporter.report_forever())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    at_work(scenario)

    (cost,) = ledger.unsent(most=1).costs
    assert cost.hour == HOUR
    assert cost.cpu_seconds >= 0


def test_a_ledger_that_cannot_be_written_does_not_end_the_agent(
    at_work, ledger, portal, clock, brisk, tmp_path
):
    async def scenario(desk):
        running = asyncio.create_task(desk.reporter.report_forever())
        (tmp_path / "state" / "ledger.sqlite3").mkdir()
        await until(lambda: len(desk.lines) > 1)
        is_running = not running.done()
        running.cancel()
        return is_running, desk.lines[0]

    is_running, line = at_work(scenario)

    assert is_running
    assert line.startswith("What this costs was not written down: ")
