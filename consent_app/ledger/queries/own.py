"""Reads of one's own counts: `reporters_of` a person, and what these devices counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Max, QuerySet, Sum
from django.db.models.functions import TruncDate

from consent_app.ledger.models import HourlyCost, HourlyCount, Reporter, Word
from consent_app.ledger.rules import CAPTURED, HOUR, OLDEST_REPORT
from consent_app.ledger.spans import Period, Span
from consent_app.people.models import Employee
from consent_app.register.models import Application, DataKind, VersionState


@dataclass(slots=True)
class Totals:
    """How much was collected, and how much was not."""

    collected: int = 0
    left_out: int = 0

    def add(self, outcome: str, count: int) -> None:
        if outcome == CAPTURED:
            self.collected += count
        else:
            self.left_out += count


@dataclass(slots=True)
class OfApplication:
    """An application's counts, `by_kind` by the code of the kind."""

    slug: str
    totals: Totals = field(default_factory=Totals)
    by_kind: dict[str, Totals] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """What was counted in a period, seen from four sides; `kinds` by their codes."""

    totals: Totals
    applications: list[OfApplication]
    kinds: dict[str, Totals]
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class Used:
    """What the agents used in a period, and the most of one device in one day or hour."""

    hours: int
    cpu_milliseconds: int
    most_cpu_milliseconds_in_an_hour: int
    sent_bytes: int
    most_bytes_in_a_day: int
    battery_milliwatt_hours: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One count as it is downloaded."""

    hour: datetime
    device: str
    application: str
    kind: str
    outcome: str
    count: int


def reporters_of(person: Employee) -> list[Reporter]:
    """Return this person's devices that ever reported, removed ones too."""
    mine = Reporter.objects.filter(device__employee=person)
    return list(mine.select_related("device").order_by("device__hostname", "pk"))


def last_reports(reporters: Collection[Reporter], *, now: datetime) -> dict[int, datetime]:
    """Return by the reporter's id the last hour that it told of, if within 7 days."""
    recent = {
        "reporter_id__in": [reporter.pk for reporter in reporters],
        "hour__gte": now - OLDEST_REPORT,
        "hour__lt": now + HOUR,
    }
    last: dict[int, datetime] = {}
    for kept in (HourlyCount.objects, HourlyCost.objects):
        found = kept.filter(**recent).values_list("reporter_id").annotate(last=Max("hour"))
        for reporter, hour in found:
            last[reporter] = max(hour, last.get(reporter, hour))
    return last


def oldest_hour(reporters: Collection[Reporter]) -> datetime | None:
    """Return the first hour that is still kept; what comes before was deleted."""
    return _counts_of(reporters).order_by("hour").values_list("hour", flat=True).first()


def totals_by_bucket(
    reporters: Collection[Reporter], period: Period
) -> dict[datetime | date, Totals]:
    """Return the totals of each hour of a day, or of each day of a longer period."""
    counts = _counts_in(reporters, period)
    by = "hour"
    if period.span != Span.DAY:
        by = "local_day"
        counts = counts.annotate(local_day=TruncDate("hour", tzinfo=period.zone))
    rows = list(counts.values_list(by, "outcome_id").annotate(total=Sum("count")))
    words = _words({outcome for _, outcome, _ in rows})
    buckets: dict[datetime | date, Totals] = {}
    for bucket, outcome, count in rows:
        buckets.setdefault(bucket, Totals()).add(words[outcome], count)
    return buckets


def summary_of(reporters: Collection[Reporter], period: Period) -> Summary:
    """Return what was counted, by application and kind, and why something was left out."""
    rows = list(
        _counts_in(reporters, period)
        .values_list("application_id", "kind_id", "outcome_id")
        .annotate(total=Sum("count"))
    )
    words = _words({number for *numbers, _ in rows for number in numbers})
    totals = Totals()
    applications: dict[str, OfApplication] = {}
    kinds: dict[str, Totals] = {}
    reasons: dict[str, int] = {}
    for application, kind, outcome, count in rows:
        slug, code, reason = words[application], words[kind], words[outcome]
        of = applications.setdefault(slug, OfApplication(slug))
        of_kind = kinds.setdefault(code, Totals())
        for sums in (totals, of_kind, of.totals, of.by_kind.setdefault(code, Totals())):
            sums.add(reason, count)
        if reason != CAPTURED:
            reasons[reason] = reasons.get(reason, 0) + count
    most_first = sorted(
        applications.values(), key=lambda of: (-of.totals.collected, -of.totals.left_out, of.slug)
    )
    return Summary(totals, most_first, kinds, reasons)


def used_in(reporters: Collection[Reporter], period: Period) -> Used | None:
    """Return what the agents used; None where no device told."""
    rows = list(
        HourlyCost.objects.filter(
            reporter_id__in=[reporter.pk for reporter in reporters],
            hour__gte=period.starts_at,
            hour__lt=period.ends_at,
        )
        .annotate(local_day=TruncDate("hour", tzinfo=period.zone))
        .values_list(
            "reporter_id", "local_day", "cpu_milliseconds", "sent_bytes", "battery_milliwatt_hours"
        )
    )
    if not rows:
        return None
    by_day: dict[tuple[int, date], int] = {}
    for reporter, day, _, sent, _ in rows:
        by_day[reporter, day] = by_day.get((reporter, day), 0) + sent
    measured = [battery for *_, battery in rows if battery is not None]
    return Used(
        hours=len(rows),
        cpu_milliseconds=sum(cpu for _, _, cpu, _, _ in rows),
        most_cpu_milliseconds_in_an_hour=max(cpu for _, _, cpu, _, _ in rows),
        sent_bytes=sum(by_day.values()),
        most_bytes_in_a_day=max(by_day.values()),
        battery_milliwatt_hours=sum(measured) if measured else None,
    )


def every_count(reporters: Collection[Reporter]) -> Iterator[Row]:
    """Yield all that is kept, the oldest first, without holding it all at once."""
    devices = {reporter.pk: reporter.device.hostname for reporter in reporters}
    words = dict(Word.objects.values_list("pk", "word"))
    in_order = _counts_of(reporters).order_by(
        "hour", "reporter_id", "application_id", "kind_id", "outcome_id"
    )
    rows = in_order.values_list(
        "hour", "reporter_id", "application_id", "kind_id", "outcome_id", "count"
    )
    for hour, reporter, application, kind, outcome, count in rows.iterator(chunk_size=2000):
        yield Row(hour, devices[reporter], words[application], words[kind], words[outcome], count)


def every_cost(reporters: Collection[Reporter]) -> Iterator[tuple[str, HourlyCost]]:
    """Yield the device's name with what its agent used in each hour, the oldest first."""
    devices = {reporter.pk: reporter.device.hostname for reporter in reporters}
    kept = HourlyCost.objects.filter(reporter_id__in=devices).order_by("hour", "reporter_id")
    for cost in kept.iterator(chunk_size=2000):
        yield devices[cost.reporter_id], cost


def names_of_applications(slugs: Collection[str]) -> dict[str, str]:
    """Return the names under which the newest version that lists them does so."""
    published = Application.objects.filter(
        slug__in=slugs, version__state=VersionState.PUBLISHED
    ).order_by("version__number")
    return dict(published.values_list("slug", "name"))


def names_of_kinds() -> dict[str, str]:
    """Return the names of all kinds ever published, in the order of the register."""
    published = DataKind.objects.filter(version__state=VersionState.PUBLISHED)
    in_order = published.order_by("version__number", "position")
    return dict(in_order.values_list("code", "name"))


def _counts_of(reporters: Collection[Reporter]) -> QuerySet[HourlyCount]:
    return HourlyCount.objects.filter(reporter_id__in=[reporter.pk for reporter in reporters])


def _counts_in(reporters: Collection[Reporter], period: Period) -> QuerySet[HourlyCount]:
    return _counts_of(reporters).filter(hour__gte=period.starts_at, hour__lt=period.ends_at)


def _words(numbers: Collection[int]) -> dict[int, str]:
    return dict(Word.objects.filter(pk__in=numbers).values_list("pk", "word"))
