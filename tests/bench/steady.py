"""100,000 devices that poll every 30 seconds: how long they wait, while people use the pages.

The process that serves devices keeps to one core; pages, PostgreSQL and the people share what is
left. A soak is the same for longer, without people: memory and open files must stay as they are.
"""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median
from typing import Any

from consent_fleet.watching import resident_kb
from tests.bench.bench import Bench
from tests.bench.figures import milliseconds, percentile, table, thousands
from tests.bench.fleet import learn_etags
from tests.bench.fleets import run_fleet
from tests.bench.outcome import Figure, Outcome
from tests.bench.pages import Page, pages_of, signed_in_cookie
from tests.bench.requests import load_requests

DEVICES = 100_000
RATE = 3400
SECONDS = 120
REQUESTS = 2000
REQUESTS_EACH = 5
READERS = 4
THINK_SECONDS = 0.5
KNOWN_MB = 250
# Memory is compared once every device is known and the allocator has settled.
SETTLED_AFTER_PERIODS = 2
WINDOW_SECONDS = 60
DRIFT = 0.05
UNCHANGED, POLICY = "poll, 304", "poll, 200"


@dataclass
class Reading:
    """What people saw who used the pages meanwhile."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0


def measure_steady(bench: Bench) -> Outcome:
    """Poll for two minutes while four people open one page after the other."""
    size = bench.size(DEVICES)
    company = load_requests(people=REQUESTS // REQUESTS_EACH, requests=REQUESTS)
    fleet = bench.fleet(size)
    seconds = max(15.0, bench.seconds(SECONDS))
    reading = Reading()
    with bench.device_server() as server, bench.page_server(pinned=False) as pages:
        # How a process gets to know all of them is another matter (docs/performance.md).
        learn_etags(server.port, fleet)
        report = _poll_while(
            lambda: _poll(bench, server, size, seconds),
            port=pages.port, pages=pages_of(company), reading=reading,
        )  # fmt: skip
        known_mb = resident_kb(server.worker()) / 1024
    outcome = Outcome(
        f"Steady: {len(fleet):,} devices, {_rate(report):,.0f} polls a second, {READERS} people"
    )
    outcome.add_errors(report["errors"], during="polls")
    if reading.errors:
        outcome.errors["pages"] = reading.errors
    outcome.tables.append(_table(report, reading))
    outcome.figures = [
        Figure.at_most("polls, p99 from when they were due, ms", _p99(report), 20),
        Figure.at_most(
            f"memory of the process that knows {size:,} devices, MB", known_mb, KNOWN_MB, "{:,.0f}"
        ),
    ]
    return outcome


def measure_soak(bench: Bench) -> Outcome:
    """Poll for as long as was asked, and compare memory and open files at both ends."""
    size = bench.size(DEVICES)
    bench.fleet(size)
    with bench.device_server() as server:
        report = _poll(bench, server, size, bench.minutes * 60)
    outcome = Outcome(f"Soak: {bench.minutes:g} minutes, {_rate(report):,.0f} polls a second")
    outcome.add_errors(report["errors"])
    outcome.tables.append(_table(report, None))
    [watched] = report["watched"]
    settled = SETTLED_AFTER_PERIODS * size / RATE if not bench.quick else 2
    outcome.figures = [
        flat("memory", watched["samples"], 1, settled, unit=1024, name="MB"),
        flat("open files", watched["samples"], 2, settled, unit=1, name=""),
        Figure("errors", thousands(sum(report["errors"].values())), "none", not report["errors"]),
        Figure.at_most("polls, p99 from when they were due, ms", _p99(report), 20),
    ]
    return outcome


def _poll(bench: Bench, server: Any, size: int, seconds: float) -> dict[str, Any]:
    period = max(1.0, size / RATE)
    options = ["--minutes", str(seconds / 60), "--period", str(period), "--check-one-in", "100"]
    options += ["--watch", str(server.worker()), "--keys", bench.keys()]
    return run_fleet(server.url, bench.file(bench.fleet(size)), size, *options)


def _poll_while(poll: Any, *, port: int, pages: Sequence[Page], reading: Reading) -> dict[str, Any]:
    over = threading.Event()
    readers = [
        threading.Thread(target=_read, args=(port, pages[number::READERS], over, reading))
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        report: dict[str, Any] = poll()
    finally:
        over.set()
        for reader in readers:
            reader.join()
    return report


def _read(port: int, pages: Sequence[Page], over: threading.Event, reading: Reading) -> None:
    """Open pages, one each half second, until it is over."""
    cookies = {page.reader.pk: signed_in_cookie(page.reader) for page in pages}
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    turn = cycle([(page, address) for page in pages for address in page.addresses[:2]])
    while not over.wait(THINK_SECONDS):
        page, address = next(turn)
        began = time.perf_counter()
        server.request("GET", address, headers={"Cookie": cookies[page.reader.pk]})
        answer = server.getresponse()
        answer.read()
        reading.seconds.append(time.perf_counter() - began)
        reading.errors += answer.status != http.client.OK
    server.close()


def flat(
    what: str, samples: Sequence[Sequence[float]], column: int, settled: float, *, unit: int,
    name: str,
) -> Figure:  # fmt: skip
    """Compare the median of the first window after it settled with that of the last."""
    late = [sample for sample in samples if sample[0] >= settled] or list(samples)
    first = median(s[column] for s in late if s[0] <= late[0][0] + WINDOW_SECONDS) / unit
    last = median(s[column] for s in late if s[0] >= late[-1][0] - WINDOW_SECONDS) / unit
    text = f"{first:,.0f} to {last:,.0f} {name}".strip()
    return Figure(what, text, f"within {DRIFT:.0%}", abs(last - first) <= DRIFT * first)


def _rate(report: dict[str, Any]) -> float:
    answers = sum(times["count"] for name, times in report["times"].items() if "poll" in name)
    return answers / report["measured_seconds"]


def _p99(report: dict[str, Any]) -> float:
    return report["times"].get(UNCHANGED, report["times"][POLICY])["p99"] * 1000


def _table(report: dict[str, Any], reading: Reading | None) -> str:
    head = ["from when it was due", "times", "p50 ms", "p95 ms", "p99 ms", "longest ms"]
    rows = [
        [name, thousands(times["count"]), *(milliseconds(times[key]) for key in KEYS)]
        for name, times in report["times"].items()
    ]
    if reading and reading.seconds:
        spread = (milliseconds(percentile(reading.seconds, p)) for p in (50, 95, 99, 100))
        rows.append(["a page, from the click", thousands(len(reading.seconds)), *spread])
    return table(head, rows)


KEYS = ("p50", "p95", "p99", "longest")
