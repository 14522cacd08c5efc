"""Loads the counts of 90 days as devices report them, and measures reporting, pages and deleting.

A device counts eight hours a day. In each hour it sees eight of thirty applications, each with
clicks and keystrokes, and every tenth of these was paused for a while: 17 or 18 rows. The rows
stand in the order in which they would have come, hour by hour, so those of one person lie as far
apart as they do in life. They are written by COPY, past the API; all that is measured uses it.
"""

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import Any

import psycopg
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from consent_app.ledger import rules
from consent_app.ledger.actions.days import make_days
from consent_app.ledger.actions.reports import KEEP_COUNTS
from consent_app.ledger.models import Reporter, Word
from consent_app.people.models import Employee
from consent_app.register.models import Application
from tests.bench.bench import Bench
from tests.bench.figures import milliseconds, percentile, table, thousands
from tests.bench.fleet import Enrolled, enrol_fleet
from tests.bench.outcome import Figure, Outcome
from tests.bench.pages import signed_in_cookie

KINDS = ("mouse_click", "keystrokes")
APPLICATIONS = 30
APPLICATIONS_AN_HOUR = 8
PAUSED_EACH = 10
WORKED_HOURS = range(9, 17)
FREE_HOURS = range(8)  # of a day that was loaded, for new reports
VARIANTS = 20
ROWS_A_DAY = 141  # of one device, on average
SPANS = ("day", "week", "month")
READERS = 60
CONNECTIONS = 4
BODIES = 600
RAW_STATEMENTS = 300


@dataclass(frozen=True)
class Loaded:
    """What was loaded, how long it took, and how much room it takes."""

    agents: list[Enrolled]
    rows: int
    seconds: float
    bytes: int


@dataclass
class Timed:
    """Seconds of each of some acts, what they wrote in all, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    rows: int = 0
    errors: int = 0


def measure_ledger(bench: Bench) -> Outcome:
    """Load counts of 90 days, then open pages, take reports and delete a day."""
    with psycopg.connect(bench.postgres.url("owner", "bench"), autocommit=True) as owner:
        loaded = load_ledger(owner.cursor(), rows=bench.ledger_rows)
    bench.look_over()
    with bench.page_server() as server:
        visits = measure_my_data(server.port, readers(loaded.agents))
    few, many = loaded.agents[:BODIES], loaded.agents[-BODIES:]
    with bench.page_server() as server:
        reports = {
            "8 applications, by the API": measure_api(server.port, few, applications=8),
            "30 applications, by the API": measure_api(server.port, many, applications=30),
            "8 hours of 8 applications, by SQL alone": measure_sql(loaded.agents),
        }
    outcome = Outcome("Ledger", tables=[loaded_line(loaded), my_data_table(visits)])
    outcome.tables.append(reports_table(reports))
    outcome.add_errors(
        {name: timed.errors for name, timed in (visits | reports).items() if timed.errors}
    )
    outcome.figures = [Figure("deleting a day, ms", milliseconds(measure_deletion()))]
    return outcome


def load_ledger(owner: Any, *, rows: int) -> Loaded:
    """Write about `rows` counts over 90 days; `owner` is a cursor that may COPY for long."""
    days = _days()
    count = max(1, round(rows / len(days) / ROWS_A_DAY))
    agents = enrol_fleet(count)
    reporters = Reporter.objects.bulk_create(
        [
            Reporter(device_id=agent.device.id, first_captured_at=_hour(days[0], WORKED_HOURS[0]))
            for agent in agents
        ],
        batch_size=1000,
    )
    for some in batched(days, 30, strict=False):
        make_days(first=some[0], last=some[-1])
    variants = _variants(_numbers())
    began = time.monotonic()
    loaded = sum(_load_day(owner, day, reporters, variants) for day in days)
    return Loaded(agents, loaded, time.monotonic() - began, _size())


def measure_api(port: int, agents: Sequence[Enrolled], *, applications: int) -> Timed:
    """Let each agent report the hour that runs, over some connections at once."""
    body = _body(_slugs()[:applications])
    posts = [(agent.device.token, body) for agent in agents]
    timed = Timed(rows=len(posts) * _rows_in(body))
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [posts[start::CONNECTIONS] for start in range(CONNECTIONS)]
        for seconds, errors in pool.map(lambda part: _post_all(port, part), parts):
            timed.seconds += seconds
            timed.errors += errors
    timed.elapsed = time.perf_counter() - began
    return timed


def measure_sql(agents: Sequence[Enrolled]) -> Timed:
    """Write the rows of a day, one device a statement, by the statement that the portal uses."""
    numbers = _numbers()
    day = _days()[-1]
    ids = {str(device): pk for device, pk in Reporter.objects.values_list("device_id", "pk")}
    variants = _variants(numbers)
    timed = Timed()
    for number, agent in zip(range(RAW_STATEMENTS), agents, strict=False):
        found = [
            (_hour(day, hour), *map(int, line.split("\t")))
            for hour in FREE_HOURS
            for line in variants[(number + hour) % VARIANTS]
        ]
        # COPY has the count first, the statement last.
        columns = [list(column) for column in zip(*found, strict=True)]
        hours, counts, *what = columns
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(KEEP_COUNTS, [ids[agent.device.id], hours, *what, counts])
            timed.rows += cursor.rowcount
        timed.seconds.append(time.perf_counter() - began)
    timed.elapsed = sum(timed.seconds)
    return timed


def measure_my_data(port: int, people: Sequence[Employee]) -> dict[str, Timed]:
    """Let each open their day, week and month, and then all of it once more; then the download."""
    visits: dict[str, Timed] = {}
    cookies = [signed_in_cookie(person) for person in people]
    for name in ("for the first time", "again"):
        for span in SPANS:
            address = f"{reverse('my-data')}?show={span}&to={_days()[-1]}"
            visits[f"my data of a {span}, {name}"] = _visit(port, address, cookies)
    visits["my data as CSV, 90 days"] = _visit(port, reverse("my-data-csv"), cookies[:12])
    return visits


def measure_deletion() -> float:
    """Return how long it takes to delete the oldest day."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_drop_days(%s)", [_days()[1]])
    return time.perf_counter() - began


def loaded_line(loaded: Loaded) -> str:
    each = loaded.bytes / max(1, loaded.rows)
    return (
        f"{loaded.rows:,} counts of {len(loaded.agents):,} devices over {len(_days())} days,"
        f" loaded in {loaded.seconds:.0f} s; {loaded.bytes / 1e6:,.0f} MB with indexes and costs,"
        f" {each:.0f} bytes a count"
    )


def reports_table(measured: dict[str, Timed]) -> str:
    rows = [
        [
            name,
            thousands(len(timed.seconds) / timed.elapsed),
            thousands(timed.rows / timed.elapsed),
            milliseconds(percentile(timed.seconds, 50)),
            milliseconds(percentile(timed.seconds, 95)),
            thousands(timed.errors),
        ]
        for name, timed in measured.items()
    ]
    head = ["Reports", "a second", "counts a second", "median ms", "95 of 100 ms", "errors"]
    return table(head, rows)


def my_data_table(visits: dict[str, Timed]) -> str:
    rows = [
        [
            name,
            milliseconds(percentile(timed.seconds, 50)),
            milliseconds(percentile(timed.seconds, 95)),
            thousands(timed.errors),
        ]
        for name, timed in visits.items()
    ]
    return table([f"{READERS} people each", "median ms", "95 of 100 ms", "errors"], rows)


def _days() -> list[date]:
    """Return the days that are kept, the oldest first, without today."""
    today = timezone.now().astimezone(UTC).date()
    return [today - timedelta(days=ago) for ago in range(rules.RETENTION.days, 0, -1)]


def _hour(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def _slugs() -> list[str]:
    """Return applications from which both kinds are collected."""
    found = Application.objects.filter(kinds__contains=list(KINDS)).order_by("slug")
    return list(found.values_list("slug", flat=True)[:APPLICATIONS])


def _numbers() -> dict[str, int]:
    words = [*_slugs(), *KINDS, rules.CAPTURED, "pause"]
    Word.objects.bulk_create([Word(word=word) for word in words], ignore_conflicts=True)
    return dict(Word.objects.values_list("word", "pk"))


def _variants(numbers: dict[str, int]) -> list[list[str]]:
    """Return some hours' rows without hour and device: count, application, kind, outcome."""
    slugs = [slug for slug in _slugs() if slug in numbers]
    variants = []
    for start in range(VARIANTS):
        lines = []
        for place in range(APPLICATIONS_AN_HOUR):
            slug = slugs[(start * 3 + place) % len(slugs)]
            for position, kind in enumerate(KINDS):
                what = f"{numbers[slug]}\t{numbers[kind]}"
                count = 20 + (start * 37 + place * 11) % 400
                lines.append(f"{count}\t{what}\t{numbers[rules.CAPTURED]}")
                if (start + 2 * place + position) % PAUSED_EACH == 0:
                    lines.append(f"{count // 5}\t{what}\t{numbers['pause']}")
        variants.append(lines)
    return variants


def _load_day(
    owner: Any, day: date, reporters: Sequence[Reporter], variants: Sequence[Sequence[str]]
) -> int:
    """Write one day into its own tables; return how many counts it has."""
    count = 0
    columns = "hour, reporter_id, count, application_id, kind_id, outcome_id"
    with owner.copy(f"COPY ledger_hourlycount_{day:%Y%m%d} ({columns}) FROM STDIN") as copy:
        for hour in WORKED_HOURS:
            for position, reporter in enumerate(reporters):
                lines = variants[(position + hour + day.day) % VARIANTS]
                head = f"{_hour(day, hour):%Y-%m-%d %H}:00+00\t{reporter.pk}\t"
                copy.write("".join([f"{head}{line}\n" for line in lines]))
                count += len(lines)
    columns = "hour, reporter_id, cpu_milliseconds, sent_bytes, battery_milliwatt_hours"
    with owner.copy(f"COPY ledger_hourlycost_{day:%Y%m%d} ({columns}) FROM STDIN") as copy:
        for hour in WORKED_HOURS:
            at = f"{_hour(day, hour):%Y-%m-%d %H}:00+00"
            for reporter in reporters:
                copy.write(f"{at}\t{reporter.pk}\t9000\t15000\t\\N\n")
    return count


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent IN"
            " ('ledger_hourlycount'::regclass, 'ledger_hourlycost'::regclass)"
        )
        return int(cursor.fetchone()[0])


def _body(slugs: Sequence[str]) -> dict[str, Any]:
    """Return a report of this hour: the register is in force no longer than that."""
    hour = f"{timezone.now().astimezone(UTC):%Y-%m-%dT%H:00:00Z}"
    reports = [
        {
            "hour": hour,
            "application": slug,
            "kind": kind,
            "captured": 20 + place,
            "suppressed": {"pause": 3} if place % 4 == 0 else {},
        }
        for place, slug in enumerate(slugs)
        for kind in KINDS
    ]
    cost = {"hour": hour, "cpu_seconds": 9.1, "bytes": 15_000, "battery_mwh": None}
    return {"reports": reports, "cost": [cost]}


def _rows_in(body: dict[str, Any]) -> int:
    return sum(1 + len(row["suppressed"]) for row in body["reports"])


def _post_all(port: int, posts: Sequence[tuple[str, dict[str, Any]]]) -> tuple[list[float], int]:
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    seconds, errors = [], 0
    for token, body in posts:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        began = time.perf_counter()
        server.request("POST", "/agent/v1/ledger", body=data, headers=headers)
        answer = server.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - began)
        errors += answer.status != http.client.ACCEPTED
    server.close()
    return seconds, errors


def _visit(port: int, address: str, cookies: Sequence[str]) -> Timed:
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    timed = Timed()
    for cookie in cookies:
        began = time.perf_counter()
        server.request("GET", address, headers={"Cookie": cookie})
        answer = server.getresponse()
        answer.read()
        timed.seconds.append(time.perf_counter() - began)
        timed.errors += answer.status != http.client.OK
    server.close()
    return timed


def readers(agents: Sequence[Enrolled]) -> list[Employee]:
    """Return people from all over the tables."""
    step = max(1, len(agents) // READERS)
    chosen = [agent.employee for agent in agents[::step]][:READERS]
    people = Employee.objects.in_bulk(chosen)
    return [people[employee] for employee in chosen]
