"""Quiet times fall by the person's own clock, whatever that clock does."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_app.restrictions.errors import (
    QuietTimesTooClose,
    QuietTimesTooMany,
    QuietTimeUnclear,
)
from consent_app.restrictions.quiet_times import windows
from consent_app.restrictions.rules import check_quiet_times

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
]


@dataclass
class Daily:
    starts_at: time
    minutes: int = 30
    weekdays: list[int] = field(default_factory=lambda: EVERY_DAY)
    id: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=7))


def starts(daily: Daily, zone: ZoneInfo, after: datetime, days: int = 1) -> list[str]:
    found = windows([daily], zone=zone, after=after, before=after + timedelta(days=days))
    return [f"{window.starts_at:%d %H:%M}Z" for window in found]


def test_noon_stays_noon_when_the_clock_changes():
    # New York puts its clock forward on Sunday 8 March 2026.
    saturday = datetime(2026, 3, 7, 12, tzinfo=UTC)

    assert starts(Daily(time(12)), NEW_YORK, saturday, days=2) == ["07 17:00Z", "08 16:00Z"]


def test_what_the_clock_leaves_out_comes_as_late_as_it_would_have():
    before = datetime(2026, 3, 8, 5, tzinfo=UTC)

    (start,) = starts(Daily(time(2, 30)), NEW_YORK, before)

    assert start == "08 07:30Z"  # 03:30 there


def test_what_the_clock_shows_twice_is_quiet_twice():
    # It goes back on Sunday 1 November 2026.
    before = datetime(2026, 11, 1, 4, tzinfo=UTC)

    assert starts(Daily(time(1, 30)), NEW_YORK, before) == ["01 05:30Z", "01 06:30Z"]


def test_only_its_days_count_where_the_person_is():
    # Monday in Auckland begins on Sunday in UTC.
    auckland = ZoneInfo("Pacific/Auckland")
    monday = Daily(time(8), weekdays=[1])
    saturday_utc = datetime(2026, 11, 21, tzinfo=UTC)

    assert starts(monday, auckland, saturday_utc, days=7) == ["22 19:00Z"]


def test_one_that_has_begun_is_still_there():
    during = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)

    assert starts(Daily(time(12)), NEW_YORK, during) == ["23 17:00Z", "24 17:00Z"]
    assert starts(Daily(time(12), minutes=10), NEW_YORK, during) == ["24 17:00Z"]


@given(
    zone=st.sampled_from(ZONES),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    minutes=st.integers(1, 30),
    after=st.integers(0, 365 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
)
def test_every_reading_of_the_clock_is_covered(zone, at, minutes, after):
    """Whenever the person's clock shows a minute of the quiet time, it is quiet."""
    here = ZoneInfo(zone)
    found = windows([Daily(at, minutes)], zone=here, after=after, before=after + timedelta(days=3))

    for hours in range(48):
        moment = after + timedelta(hours=hours)
        local = moment.astimezone(here)
        since = (local.hour * 60 + local.minute) - (at.hour * 60 + at.minute)
        if 0 <= since < minutes and not _clock_jumped(moment, here):
            assert any(window.starts_at <= moment < window.ends_at for window in found)


def _clock_jumped(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock changed within the half hour before: then it shows what did not pass."""
    earlier = moment - timedelta(minutes=31)
    return earlier.astimezone(zone).utcoffset() != moment.astimezone(zone).utcoffset()


def test_the_same_moment_has_the_same_id_each_time():
    first = windows(
        [Daily(time(12))],
        zone=NEW_YORK,
        after=datetime(2026, 11, 23, tzinfo=UTC),
        before=datetime(2026, 11, 26, tzinfo=UTC),
    )
    later = windows(
        [Daily(time(12))],
        zone=NEW_YORK,
        after=datetime(2026, 11, 24, tzinfo=UTC),
        before=datetime(2026, 11, 26, tzinfo=UTC),
    )

    assert len(first) == 3
    assert first[1:] == later
    assert len({window.id for window in first}) == 3


# Rules


@pytest.mark.parametrize("minutes", [0, -1, 31, 1440])
def test_a_quiet_time_is_1_to_30_minutes_long(minutes):
    with pytest.raises(QuietTimeUnclear):
        check_quiet_times(Daily(time(12), minutes), beside=[])


@pytest.mark.parametrize("weekdays", [[], [0], [8], [1, 9]])
def test_a_quiet_time_has_days_of_the_week(weekdays):
    with pytest.raises(QuietTimeUnclear):
        check_quiet_times(Daily(time(12), weekdays=weekdays), beside=[])


def test_there_are_three_at_most():
    three = [Daily(time(hour)) for hour in (8, 10, 12)]

    check_quiet_times(three[2], beside=three[:2])
    with pytest.raises(QuietTimesTooMany):
        check_quiet_times(Daily(time(14)), beside=three)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        (Daily(time(12)), Daily(time(12, 59)), False),
        (Daily(time(12)), Daily(time(13, 0)), True),
        (Daily(time(12)), Daily(time(12, 10)), False),
        (Daily(time(12)), Daily(time(12)), False),
        # Over midnight, and over the end of the week
        (Daily(time(23, 45)), Daily(time(0, 30)), False),
        (Daily(time(23, 45)), Daily(time(0, 45)), True),
        (Daily(time(23, 45), weekdays=[7]), Daily(time(0, 30), weekdays=[1]), False),
        # The same time on other days
        (Daily(time(12), weekdays=[1]), Daily(time(12, 10), weekdays=[2]), True),
    ],
)
def test_half_an_hour_lies_between_two(first, second, fits):
    for added, other in ((first, second), (second, first)):
        if fits:
            check_quiet_times(added, beside=[other])
        else:
            with pytest.raises(QuietTimesTooClose):
                check_quiet_times(added, beside=[other])
