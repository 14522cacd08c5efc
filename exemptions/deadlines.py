"""Counts time for requests: business days of a place, the end of somebody's day, the legal clock.

Public holidays come from the `holidays` library. A country's code stands for what is a holiday
in all of the country, a state's code for that and the state's own. Days off that a country makes
up for on a Saturday stay days off, and that Saturday stays one, too: who reviews is not at work.
"""

import warnings
from calendar import monthrange
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import HolidayBase, country_holidays

ONE_DAY = timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)
USUAL_WEEKEND = frozenset({5, 6})  # as date.weekday() counts: Saturday and Sunday
MONTHS_WHEN_EXTENDED = 3  # one month, and "two further months where necessary"


def is_business_day(day: date, *, jurisdiction: str) -> bool:
    """Whether people work on that day in a place such as "US-NY" or "DE".

    A state that the library lacks has its country's holidays. A country that it lacks has none,
    and a week from Monday to Friday.
    """
    return day not in _days_off(jurisdiction, day.year)


def add_business_days(day: date, count: int, *, jurisdiction: str) -> date:
    """Return the `count`-th business day after `day`, which itself never counts.

    A `count` of 0 is the first business day from `day` on.
    """
    reached = day if count else day - ONE_DAY
    for _ in range(max(count, 1)):
        reached = _next_business_day(reached, jurisdiction)
    return reached


def business_days_between(start: date, end: date, *, jurisdiction: str) -> int:
    """Count the business days after `start` up to and including `end`; 0 if there are none."""
    days = (start + n * ONE_DAY for n in range(1, (end - start).days + 1))
    return sum(is_business_day(day, jurisdiction=jurisdiction) for day in days)


def end_of_day(day: date, *, time_zone: str) -> datetime:
    """Return the moment (UTC) at which the next local day begins.

    Where the clock skips midnight, or the whole next day, that is the moment of the skip: Python
    reads a local time that does not exist by the offset before it.
    """
    return datetime.combine(day + ONE_DAY, time.min, ZoneInfo(time_zone)).astimezone(UTC)


def local_day(at: datetime, *, time_zone: str) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def last_day_before(end: datetime, *, time_zone: str) -> date:
    """Return the last local day of what is over at `end`, often a midnight."""
    return local_day(end - A_MOMENT, time_zone=time_zone)


def legal_due_on(submitted_on: date, *, days: int | None, regime: str = "") -> date | None:
    """Return the last day on which the law lets a request wait; None if it names no such day.

    `days` are calendar days, the jurisdiction's `response_deadline_days`. The day on which the
    request came does not count. Where the law says a month, what comes of late January is due
    before 30 days are over. Source: Regulation (EEC, Euratom) 1182/71, article 3(1) and (2)(c);
    GDPR article 12(3).
    """
    if days is None:
        return None
    due_on = submitted_on + timedelta(days=days)
    return min(due_on, months_after(submitted_on, 1)) if regime.endswith("GDPR") else due_on


def latest_extension(submitted_on: date, *, days: int | None, regime: str = "") -> date | None:
    """Return the day beyond which the legal deadline can't be extended; None if there is none.

    `regime` is the jurisdiction's; without one of the GDPR the deadline's own length is added
    once, which is never more than what the law allows where we know it.

    Source: GDPR article 12(3) (the same in the UK and the EEA): three months since the request
    came. California: 11 CCR 7021(b), 45 days and another 45.
    """
    if days is None:
        return None
    if regime.endswith("GDPR"):
        return months_after(submitted_on, MONTHS_WHEN_EXTENDED)
    return submitted_on + 2 * timedelta(days=days)


def _next_business_day(day: date, jurisdiction: str) -> date:
    following = day + ONE_DAY
    while not is_business_day(following, jurisdiction=jurisdiction):
        following += ONE_DAY
    return following


# Whole years, never changed once made: the library fills its own calendars while it is asked,
# and a second thread could look into one that is half full.
@lru_cache(maxsize=1_000)
def _days_off(jurisdiction: str, year: int) -> frozenset[date]:
    """Return the weekends and public holidays of a year."""
    calendar = _calendar(jurisdiction, year)
    ordinals = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    days = (date.fromordinal(ordinal) for ordinal in ordinals)
    if calendar is None:
        return frozenset(day for day in days if day.weekday() in USUAL_WEEKEND)
    return frozenset(day for day in days if calendar.is_weekend(day) or day in calendar)


def _calendar(jurisdiction: str, year: int) -> HolidayBase | None:
    country, _, state = jurisdiction.partition("-")
    for subdivision in (state or None, None):
        with suppress(NotImplementedError):
            return _calendar_of(country, subdivision, year)
    return None


def _calendar_of(country: str, subdivision: str | None, year: int) -> HolidayBase:
    with warnings.catch_warnings():
        # Said of years for which a country has yet to announce its holidays that move.
        warnings.filterwarnings("ignore", message="Requested Holidays are available only")
        return country_holidays(country, subdiv=subdivision, years=year, expand=False)


def months_after(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day if it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    month_length = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, month_length))
