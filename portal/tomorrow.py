"""Draws a day to come for "My preferences", by what each device was told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.text import get_text_list

from consent_app.devices.day import Day, LeftOut, day_of
from consent_app.devices.queries import policy_documents_for
from consent_app.ledger.queries.own import names_of_kinds
from consent_app.people.models import Employee
from consent_app.register.queries import applications_named

HOURS = (0, 6, 12, 18)
# A minute of a day is less than a dot on a phone's screen.
LEAST_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a day as it is drawn, in minutes since its beginning."""

    state: str
    starts_at: datetime
    ends_at: datetime
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour under the bar; `x` is where it begins, as a percentage."""

    name: str
    x: str


@dataclass(frozen=True, slots=True)
class Without:
    """What is left out of a part of the day, in words; times of None are those of the day."""

    what: str
    starts_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """How a day will look on some devices, and what is left out of it besides."""

    hostnames: str
    bars: list[Bar]
    minutes: int
    without: list[Without]

    @property
    def drawn(self) -> list[Bar]:
        """The bars with the narrow ones, made wide enough to be seen, on top."""
        return sorted(self.bars, key=lambda bar: -bar.width)


def beginning_of_day(employee: Employee, *, days: int) -> datetime:
    """Return when the day after `days` days begins where this person is, in UTC.

    Two times of one zone would be taken from each other as their clock shows them.
    """
    return _at(_day(employee, days=days), time.min, employee)


def hours_of_tomorrow(employee: Employee) -> list[Hour]:
    """Return the hours under the bar; where the clock changes they don't stand evenly."""
    begin, end = (beginning_of_day(employee, days=days) for days in (1, 2))
    tomorrow = _day(employee, days=1)
    return [
        Hour(
            f"{hour:02}:00",
            f"{100 * ((_at(tomorrow, time(hour), employee) - begin) / (end - begin)):.3f}%",
        )
        for hour in HOURS
    ]


def previews(employee: Employee) -> list[Preview]:
    """Draw tomorrow for every device; those that it looks the same on share one."""
    ceiling, policies, stops = policy_documents_for(employee)
    starts_at, ends_at = (beginning_of_day(employee, days=days) for days in (1, 2))
    hostnames: dict[Day, list[str]] = {}
    for device, told in policies:
        day = day_of(told, ceiling=ceiling, stops=stops, starts_at=starts_at, ends_at=ends_at)
        hostnames.setdefault(day, []).append(device.hostname)
    kinds = names_of_kinds() if any(day.left_out for day in hostnames) else {}
    return [
        Preview(
            get_text_list(names, "and"),
            _bars(day),
            round(day.minutes),
            _without(day.left_out, kinds),
        )
        for day, names in hostnames.items()
    ]


def _bars(day: Day) -> list[Bar]:
    begin = day.stretches[0].starts_at
    return [
        Bar(
            state=stretch.state,
            starts_at=stretch.starts_at,
            ends_at=stretch.ends_at,
            x=round((stretch.starts_at - begin).total_seconds() / 60),
            width=max(LEAST_WIDTH, round(stretch.minutes)),
        )
        for stretch in day.stretches
    ]


def _without(left_out: Iterable[LeftOut], kinds: dict[str, str]) -> list[Without]:
    """Say what is left out; what the register in force does not list is collected by nobody."""
    said = []
    for part in left_out:
        named = part.applications and [row.name for row in applications_named(part.applications)]
        if named == []:
            continue
        applications = get_text_list(named, "and") if named else "any application"
        what = applications
        if part.kinds is not None:
            codes = [name.lower() for code, name in kinds.items() if code in part.kinds]
            what = f"{get_text_list(codes, 'and')} in {applications}"
        said.append(Without(what, part.starts_at, part.ends_at))
    return said


def _day(employee: Employee, *, days: int) -> date:
    return timezone.localdate(timezone.now(), ZoneInfo(employee.time_zone)) + timedelta(days=days)


def _at(day: date, clock: time, employee: Employee) -> datetime:
    return datetime.combine(day, clock, ZoneInfo(employee.time_zone)).astimezone(UTC)
