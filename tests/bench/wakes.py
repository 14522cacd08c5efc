"""How soon waiting agents hear of a change, what each of them costs, and a stop for all of them."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from consent_app.people.models import Employee
from consent_app.people.roles import Role, ensure_roles
from consent_app.restrictions.actions import (
    ask_restart,
    restart_programme,
    resume,
    start_pause,
    stop_programme,
)
from consent_app.restrictions.models import ProgrammeStop
from consent_fleet.running import SPARE_FILES
from consent_fleet.watching import resident_kb
from tests.bench.bench import Bench
from tests.bench.figures import milliseconds, percentile, table
from tests.bench.fleet import Enrolled, learn_etags
from tests.bench.fleets import RunningFleet, run_fleet
from tests.bench.outcome import Figure, Outcome
from tests.bench.processes import Server

SOME, MANY = 10_000, 20_000
SINGLE = 200
SINGLE_EVERY_SECONDS = 0.02
ALL_WAIT_WITHIN = 120
TOLD_WITHIN = 30
# The server's own files beside its connections: sockets, database, libraries.
SERVER_FILES = 120
MEGABYTE = 1024


@dataclass
class Wakes:
    """Seconds from just before COMMIT to the last byte at the agent, and what went wrong."""

    single: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    stop: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    known_kb: int = 0
    waiting_kb: int = 0
    fresh_kb: int = 0
    first_kb: int = 0


def measure_wakes(bench: Bench) -> Outcome:
    """Let 10,000 wait, and wake one at a time, then a hundredth of them at once."""
    size = bench.size(SOME)
    wakes = _wait_and_wake(bench, size)
    outcome = Outcome(f"Waking: {size:,} agents wait on one process", tables=[_table(wakes)])
    outcome.errors = wakes.errors
    outcome.figures = _wake_figures(wakes)
    return outcome


def measure_waiting(bench: Bench) -> Outcome:
    """Let 20,000 wait: what each takes in memory, how soon one hears, how soon all hear a stop."""
    size = min(bench.size(MANY), most_waiting())
    wakes = _wait_and_wake(bench, size)
    whole = wakes.waiting_kb - wakes.fresh_kb
    outcome = Outcome(f"Waiting: {size:,} agents on one process", tables=[_table(wakes)])
    outcome.errors = wakes.errors
    outcome.figures = [
        Figure.at_most("kB each, with what is known of the device", whole / size, 20),
        Figure("kB each for waiting alone", f"{(wakes.waiting_kb - wakes.known_kb) / size:,.1f}"),
        *_wake_figures(wakes),
        Figure.at_most("stop: the last of them hears of it, s", max(wakes.stop), 2, "{:,.2f}"),
    ]
    if size < bench.size(MANY):
        outcome.figures.append(
            Figure("why not 20,000", f"{most_waiting() + SERVER_FILES:,} open files are allowed")
        )
    return outcome


def most_waiting() -> int:
    """Return how many connections one process may have open here, with what else it has open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    least_spare = max(SERVER_FILES, SPARE_FILES)
    return MANY if most == resource.RLIM_INFINITY else max(1, most - least_spare)


def _wait_and_wake(bench: Bench, size: int) -> Wakes:
    fleet = bench.fleet(size)
    wakes = Wakes()
    with bench.device_server() as server:
        worker = server.worker()
        # A handful first: what a process takes to work at all is not theirs.
        _know(server, bench, fleet[:50], wakes)
        wakes.fresh_kb = resident_kb(worker)
        learn_etags(server.port, fleet)
        wakes.known_kb = resident_kb(worker)
        # Each waits at once, so on a connection of its own, as nginx makes one for each request.
        file = bench.file(fleet)
        options = ["--mode", "wait", "--minutes", "10", "--check-one-in", "50"]
        options += ["--keys", bench.keys()]
        with RunningFleet(server.url, file, size, *options) as running:
            running.wait_for("all waiting", within=ALL_WAIT_WITHIN)
            time.sleep(1)
            wakes.waiting_kb = resident_kb(worker)
            _wake_singles(running, fleet[: min(SINGLE, size)], wakes)
            _wake_at_once(running, fleet[-max(1, size // 100) :], wakes)
            _stop_all(running, fleet, wakes)
            report = running.end()
    _add_errors(wakes, report["errors"])
    for one in fleet[: min(SINGLE, size)]:
        _resume(one)
    for one in fleet[-max(1, size // 100) :]:
        _resume(one)
    return wakes


def _know(server: Server, bench: Bench, fleet: Sequence[Enrolled], wakes: Wakes) -> None:
    """Let each device poll once, over few connections."""
    seconds = max(2.0, len(fleet) / 1000)
    options = ["--minutes", str(seconds / 60), "--start-within", str(seconds * 0.9)]
    options += ["--period", "3600", "--connections", "32", "--check-one-in", "50"]
    options += ["--keys", bench.keys()]
    report = run_fleet(server.url, bench.file(fleet), len(fleet), *options)
    _add_errors(wakes, report["errors"])


def _wake_singles(running: RunningFleet, fleet: Sequence[Enrolled], wakes: Wakes) -> None:
    """Pause one person after the other."""
    for one in fleet:
        committing = _pause([one])
        [told] = running.wait_for("changed", within=TOLD_WITHIN)
        if told["device"] == one.device.id:
            wakes.single.append(told["at"] - committing)
        else:
            _add_errors(wakes, {"another device was woken": 1})
        time.sleep(SINGLE_EVERY_SECONDS)


def _wake_at_once(running: RunningFleet, fleet: Sequence[Enrolled], wakes: Wakes) -> None:
    """Pause many people in one transaction."""
    committing = _pause(fleet)
    told = running.wait_for("changed", count=len(fleet), within=TOLD_WITHIN)
    wakes.at_once = [event["at"] - committing for event in told]
    if {event["device"] for event in told} != {one.device.id for one in fleet}:
        _add_errors(wakes, {"another device was woken": 1})


def _stop_all(running: RunningFleet, fleet: Sequence[Enrolled], wakes: Wakes) -> None:
    """Stop the programme for everyone, then let it run again."""
    if running.events():
        _add_errors(wakes, {"woken without a change": 1})
    owner, legal = make_deciders(fleet[0])
    with transaction.atomic():
        stop = stop_programme(by=owner, reason="A measurement.")
        committing = time.monotonic()
    told = running.wait_for("changed", count=len(fleet), within=TOLD_WITHIN)
    wakes.stop = [event["at"] - committing for event in told]
    if len({event["device"] for event in told}) != len(fleet):
        _add_errors(wakes, {"not all heard of the stop": 1})
    start_again(stop, owner, legal)


def start_again(stop: ProgrammeStop, owner: Employee, legal: Employee) -> None:
    restart_programme(stop=ask_restart(stop=stop, by=owner, reason="Measured."), by=legal)


def make_deciders(like: Enrolled) -> tuple[Employee, Employee]:
    """Return a programme owner and somebody of legal who work where `like` does."""
    place = Employee.objects.get(pk=like.employee).jurisdiction
    groups = ensure_roles()
    people = []
    for role in (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER):
        name = role.value
        person, _ = Employee.objects.get_or_create(
            employee_number=f"BENCH-{name}",
            defaults={"name": name, "email": f"{name}@example.com", "jurisdiction": place},
        )
        person.groups.add(groups[role])
        people.append(person)
    return people[0], people[1]


def _pause(fleet: Sequence[Enrolled]) -> float:
    """Pause as the pages do; return the moment (`time.monotonic`) before COMMIT."""
    people = list(Employee.objects.filter(pk__in=[one.employee for one in fleet]))
    with transaction.atomic():
        for person in people:
            start_pause(employee=person, by=person, minutes=15)
        return time.monotonic()


def _resume(one: Enrolled) -> None:
    person = Employee.objects.get(pk=one.employee)
    resume(employee=person, by=person)


def _add_errors(wakes: Wakes, errors: dict[str, int]) -> None:
    for kind, count in errors.items():
        wakes.errors[kind] = wakes.errors.get(kind, 0) + count


def _wake_figures(wakes: Wakes) -> list[Figure]:
    single, at_once = (percentile(times, 99) * 1000 for times in (wakes.single, wakes.at_once))
    return [
        Figure.at_most("one changes: p99, ms", single, 10),
        Figure.at_most("1 % change at once: p99, ms", at_once, 100),
    ]


def _table(wakes: Wakes) -> str:
    head = [
        "from just before COMMIT to the agent's answer",
        "agents",
        "p50 ms",
        "p99 ms",
        "last ms",
    ]
    times = {
        "one changes": wakes.single,
        "1 % change in one transaction": wakes.at_once,
        "stop for everyone": wakes.stop,
    }
    rows = [
        [name, f"{len(seconds):,}", *(milliseconds(percentile(seconds, p)) for p in (50, 99, 100))]
        for name, seconds in times.items()
    ]
    return table(head, rows)
