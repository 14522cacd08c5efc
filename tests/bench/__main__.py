"""Measure the portal on this machine: `python -m tests.bench`, or `make bench`.

Starts PostgreSQL with safe writes, a portal and a load of its own in `var/bench`, on loopback, and
ends them all. Fails when any answer is wrong, or after fifteen minutes; after an hour with tens of
millions of counts in the ledger, as `--only ledger` has. docs/performance.md explains the figures.
"""

import argparse
import importlib.metadata
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import django
import psycopg

from portal.embedded import DEFAULT_FOLDER
from portal.embedded.files import one_at_a_time
from portal.embedded.postgres import EmbeddedPostgres
from tests.bench.load import generator_name
from tests.bench.processes import CORES, IS_PINNED, REPOSITORY, Server

LONGEST_SECONDS = 900
# Tens of millions of rows take their time, and gigabytes: only by its name.
LONGEST_SECONDS_WITH_MANY_ROWS = 3600
LEDGER_ROWS, LEDGER_ROWS_ALONE = 2_000_000, 50_000_000
MANY_ROWS = 5_000_000
LEAST_DEVICES = 1000
LEAST_REQUESTS = 500
LEAST_LEDGER_ROWS = 100_000
REQUESTS_EACH = 5
COMMANDS = (
    "prepare_database",
    "load_jurisdictions",
    "create_keys",
    "load_register",
    "load_grounds",
)


def main() -> int:
    options = options_from()
    has_many_rows = options.ledger_rows > MANY_ROWS
    _end_in_time(LONGEST_SECONDS_WITH_MANY_ROWS if has_many_rows else LONGEST_SECONDS)
    folder = DEFAULT_FOLDER / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder), EmbeddedPostgres(folder / "postgres") as postgres:
        _name_services(folder, postgres)
        _make_database(postgres)
        django.setup()
        with _connections():
            errors = 0
            if options.only in (None, "devices"):
                errors += _measure_devices(
                    folder, postgres, devices=options.devices, seconds=options.seconds
                )
            if options.only in (None, "pages"):
                errors += _measure_pages(folder, postgres, requests=options.requests)
            if options.only in (None, "ledger"):
                errors += _measure_ledger(folder, postgres, rows=options.ledger_rows)
    if errors:
        _say(f"\n{errors:,} errors: these figures don't count. See the logs in {folder}.")
    return 1 if errors else 0


def _measure_devices(
    folder: Path, postgres: EmbeddedPostgres, *, devices: int, seconds: int
) -> int:
    """Print how fast devices are answered; return how many answers were wrong."""
    # Only now: what these import needs the settings and the loaded applications.
    from tests.bench import measurements  # noqa: PLC0415 (see above)
    from tests.bench.fleet import enrol_fleet  # noqa: PLC0415 (see above)

    _say(f"Enrolling {devices:,} devices ...")
    agents = enrol_fleet(devices)
    _look_over(postgres)
    with Server("portal.asgi:application", log=folder / "portal.log") as portal:
        _say("Measuring requests ...")
        samples = measurements.measure_requests(folder, agents, portal, seconds=seconds)
        _say("Measuring pauses ...")
        pauses = measurements.measure_pauses(agents, portal)
        _say("Stopping the programme ...")
        with Server("portal.wsgi:application", log=folder / "api.log", interface="wsgi") as api:
            stop = measurements.measure_stop(agents, portal, api)
    print(_headline(devices, seconds))
    print("\n" + measurements.requests_table(samples))
    print("\n" + measurements.pauses_table(pauses))
    print("\n" + measurements.stop_table(stop))
    errors = sum(sample.errors for sample in samples.values()) + stop.errors
    return errors + sum(times.errors for times in pauses.values())


def _measure_pages(folder: Path, postgres: EmbeddedPostgres, *, requests: int) -> int:
    """Print how fast the pages about requests are; return how many answers were wrong."""
    # Only now: see above.
    from tests.bench import measurements  # noqa: PLC0415 (see above)
    from tests.bench.chores import measure_chores  # noqa: PLC0415 (see above)
    from tests.bench.requests import load_requests  # noqa: PLC0415 (see above)

    people = requests // REQUESTS_EACH
    _say(f"Making up {requests:,} requests of {people:,} people ...")
    began = time.monotonic()
    company = load_requests(people=people, requests=requests)
    _look_over(postgres)
    loaded = time.monotonic() - began
    _say("Measuring pages ...")
    log = folder / "pages.log"
    with Server("portal.wsgi:application", log=log, interface="wsgi") as pages:
        visits = measurements.measure_pages(company, pages)
    print(f"\n{requests:,} requests of {people:,} people, loaded in {loaded:.0f} s")
    print("\n" + measurements.pages_table(visits), flush=True)
    _say("Measuring what runs by itself ...")
    print("\n" + measurements.chores_table(measure_chores()))
    return sum(visit.errors for visit in visits.values())


def _measure_ledger(folder: Path, postgres: EmbeddedPostgres, *, rows: int) -> int:
    """Print how fast counts are taken, shown and deleted; return how many answers were wrong."""
    # Only now: see above.
    from tests.bench import ledger  # noqa: PLC0415 (see above)

    _say(f"Loading {rows:,} counts ...")
    with psycopg.connect(postgres.url("owner", "bench"), autocommit=True) as owner:
        loaded = ledger.load_ledger(owner.cursor(), rows=rows)
    print(ledger.loaded_line(loaded), flush=True)
    _look_over(postgres)
    _say("Measuring pages ...")
    log = folder / "pages.log"
    with Server("portal.wsgi:application", log=log, interface="wsgi") as pages:
        visits = ledger.measure_my_data(pages.port, ledger.readers(loaded.agents))
    print("\n" + ledger.my_data_table(visits), flush=True)
    _say("Measuring reports ...")
    with Server("portal.asgi:application", log=folder / "portal.log") as portal:
        reports = {
            "8 applications, by the API": ledger.measure_api(
                portal.port, loaded.agents[: ledger.BODIES], applications=8
            ),
            "30 applications, by the API": ledger.measure_api(
                portal.port, loaded.agents[-ledger.BODIES :], applications=30
            ),
            "8 hours of 8 applications, by SQL alone": ledger.measure_sql(loaded.agents),
        }
    print("\n" + ledger.reports_table(reports))
    print(f"\nDeleting a day: {ledger.measure_deletion() * 1000:.0f} ms")
    timed = [*visits.values(), *reports.values()]
    return sum(found.errors for found in timed)


def _look_over(postgres: EmbeddedPostgres) -> None:
    """Let the database know its tables, as it does by itself in time."""
    with psycopg.connect(postgres.url("owner", "bench"), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def options_from(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, or these arguments; `ledger_rows` is always a number then."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--devices", type=int, default=2000, help="at least 1,000")
    parser.add_argument("--seconds", type=int, default=8, help="of each load, 1 to 20")
    parser.add_argument("--requests", type=int, default=100_000, help="at least 500")
    parser.add_argument(
        "--only", choices=("devices", "pages", "ledger"), help="leave out the others"
    )
    parser.add_argument(
        "--ledger-rows",
        type=int,
        help=f"at least 100,000; {LEDGER_ROWS:,} by default, and {LEDGER_ROWS_ALONE:,}, which take "
        "5 GB, where only the ledger is measured",
    )
    options = parser.parse_args(arguments)
    if options.ledger_rows is None:
        options.ledger_rows = LEDGER_ROWS_ALONE if options.only == "ledger" else LEDGER_ROWS
    if options.devices < LEAST_DEVICES or not 1 <= options.seconds <= 20:
        parser.error("at least 1,000 devices, and 1 to 20 seconds")
    if options.ledger_rows < LEAST_LEDGER_ROWS:
        parser.error("at least 100,000 rows")
    if options.requests < LEAST_REQUESTS:
        parser.error("at least 500 requests")
    return options


def _end_in_time(longest_seconds: int) -> None:
    """Turn the time limit and a request to end into exceptions, so that all is cleaned up."""

    def give_up(number: int, _frame: object) -> NoReturn:
        sys.exit(f"Ended by {signal.Signals(number).name}.")

    signal.signal(signal.SIGTERM, give_up)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(longest_seconds)
    # Each agent that waits is an open file, here and in the server.
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


def _headline(devices: int, seconds: int) -> str:
    version = importlib.metadata.version
    pinned = "server and load on a core each" if IS_PINNED else "server and load share the cores"
    return (
        f"\npython -m tests.bench --devices {devices} --seconds {seconds}\n"
        f"{len(CORES) or os.cpu_count()} cores, Python {platform.python_version()}, "
        f"granian {version('granian')}, uvloop {version('uvloop')}\n"
        f"{pinned}; load from {generator_name()}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
