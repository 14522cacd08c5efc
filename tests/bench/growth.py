"""What more devices cost: the same measurements with 1,000, 10,000 and 100,000 of them.

Comes before the other parts: devices that were made stay.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from consent_app.people.models import Employee
from consent_app.restrictions.actions import resume, start_pause
from consent_fleet.watching import resident_kb
from tests.bench.bench import Bench
from tests.bench.decisions import decide, decisions_figures, decisions_table
from tests.bench.figures import milliseconds, percentile, table, thousands
from tests.bench.fleet import Enrolled, learn_etags
from tests.bench.fleets import run_fleet
from tests.bench.outcome import Figure, Outcome
from tests.bench.processes import Server

SIZES = (1000, 10_000, 100_000)
RATE, SECONDS = 1000, 10
PAUSES = 100
MOST_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a first poll and of a pause; CPU seconds of each poll; memory of who knows all."""

    devices: int
    first: float
    each: float
    pause: float
    memory_mb: float
    errors: int


def measure_growth(bench: Bench) -> Outcome:
    decisions = {}
    costs = []
    for size in map(bench.size, SIZES):
        if bench.devices > size:
            raise RuntimeError(f"{bench.devices:,} devices are there already")
        costs.append(_costs(bench, size))
        decisions[size] = decide(bench.fleet(size))
    head = ["devices", "first poll ms", "CPU us a poll", "pause, signed ms", "server MB"]
    rows = [
        [
            thousands(cost.devices),
            milliseconds(cost.first),
            f"{cost.each * 1_000_000:,.0f}",
            milliseconds(cost.pause),
            thousands(cost.memory_mb),
        ]
        for cost in costs
    ]
    outcome = Outcome("Growth: what more devices cost", tables=[table(head, rows)])
    outcome.tables.append(decisions_table(decisions))
    errors = sum(cost.errors for cost in costs)
    if errors:
        outcome.errors["polls"] = errors
    few, some, many = costs
    outcome.figures = [
        # The few ask so often that they are given signatures again: not the same work.
        _ratio("a poll", many.each / some.each, some, many),
        _ratio("a first poll", many.first / few.first, few, many),
        _ratio("a pause", many.pause / few.pause, few, many),
        *decisions_figures(decisions),
    ]
    return outcome


def _ratio(what: str, ratio: float, few: Costs, many: Costs) -> Figure:
    name = f"{what}: cost with {many.devices:,} devices, of that with {few.devices:,}"
    return Figure.at_most(name, ratio, MOST_GROWTH, "{:.0%}")


def _costs(bench: Bench, size: int) -> Costs:
    fleet = bench.fleet(size)
    with bench.device_server() as server:
        began = time.perf_counter()
        learn_etags(server.port, fleet)
        first = (time.perf_counter() - began) / size
        each, errors = _poll(bench, server, fleet)
        memory = resident_kb(server.worker()) / 1024
    pause = percentile([_pause(one) for one in fleet[: bench.size(PAUSES)]], 50)
    return Costs(size, first, each, pause, memory, errors)


def _poll(bench: Bench, server: Server, fleet: Sequence[Enrolled]) -> tuple[float, int]:
    """Return the server's CPU seconds for each of 1,000 polls a second, and how many failed."""
    seconds = bench.seconds(SECONDS)
    period = len(fleet) / bench.size(RATE)
    options = ["--minutes", str(seconds / 60), "--period", str(period), "--keys", bench.keys()]
    before = server.cpu_seconds()
    report = run_fleet(server.url, bench.file(fleet), len(fleet), *options)
    used = (server.cpu_seconds() or 0.0) - (before or 0.0)
    polls = sum(times["count"] for name, times in report["times"].items() if "poll" in name)
    return used / polls, sum(report["errors"].values())


def _pause(one: Enrolled) -> float:
    """Return the seconds from the click to signed and committed; it is ended again."""
    person = Employee.objects.get(pk=one.employee)
    began = time.perf_counter()
    start_pause(employee=person, by=person, minutes=15)
    seconds = time.perf_counter() - began
    resume(employee=person, by=person)
    return seconds
