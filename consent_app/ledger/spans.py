"""The days that "My data" shows: today, a week or a month, in somebody's own time zone. Pure.

Devices count by whole hours of UTC. An hour belongs to the day in which it begins, also where a
zone is half an hour off; a day of a clock change has 23 or 25 of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from consent_app.ledger.rules import HOUR

ONE_DAY = timedelta(days=1)


class Span(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def days(self) -> int:
        return {Span.DAY: 1, Span.WEEK: 7, Span.MONTH: 30}[self]


@dataclass(frozen=True, slots=True)
class Period:
    """Some days up to and including `last`, from midnight to midnight in `zone`.

    Fewer than the span has where they would reach back beyond `oldest`, the first day that is kept.
    """

    span: Span
    last: date
    zone: ZoneInfo
    oldest: date = date.min

    @property
    def first(self) -> date:
        return max(self.oldest, self.last - timedelta(days=self.span.days - 1))

    @property
    def starts_at(self) -> datetime:
        return self._midnight(self.first)

    @property
    def ends_at(self) -> datetime:
        return self._midnight(self.last + ONE_DAY)

    def days(self) -> list[date]:
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(count)]

    def hours(self) -> list[datetime]:
        """Return the hours that begin within, in UTC."""
        return list(self._hours())

    def before(self) -> "Period":
        return replace(self, last=self.first - ONE_DAY)

    def after(self) -> "Period":
        return replace(self, last=self.last + timedelta(days=self.span.days))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    def _hours(self) -> Iterator[datetime]:
        hour = self.starts_at.replace(minute=0, second=0, microsecond=0)
        while hour < self.ends_at:
            if hour >= self.starts_at:
                yield hour
            hour += HOUR
