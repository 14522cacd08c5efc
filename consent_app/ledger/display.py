"""What "My data" shows, put together from one's own counts: sums, chart, tables, cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils.formats import date_format

from consent_app.devices.policy import BUDGET
from consent_app.ledger import rules
from consent_app.ledger.charts import Chart, Point, draw
from consent_app.ledger.models import Reporter
from consent_app.ledger.queries import own
from consent_app.ledger.spans import Period, Span
from consent_app.ledger.words import bytes_in_words, why_not

# Every so many hours or days a name stands on the axis; the table names them all.
MARK_EVERY = {Span.DAY: 6, Span.WEEK: 1, Span.MONTH: 7}
HOUR_MILLISECONDS = 3_600_000
# A worker may be busy when the task is due; a longer wait is told.
DELETION_TAKES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A device, and the last hour that it told of; None if it told of none for a week."""

    name: str
    is_removed: bool
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table by application."""

    name: str
    by_kind: list[tuple[str, int]]
    totals: own.Totals


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in a period, and which days those were, in words.

    `chart` is None where there is nothing to draw.
    """

    sentence: str
    days: str
    unit: str
    points: list[Point]
    chart: Chart | None
    kinds: list[str]
    lines: list[Line]
    by_kind: list[tuple[str, own.Totals]]
    reasons: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Cost:
    """One thing that the agent uses: how much, the most of one device, and its budget in words.

    `part` is the share of the budget that the most was, 1 for all of it.
    """

    name: str
    used: str
    most: str
    budget: str
    part: float | None

    @property
    def is_over(self) -> bool:
        return self.part is not None and self.part > 1

    @property
    def meter(self) -> str:
        """The share as an attribute holds it."""
        return f"{self.part:.4f}" if self.part is not None else ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Since when anything was collected, and when the oldest of what is kept will be deleted.

    `is_late` says that it should have been, and that the task which does it has not run.
    """

    collected_since: datetime | None
    oldest: datetime | None
    deleted_at: datetime | None
    is_late: bool


def devices_told(reporters: Sequence[Reporter], *, now: datetime) -> list[Told]:
    last = own.last_reports(reporters, now=now)
    return [
        Told(
            reporter.device.hostname,
            reporter.device.revoked_at is not None,
            last.get(reporter.pk),
        )
        for reporter in reporters
    ]


def counted_in(reporters: Sequence[Reporter], period: Period, *, today: date) -> Counted:
    summary = own.summary_of(reporters, period)
    points = _points(own.totals_by_bucket(reporters, period), period)
    kinds = _kinds(summary)
    names = own.names_of_applications([of.slug for of in summary.applications])
    return Counted(
        sentence=sum_up(summary.totals, period, today=today),
        days=_days(period),
        unit="hour" if period.span == Span.DAY else "day",
        points=points,
        chart=draw(points) if summary.applications else None,
        kinds=list(kinds.values()),
        lines=[_line(of, names, kinds) for of in summary.applications],
        by_kind=[(name, summary.kinds[code]) for code, name in kinds.items()],
        reasons=_reasons(summary.reasons),
    )


def sum_up(totals: own.Totals, period: Period, *, today: date) -> str:
    """Say in one or two plain sentences what was collected and what was not."""
    when = _days_in_a_sentence(period, today=today)
    if not totals.collected and not totals.left_out:
        return f"Nothing was counted {when}."
    if not totals.collected:
        return f"Nothing was collected from you {when}. {_events(totals.left_out)} left out."
    collected = f"{_events(totals.collected)} collected from you {when}."
    left_out = f"{totals.left_out:,} more" if totals.left_out else "None"
    return f"{collected} {left_out} {'were' if totals.left_out > 1 else 'was'} left out."


def costs_in(reporters: Sequence[Reporter], period: Period) -> list[Cost]:
    """Return what the agents used; empty where no device told."""
    used = own.used_in(reporters, period)
    if used is None:
        return []
    average = 100 * used.cpu_milliseconds / (used.hours * HOUR_MILLISECONDS)
    most = 100 * used.most_cpu_milliseconds_in_an_hour / HOUR_MILLISECONDS
    battery = used.battery_milliwatt_hours
    return [
        Cost(
            "Network",
            used=bytes_in_words(used.sent_bytes),
            most=f"{bytes_in_words(used.most_bytes_in_a_day)} in a day",
            budget=f"{bytes_in_words(BUDGET['upload_bytes_per_day'])} a day",
            part=used.most_bytes_in_a_day / BUDGET["upload_bytes_per_day"],
        ),
        Cost(
            "Processor",
            used=f"{average:.2f} per cent on average",
            most=f"{most:.2f} per cent in an hour",
            budget=f"{BUDGET['cpu_percent']} per cent",
            part=most / BUDGET["cpu_percent"],
        ),
        Cost(
            "Battery",
            used="not measured by your devices" if battery is None else f"{battery:,} mWh",
            most="",
            budget=f"nothing is done below {BUDGET['battery_floor_percent']} per cent charge",
            part=None,
        ),
    ]


def what_is_kept(reporters: Sequence[Reporter], *, now: datetime) -> Kept:
    first = [found for reporter in reporters if (found := reporter.first_captured_at)]
    oldest = own.oldest_hour(reporters)
    deleted_at = _deletion_of(oldest) if oldest else None
    return Kept(
        collected_since=min(first, default=None),
        oldest=oldest,
        deleted_at=deleted_at,
        is_late=deleted_at is not None and now > deleted_at + DELETION_TAKES,
    )


def _events(count: int) -> str:
    return "1 event was" if count == 1 else f"{count:,} events were"


def _days(period: Period) -> str:
    if period.first == period.last:
        return date_format(period.last, "l j F Y")
    return f"{date_format(period.first, 'j F')} to {date_format(period.last, 'j F Y')}"


def _days_in_a_sentence(period: Period, *, today: date) -> str:
    if period.first == period.last:
        return "today" if period.last == today else f"on {date_format(period.last, 'j F')}"
    if period.last == today:
        return f"in the last {period.span.days} days"
    return f"from {date_format(period.first, 'j F')} to {date_format(period.last, 'j F')}"


def _deletion_of(hour: datetime) -> datetime:
    """Return when the task next looks after an hour has become too old."""
    return datetime.combine(rules.deleted_from(hour), rules.DELETED_AT, UTC)


def _points(buckets: dict[datetime | date, own.Totals], period: Period) -> list[Point]:
    keys: Iterable[datetime | date]
    keys = period.hours() if period.span == Span.DAY else period.days()
    points = []
    for number, key in enumerate(keys):
        totals = buckets.get(key, own.Totals())
        mark = _mark(key, period) if number % MARK_EVERY[period.span] == 0 else ""
        points.append(Point(_name(key, period), mark, totals.collected, totals.left_out))
    return points


def _name(key: datetime | date, period: Period) -> str:
    if isinstance(key, datetime):
        return f"{key.astimezone(period.zone):%H:%M}{_zone_if_twice(key, period)}"
    return date_format(key, "l j F")


def _zone_if_twice(hour: datetime, period: Period) -> str:
    """Return " CET" where the clock shows this hour twice that day, else nothing."""
    local = hour.astimezone(period.zone)
    other = local.replace(fold=1 - local.fold)
    return f" {local.tzname()}" if other.utcoffset() != local.utcoffset() else ""


def _mark(key: datetime | date, period: Period) -> str:
    if isinstance(key, datetime):
        return f"{key.astimezone(period.zone):%H:%M}"
    # On a phone there is no room for more than the name of a day.
    return date_format(key, "D" if period.span == Span.WEEK else "j M")


def _kinds(summary: own.Summary) -> dict[str, str]:
    """Return the codes and names of the kinds that occur, in the order of the register."""
    names = own.names_of_kinds()
    return {code: name for code, name in names.items() if code in summary.kinds}


def _line(of: own.OfApplication, names: dict[str, str], kinds: dict[str, str]) -> Line:
    by_kind = [
        (name, of.by_kind[code].collected if code in of.by_kind else 0)
        for code, name in kinds.items()
    ]
    return Line(names.get(of.slug, of.slug), by_kind, of.totals)


def _reasons(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return why something was left out, the most frequent first; what reads the same is one."""
    sums: dict[str, int] = {}
    for reason, count in counts.items():
        sums[why_not(reason)] = sums.get(why_not(reason), 0) + count
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))
