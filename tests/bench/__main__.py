"""Measure the portal on this machine: `python -m tests.bench`, or `make bench`.

Starts PostgreSQL with safe writes, servers and a load of its own in `var/bench`, on loopback, and
ends them all. Prints each figure beside its target. Fails when any answer is wrong or time runs
out; a missed target does not fail it. docs/performance.md explains the figures.
"""

import argparse
import importlib
import importlib.metadata
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import django
import psycopg

from portal.embedded import DEFAULT_FOLDER
from portal.embedded.files import one_at_a_time
from portal.embedded.postgres import EmbeddedPostgres
from tests.bench.outcome import Outcome, figures_table
from tests.bench.processes import CORES, IS_PINNED, REPOSITORY

if TYPE_CHECKING:
    from tests.bench.bench import Bench


@dataclass(frozen=True, slots=True)
class Part:
    """A function that measures something; its module needs the settings and applications."""

    function: str
    is_asked_for: bool = False
    longest_minutes: float = 20

    @property
    def measure(self) -> "Callable[[Bench], Outcome]":
        module, name = self.function.split(":")
        measure: Callable[[Bench], Outcome] = getattr(importlib.import_module(module), name)
        return measure


# In this order: growth wants few devices at first, and they stay.
PARTS: Mapping[str, Part] = {
    "growth": Part("tests.bench.growth:measure_growth"),
    "polls": Part("tests.bench.polls:measure_polls"),
    "wakes": Part("tests.bench.wakes:measure_wakes"),
    "waiting": Part("tests.bench.wakes:measure_waiting"),
    "pauses": Part("tests.bench.presses:measure_presses"),
    "enrolling": Part("tests.bench.enrolling:measure_enrolling"),
    "steady": Part("tests.bench.steady:measure_steady"),
    "agent": Part("tests.bench.agent:measure_agent"),
    "pages": Part("tests.bench.pages:measure_pages"),
    "ledger": Part("tests.bench.ledger:measure_ledger"),
    "soak": Part("tests.bench.steady:measure_soak", is_asked_for=True),
    # The last: it leaves ceilings behind that no device could read.
    "fleet-pages": Part("tests.bench.fleet_pages:measure_fleet_pages"),
}
LEDGER_ROWS, LEDGER_ROWS_ALONE = 2_000_000, 50_000_000
MANY_ROWS = 5_000_000
MORE_MINUTES_FOR_MANY_ROWS = 45
COMMANDS = (
    "prepare_database",
    "load_jurisdictions",
    "create_keys",
    "load_register",
    "load_grounds",
)


def main() -> int:
    options = options_from()
    names = options.only or [name for name, part in PARTS.items() if not part.is_asked_for]
    minutes = sum(PARTS[name].longest_minutes for name in names) + options.minutes
    minutes += MORE_MINUTES_FOR_MANY_ROWS if options.ledger_rows > MANY_ROWS else 0
    _end_in_time(round(minutes * 60))
    _allow_files()
    folder = DEFAULT_FOLDER / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder), EmbeddedPostgres(folder / "postgres") as postgres:
        _name_services(folder, postgres)
        _make_database(postgres)
        django.setup()
        print(_headline(), flush=True)
        with _connections():
            outcomes = _measure(names, options, folder, postgres)
    if len(outcomes) > 1:
        print("\n## All figures\n")
        print(figures_table([figure for one in outcomes for figure in one.figures]))
    errors = sum(sum(one.errors.values()) for one in outcomes)
    if errors:
        _say(f"\n{errors:,} errors: these figures don't count. See the logs in {folder}.")
    return 1 if errors else 0


def _measure(
    names: Sequence[str], options: argparse.Namespace, folder: Path, postgres: EmbeddedPostgres
) -> list[Outcome]:
    """Measure one part after the other, and print each when it is there."""
    # Only now: it needs the settings and the loaded applications.
    from tests.bench.bench import Bench  # noqa: PLC0415 (see above)

    bench = Bench(
        folder=folder, postgres=postgres, quick=options.quick, minutes=options.minutes,
        requests=options.requests, ledger_rows=options.ledger_rows,
    )  # fmt: skip
    outcomes = []
    for name in (name for name in PARTS if name in names):
        began = time.monotonic()
        _say(f"Measuring {name} ...")
        outcomes.append(PARTS[name].measure(bench))
        print(outcomes[-1].text(), flush=True)
        _say(f"... {name} took {time.monotonic() - began:.0f} s")
    return outcomes


def options_from(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, or these arguments; `ledger_rows` is always a number then."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    add = parser.add_argument
    add("--only", choices=PARTS, action="append", help="a part; may be given more than once")
    add("--quick", action="store_true", help="a twentieth of everything: to see that it runs")
    add("--minutes", type=float, default=10, help="of the soak, at most 60")
    add("--requests", type=int, default=100_000, help="that the pages show, at least 500")
    add(
        "--ledger-rows",
        type=int,
        help=f"at least 100,000; {LEDGER_ROWS:,} by default, and {LEDGER_ROWS_ALONE:,}, which take "
        "5 GB, where only the ledger is measured",
    )
    options = parser.parse_args(arguments)
    if options.ledger_rows is None:
        options.ledger_rows = LEDGER_ROWS_ALONE if options.only == ["ledger"] else LEDGER_ROWS
    if not 0 < options.minutes <= 60:
        parser.error("up to 60 minutes")
    if options.ledger_rows < 100_000 or options.requests < 500:
        parser.error("at least 500 requests and 100,000 rows")
    return options


def _end_in_time(longest_seconds: int) -> None:
    """Turn the time limit and a request to end into exceptions, so that all is cleaned up."""

    def give_up(number: int, _frame: object) -> NoReturn:
        sys.exit(f"Ended by {signal.Signals(number).name}.")

    signal.signal(signal.SIGTERM, give_up)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(longest_seconds)


def _allow_files() -> None:
    """Each agent that waits is an open file, in the fleet and in the server."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most > 0 else 65_536, most))


def _name_services(folder: Path, postgres: EmbeddedPostgres) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_MODE": "development",
        "DEBUG": "no",
        "VAR_DIR": str(folder),
        "KEYS_DIR": str(folder / "keys"),
        # What is owed is written; nobody is there to mail it.
        "CELERY_BROKER_URL": "memory://localhost/",
        "DATABASE_URL": postgres.url("portal", "bench"),
        "DATABASE_OWNER_URL": postgres.url("owner", "bench"),
    }


def _make_database(postgres: EmbeddedPostgres) -> None:
    """Make an empty database, fill it by the commands an operator uses, and sign the ceilings."""
    _say("Preparing a database ...")
    with psycopg.connect(postgres.url("owner", "postgres"), autocommit=True) as owner:
        owner.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        owner.execute("CREATE DATABASE bench OWNER owner")
    for command in (*COMMANDS, "sign_ceilings"):
        subprocess.run(
            [sys.executable, "manage.py", command], cwd=REPOSITORY, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def _connections() -> Iterator[None]:
    """Close our own connections to the database at the end."""
    try:
        yield
    finally:
        django.db.connection.close()
        django.db.connection.close_pool()


def _headline() -> str:
    version = importlib.metadata.version
    pinned = "server and load on a core each" if IS_PINNED else "server and load share the cores"
    return (
        f"\npython -m tests.bench {' '.join(sys.argv[1:])}\n"
        f"{len(CORES) or os.cpu_count()} cores, Python {platform.python_version()}, "
        f"granian {version('granian')}, uvloop {version('uvloop')}; {pinned}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
