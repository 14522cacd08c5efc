"""When quiet times fall, in the person's own zone and across changes of its clock. Pure.

A clock that goes back shows some times twice: then it is quiet twice. A time that a clock going
forward leaves out is taken as late as it would have come: 02:30 becomes 03:30.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

# A policy holds the quiet times of this many days; it is signed again at half of them.
QUIET_HORIZON: Final = timedelta(days=14)


class DailyTime(Protocol):
    """What a row of `QuietTime` says."""

    id: uuid.UUID
    starts_at: time
    minutes: int
    weekdays: list[int]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One quiet time on one day, in UTC. The same row and moment have the same id."""

    starts_at: datetime
    ends_at: datetime
    id: uuid.UUID


def windows(
    quiet_times: Iterable[DailyTime], *, zone: ZoneInfo, after: datetime, before: datetime
) -> list[Window]:
    """Return what ends after `after` and begins before `before`, in order."""
    # A day earlier and later: midnight in the zone is another moment than in UTC.
    first = (after - timedelta(days=1)).astimezone(zone).date()
    last = before.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found = {
        window
        for quiet_time in quiet_times
        for day in days
        if day.isoweekday() in quiet_time.weekdays
        for window in _on_day(quiet_time, day, zone)
        if window.ends_at > after and window.starts_at < before
    }
    return sorted(found)


def _on_day(quiet_time: DailyTime, day: date, zone: ZoneInfo) -> Iterator[Window]:
    local = datetime.combine(day, quiet_time.starts_at, zone)
    # Where the clock goes back, the second reading is later; where it goes forward, earlier.
    readings = {local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)}
    is_left_out = local.astimezone(UTC).astimezone(zone).time() != quiet_time.starts_at
    for starts_at in {max(readings)} if is_left_out else readings:
        ends_at = starts_at + timedelta(minutes=quiet_time.minutes)
        yield Window(starts_at, ends_at, uuid.uuid5(quiet_time.id, starts_at.isoformat()))
