"""Keeping what a device counted. Counts are running totals of their hour, so the greatest holds:
a report may come twice, late, or at the same moment as the next one."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from consent_app.devices.models import Device
from consent_app.ledger import rules
from consent_app.ledger.actions.days import make_days
from consent_app.ledger.actions.incidents import open_incidents
from consent_app.ledger.errors import Undeclared, WrongField
from consent_app.ledger.models import Reporter, Word
from consent_app.ledger.queries.editions import editions_about
from consent_app.ledger.rules import Counted, Spent

# Sorted rows: two reports of one device take the rows' locks in the same order.
KEEP_COUNTS = """
INSERT INTO ledger_hourlycount AS kept
    (reporter_id, hour, application_id, kind_id, outcome_id, count)
SELECT %s, new.* FROM unnest(
    %s::timestamptz[], %s::smallint[], %s::smallint[], %s::smallint[], %s::integer[]
) AS new
ON CONFLICT (reporter_id, hour, application_id, kind_id, outcome_id)
DO UPDATE SET count = EXCLUDED.count WHERE kept.count < EXCLUDED.count
"""
KEEP_COSTS = """
INSERT INTO ledger_hourlycost AS kept
    (reporter_id, hour, cpu_milliseconds, sent_bytes, battery_milliwatt_hours)
SELECT %s, new.* FROM unnest(%s::timestamptz[], %s::integer[], %s::integer[], %s::integer[]) AS new
ON CONFLICT (reporter_id, hour) DO UPDATE SET
    cpu_milliseconds = GREATEST(kept.cpu_milliseconds, EXCLUDED.cpu_milliseconds),
    sent_bytes = GREATEST(kept.sent_bytes, EXCLUDED.sent_bytes),
    battery_milliwatt_hours =
        GREATEST(kept.battery_milliwatt_hours, EXCLUDED.battery_milliwatt_hours)
"""

Key = tuple[datetime, int, int, int]


def receive_report(*, device: Device, counted: Sequence[Counted], spent: Sequence[Spent]) -> None:
    """Keep what a device counted and used, all of it or nothing.

    Raises:
        HourOutOfRange: an hour is ahead, or older than 7 days.
        Undeclared: the register of its hour does not list something; an incident is open then.
    """
    now = timezone.now()
    rules.check_hours(counted, spent, now=now)
    editions = editions_about({row.application for row in counted}, {row.hour for row in counted})
    undeclared = [
        (place, row, member)
        for place, row in enumerate(counted)
        if (member := rules.undeclared_member(row, editions[row.hour]))
    ]
    if undeclared:
        pairs = {(row.application, row.kind) for _, row, _ in undeclared}
        open_incidents(device=device, undeclared=pairs, at=now)
        raise Undeclared(
            [
                WrongField(f"reports.{place}.{member}", "is not in the register of that hour")
                for place, _, member in undeclared
            ]
        )
    kept = [row for row in counted if rules.is_kept(row, editions[row.hour])]
    try:
        _keep(device, kept, spent)
    except IntegrityError:
        # No table for that day: beat has been away for two weeks. What else is wrong rises again.
        hours = [row.hour for row in kept] + [row.hour for row in spent]
        days = [hour.astimezone(UTC).date() for hour in hours]
        make_days(first=min(days), last=max(days))
        _keep(device, kept, spent)


@transaction.atomic
def _keep(device: Device, counted: Sequence[Counted], spent: Sequence[Spent]) -> None:
    reporter, _ = Reporter.objects.get_or_create(device=device)
    if counted:
        _keep_counts(reporter, counted)
    if spent:
        _keep_costs(reporter, spent)


def _keep_counts(reporter: Reporter, counted: Sequence[Counted]) -> None:
    numbers = _numbers({word for row in counted for word in _words(row)})
    greatest: dict[Key, int] = {}
    for row in counted:
        for outcome, count in row.outcomes():
            key = (row.hour, numbers[row.application], numbers[row.kind], numbers[outcome])
            greatest[key] = max(count, greatest.get(key, 0))
    if not greatest:
        return
    columns = zip(*((*key, count) for key, count in sorted(greatest.items())), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(KEEP_COUNTS, [reporter.pk, *map(list, columns)])
    captured = [row.hour for row in counted if row.captured]
    if captured and (
        reporter.first_captured_at is None or min(captured) < reporter.first_captured_at
    ):
        first = min(captured)
        earlier = Q(first_captured_at__isnull=True) | Q(first_captured_at__gt=first)
        Reporter.objects.filter(earlier, pk=reporter.pk).update(first_captured_at=first)


def _keep_costs(reporter: Reporter, spent: Sequence[Spent]) -> None:
    greatest: dict[datetime, tuple[int, int, int | None]] = {}
    for row in spent:
        cpu, sent, battery = greatest.get(row.hour, (0, 0, None))
        measured = [value for value in (battery, row.battery_milliwatt_hours) if value is not None]
        greatest[row.hour] = (
            max(cpu, round(row.cpu_seconds * 1000)),
            max(sent, row.sent_bytes),
            max(measured, default=None),
        )
    columns = zip(*((hour, *greatest[hour]) for hour in sorted(greatest)), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(KEEP_COSTS, [reporter.pk, *map(list, columns)])


def _words(row: Counted) -> Iterable[str]:
    return (row.application, row.kind, *(outcome for outcome, _ in row.outcomes()))


def _numbers(words: Collection[str]) -> dict[str, int]:
    """Return the number of each word; one that is new gets one."""
    numbers = _known(words)
    if missing := set(words) - numbers.keys():
        Word.objects.bulk_create(
            [Word(word=word) for word in sorted(missing)], ignore_conflicts=True
        )
        numbers |= _known(missing)
    return numbers


def _known(words: Collection[str]) -> dict[str, int]:
    return dict(Word.objects.filter(word__in=words).values_list("word", "pk"))
