"""Business days, the end of a day and the legal clock, in places that count them differently."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from holidays import list_supported_countries
from hypothesis import given
from hypothesis import strategies as st

from exemptions.deadlines import (
    add_business_days,
    business_days_between,
    end_of_day,
    is_business_day,
    latest_extension,
    legal_due_on,
    local_day,
)

ROOT = Path(__file__).resolve().parents[2]
WITH_HEADER = (ROOT / "consent_app/people/data/jurisdictions.csv").read_text("utf-8")
CODES = sorted(row["code"] for row in csv.DictReader(WITH_HEADER.splitlines()))
# None of our places at present; a place named here is served by its country, or Monday to Friday.
FALL_BACKS: set[str] = set()

places = st.sampled_from([*CODES, "US-ZZ", "XX"])
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))
counts = st.integers(0, 60)


# Which days are business days


def test_library_serves_each_of_our_places():
    known = list_supported_countries()

    served = {code for code in CODES for country, _, state in [code.partition("-")]
              if country in known and (not state or state in known[country])}  # fmt: skip

    assert CODES
    assert set(CODES) - served == FALL_BACKS


@pytest.mark.parametrize(
    ("day", "place", "expected"),
    [
        ("2026-11-25", "US-NY", True),
        ("2026-11-26", "US-NY", False),  # Thanksgiving
        ("2026-11-26", "US", False),
        ("2026-11-26", "DE", True),
        ("2027-03-31", "US-CA", False),  # Cesar Chavez Day
        ("2027-03-31", "US-NY", True),
        ("2026-07-03", "US-NY", False),  # Independence Day, a Saturday, observed on Friday
        ("2026-12-25", "DE", False),  # first and, on a Saturday, second day of Christmas
        ("2026-12-28", "DE", True),
        ("2026-12-28", "GB", False),  # Boxing Day, a Saturday, made up for on Monday
        ("2026-10-03", "DE", False),
        ("2026-04-03", "GB", False),  # Good Friday
        ("2026-04-03", "FR", True),
        ("2026-03-09", "AU-ACT", False),  # Canberra Day
        ("2026-03-09", "AU-NSW", True),
        ("2026-06-24", "CA-QC", False),  # Saint-Jean-Baptiste
        ("2026-06-24", "CA-ON", True),
        ("2028-02-29", "DE", True),
        ("2026-11-28", "DE", False),  # a Saturday
        ("2026-11-29", "DE", False),  # a Sunday
        ("2026-11-27", "IL", False),  # a Friday
        ("2026-11-28", "IL", False),
        ("2026-11-29", "IL", True),
        ("2026-08-08", "HU", False),  # a Saturday that makes up for a day off: still a Saturday
    ],
)
def test_knows_holidays_and_weekends_of_the_place(day, place, expected):
    assert is_business_day(date.fromisoformat(day), jurisdiction=place) is expected


def test_state_without_a_calendar_has_its_country_s():
    assert not is_business_day(date(2026, 11, 26), jurisdiction="US-ZZ")
    assert is_business_day(date(2027, 3, 31), jurisdiction="US-ZZ")


@pytest.mark.parametrize("place", ["XX", "XX-YY", ""])
def test_country_without_a_calendar_works_from_monday_to_friday(place):
    week = [date(2026, 12, 21) + timedelta(days=n) for n in range(7)]

    assert [is_business_day(day, jurisdiction=place) for day in week] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("place", CODES)
def test_years_beyond_what_the_library_knows_have_business_days(place):
    for year in (1000, 1899, 2000, 2036, 2101, 9998):
        day = add_business_days(date(year, 2, 10), 1, jurisdiction=place)

        assert day - date(year, 2, 10) < timedelta(days=14)


# Counting them


@pytest.mark.parametrize(
    ("day", "count", "place", "expected"),
    [
        ("2026-11-23", 0, "US-NY", "2026-11-23"),
        ("2026-11-23", 1, "US-NY", "2026-11-24"),
        ("2026-11-25", 1, "US-NY", "2026-11-27"),
        ("2026-11-26", 0, "US-NY", "2026-11-27"),
        ("2026-11-26", 1, "US-NY", "2026-11-27"),
        ("2026-11-27", 1, "US-NY", "2026-11-30"),
        ("2026-11-28", 0, "DE", "2026-11-30"),
        ("2026-12-23", 2, "DE", "2026-12-28"),
        ("2026-12-31", 1, "DE", "2027-01-04"),
        ("2028-02-28", 2, "DE", "2028-03-01"),
        ("2026-11-26", 1, "IL", "2026-11-29"),
        ("2026-04-02", 1, "GB", "2026-04-06"),
    ],
)
def test_counts_on_past_weekends_and_holidays(day, count, place, expected):
    reached = add_business_days(date.fromisoformat(day), count, jurisdiction=place)

    assert reached == date.fromisoformat(expected)


@given(days, counts, places)
def test_count_always_ends_on_a_business_day(day, count, place):
    assert is_business_day(add_business_days(day, count, jurisdiction=place), jurisdiction=place)


@given(days, st.integers(1, 60), places)
def test_days_between_gives_back_what_was_added(day, count, place):
    reached = add_business_days(day, count, jurisdiction=place)

    assert business_days_between(day, reached, jurisdiction=place) == count
    assert business_days_between(day, reached - timedelta(days=1), jurisdiction=place) == count - 1


@given(days, counts, counts, places)
def test_more_days_never_end_earlier(day, count, more, place):
    assert add_business_days(day, count, jurisdiction=place) <= add_business_days(
        day, count + more, jurisdiction=place
    )


@given(days, st.integers(0, 30), counts, places)
def test_later_start_never_ends_earlier(day, later, count, place):
    assert add_business_days(day, count, jurisdiction=place) <= add_business_days(
        day + timedelta(days=later), count, jurisdiction=place
    )


@given(days, days, places)
def test_nothing_lies_between_a_day_and_an_earlier_one(one, other, place):
    start, end = max(one, other), min(one, other)

    assert business_days_between(start, end, jurisdiction=place) == 0


# The end of a day


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-11-23", "Europe/Berlin", "2026-11-23T23:00Z"),
        ("2026-03-28", "Europe/Berlin", "2026-03-28T23:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T22:00Z"),  # a day of 23 hours
        ("2026-10-25", "Europe/Berlin", "2026-10-25T23:00Z"),  # a day of 25 hours
        ("2026-03-08", "America/New_York", "2026-03-09T04:00Z"),
        ("2026-11-01", "America/New_York", "2026-11-02T05:00Z"),
        ("2026-09-05", "America/Santiago", "2026-09-06T04:00Z"),  # then it is 1 o'clock at once
        ("2026-04-04", "America/Santiago", "2026-04-05T04:00Z"),  # 23 o'clock comes twice
        ("2026-10-31", "America/Havana", "2026-11-01T04:00Z"),  # the next day has two midnights
        ("2026-11-23", "Asia/Kathmandu", "2026-11-23T18:15Z"),
        ("2011-12-29", "Pacific/Apia", "2011-12-30T10:00Z"),  # the 30th was left out
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00Z"),
        ("2028-02-29", "UTC", "2028-03-01T00:00Z"),
        ("2026-12-31", "Pacific/Kiritimati", "2026-12-31T10:00Z"),
    ],
)
def test_day_ends_when_the_next_one_begins_there(day, zone, expected):
    end = end_of_day(date.fromisoformat(day), time_zone=zone)

    assert end == datetime.fromisoformat(expected)
    assert end.tzinfo is UTC


@given(days, st.sampled_from(sorted(available_timezones())))
def test_moment_before_the_end_is_still_that_day_and_the_end_is_not(day, zone):
    end = end_of_day(day, time_zone=zone)

    assert local_day(end - timedelta(microseconds=1), time_zone=zone) == day
    assert local_day(end, time_zone=zone) == day + timedelta(days=1)


def test_same_moment_is_another_day_elsewhere():
    at = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)

    assert local_day(at, time_zone="America/New_York") == date(2026, 11, 23)
    assert local_day(at, time_zone="Europe/Berlin") == date(2026, 11, 24)


# The legal clock


@pytest.mark.parametrize(
    ("submitted_on", "length", "regime", "due_on", "latest"),
    [
        ("2026-11-23", 30, "EU GDPR", "2026-12-23", "2027-02-23"),
        ("2026-11-23", 30, "EEA GDPR", "2026-12-23", "2027-02-23"),
        ("2026-11-23", 30, "UK GDPR", "2026-12-23", "2027-02-23"),
        ("2027-11-30", 30, "EU GDPR", "2027-12-30", "2028-02-29"),  # a leap day
        ("2026-11-30", 30, "EU GDPR", "2026-12-30", "2027-02-28"),
        ("2028-02-29", 30, "EU GDPR", "2028-03-30", "2028-05-29"),
        ("2026-11-23", 45, "US state privacy statute", "2027-01-07", "2027-02-21"),
        ("2026-11-23", 30, "Swiss FADP", "2026-12-23", "2027-01-22"),
        ("2026-11-23", 15, "LGPD", "2026-12-08", "2026-12-23"),
        ("2026-11-23", None, "US federal", None, None),
        ("2026-11-23", None, "EU GDPR", None, None),
    ],
)
def test_law_names_a_last_day_and_how_far_it_moves(submitted_on, length, regime, due_on, latest):
    submitted = date.fromisoformat(submitted_on)

    assert legal_due_on(submitted, days=length) == (due_on and date.fromisoformat(due_on))
    assert latest_extension(submitted, days=length, regime=regime) == (
        latest and date.fromisoformat(latest)
    )


@pytest.mark.parametrize(
    ("submitted", "due_on"),
    [("2026-01-31", "2026-02-28"), ("2026-03-01", "2026-03-31"), ("2028-01-30", "2028-02-29")],
)
def test_a_month_of_the_gdpr_is_never_taken_longer(submitted, due_on):
    due = legal_due_on(date.fromisoformat(submitted), days=30, regime="EU GDPR")

    assert due == date.fromisoformat(due_on)


@given(days, st.integers(1, 90))
def test_deadline_of_an_unknown_law_at_most_doubles(submitted_on, length):
    latest = latest_extension(submitted_on, days=length)

    assert latest == submitted_on + 2 * timedelta(days=length)


@given(days)
def test_extension_under_the_gdpr_lies_behind_the_deadline(submitted_on):
    assert legal_due_on(submitted_on, days=30) < latest_extension(
        submitted_on, days=30, regime="EU GDPR"
    )
