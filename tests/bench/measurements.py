"""What is measured, in which order, and the tables."""

from functools import partial
from itertools import cycle, islice
from pathlib import Path

from consent_agent.protocol.errors import DocumentRefused
from consent_app.devices.poll import PATH
from tests.bench.company import Company
from tests.bench.figures import UNKNOWN, milliseconds, percentile, share, table, thousands
from tests.bench.fleet import Agent, meet, write_requests
from tests.bench.load import Sample, measure
from tests.bench.pages import Visit, pages_of, visit_all
from tests.bench.pauses import Times, click_to_signed, commit_to_answer
from tests.bench.processes import Server
from tests.bench.stops import Stop, make_owner, stop_to_last_device

PAUSES = 200
WAITING = 1000
VISITS = 60
BARE = "bare granian handler, 304"
VIEW = "/.well-known/jwks.json"


def measure_requests(folder: Path, agents: list[Agent], portal: Server, *, seconds: int) -> dict:
    """Load the bare handler, the poll and a view of Django, one after the other."""
    meet(portal.port, agents, conditional=False)
    file = folder / "requests.txt"
    known = write_requests(agents, file, conditional=True)
    samples: dict[str, Sample] = {}
    with Server("tests.bench.bare:application", log=folder / "bare.log") as bare:
        samples[BARE] = measure(bare, PATH, expected=304, requests=known, seconds=seconds)
    turn = cycle(agents)
    samples["poll, 304 with freshness"] = measure(
        portal, PATH, expected=304, requests=known, seconds=seconds,
        meanwhile=partial(_errors_seen, portal, turn, conditional=True),
    )  # fmt: skip
    new = write_requests(agents, file, conditional=False)
    samples["poll, 200 with three documents"] = measure(
        portal, PATH, expected=200, requests=new, seconds=seconds,
        meanwhile=partial(_errors_seen, portal, turn, conditional=False),
    )  # fmt: skip
    samples["a view of Django without a query"] = measure(
        portal, VIEW, expected=200, requests=new, seconds=seconds
    )
    file.unlink()
    return samples


def measure_pauses(agents: list[Agent], portal: Server) -> dict[str, Times]:
    first, second, third = (agents[start : start + PAUSES] for start in (0, PAUSES, 2 * PAUSES))
    crowd = agents[3 * PAUSES : 3 * PAUSES + WAITING - 1]
    return {
        "pause: click to signed and committed": click_to_signed(first),
        "pause: commit to the agent's answer, it alone waits": commit_to_answer(
            portal.port, second
        ),
        f"pause: commit to the agent's answer, {len(crowd) + 1:,} wait": commit_to_answer(
            portal.port, third, also=crowd
        ),
    }


def measure_stop(agents: list[Agent], portal: Server, api: Server) -> Stop:
    """Stop the programme while all of these hold a poll."""
    meet(portal.port, agents, conditional=False)
    owner = make_owner(agents[0].employee)
    return stop_to_last_device(portal.port, api.port, agents, owner=owner)


def measure_pages(company: Company, server: Server) -> dict[str, Visit]:
    return visit_all(server.port, pages_of(company), times=VISITS)


def _errors_seen(portal: Server, turn: "cycle[Agent]", *, conditional: bool) -> int:
    """Let one more agent poll amid the load, and check the signatures of what it gets."""
    try:
        meet(portal.port, list(islice(turn, 1)), conditional=conditional)
    except (DocumentRefused, ValueError, OSError):
        return 1
    return 0


def requests_table(samples: dict[str, Sample]) -> str:
    bare = samples[BARE].rate_per_core
    head = ["One server process on one core", "per second", "per CPU second", "of bare"]
    head += ["median ms", "p99 ms", "its core", "load's core", "errors"]
    rows = [
        [
            name,
            thousands(sample.rate),
            thousands(sample.rate_per_core),
            share(sample.rate_per_core / bare),
            milliseconds(sample.median),
            milliseconds(sample.p99),
            share(sample.server_busy),
            share(sample.generator_busy),
            thousands(sample.errors),
        ]
        for name, sample in samples.items()
    ]
    return table(head, rows)


def pauses_table(pauses: dict[str, Times]) -> str:
    rows = [
        [
            name,
            _at(times, 50),
            _at(times, 99),
            thousands(times.errors),
        ]
        for name, times in pauses.items()
    ]
    return table([f"{PAUSES} pauses each", "median ms", "p99 ms", "errors"], rows)


def stop_table(stop: Stop) -> str:
    head = [f"Stop, {len(stop.answered):,} devices wait", "median ms", "last ms", "errors"]
    rows = [
        [name, _at_of(seconds, 50), _at_of(seconds, 100), thousands(stop.errors)]
        for name, seconds in (
            ("commit to a device's answer", stop.answered),
            ("commit to a device's confirmation", stop.confirmed),
        )
    ]
    return table(head, rows)


def pages_table(visits: dict[str, Visit]) -> str:
    head = [f"{VISITS} visits each", "median ms", "p95 ms", "queries", "errors"]
    rows = [
        [
            name,
            milliseconds(percentile(visit.seconds, 50)),
            milliseconds(percentile(visit.seconds, 95)),
            thousands(visit.queries),
            thousands(visit.errors),
        ]
        for name, visit in visits.items()
    ]
    return table(head, rows)


def chores_table(chores: dict[str, float]) -> str:
    rows = [[name, f"{seconds:,.2f}"] for name, seconds in chores.items()]
    return table(["Runs by itself", "seconds"], rows)


def _at(times: Times, percent: float) -> str:
    return _at_of(times.seconds, percent)


def _at_of(seconds: list[float], percent: float) -> str:
    return milliseconds(percentile(seconds, percent)) if seconds else UNKNOWN
