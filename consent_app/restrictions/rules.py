"""How long pauses and quiet times may be, and who stops the programme. Pure.

Source: docs/policy.md, section 3 (design, section 8).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from consent_app.people.roles import Role
from consent_app.restrictions.errors import (
    PauseLengthOutOfRange,
    PauseNotLonger,
    QuietTimesTooClose,
    QuietTimesTooMany,
    QuietTimeUnclear,
)
from consent_app.restrictions.quiet_times import DailyTime

SHORTEST_PAUSE_MINUTES = 1
LONGEST_PAUSE_MINUTES = 30
OFFERED_MINUTES = (15, 5, 10, 30)  # in the order of tabbing: the usual one first
USUAL_MINUTES = OFFERED_MINUTES[0]
LONGEST_REMINDER_MINUTES = 10
MOST_QUIET_TIMES = 3
MINUTES_BETWEEN_QUIET_TIMES = 30
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

MAY_STOP = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER)
MAY_SEE_STOPS = (*MAY_STOP, Role.AUDITOR)


def check_pause_minutes(minutes: int, *, longest: int = LONGEST_PAUSE_MINUTES) -> None:
    """Accept whole minutes from 1 to `longest`, which a ceiling may set lower and never higher."""
    allowed = min(longest, LONGEST_PAUSE_MINUTES)
    if isinstance(minutes, bool) or not SHORTEST_PAUSE_MINUTES <= minutes <= allowed:
        raise PauseLengthOutOfRange(
            f"A pause is {SHORTEST_PAUSE_MINUTES} to {allowed} minutes long."
        )


def extended_end(
    *, now: datetime, ends_at: datetime, minutes: int, longest: int = LONGEST_PAUSE_MINUTES
) -> datetime:
    """Return the new end, counted from now: an extension never reaches beyond now + `longest`.

    Raises:
        PauseLengthOutOfRange: `minutes` is not 1 to `longest`, at most 30.
        PauseNotLonger: the pause already lasts that long.
    """
    check_pause_minutes(minutes, longest=longest)
    extended = now + timedelta(minutes=minutes)
    if extended <= ends_at:
        raise PauseNotLonger
    return extended


def check_quiet_times(added: DailyTime, *, beside: Iterable[DailyTime]) -> None:
    """Accept a further quiet time beside those there are.

    Without a distance between them, quiet times would add up to an exemption that nobody decided.

    Raises:
        QuietTimeUnclear: no day of the week, or not 1 to 30 minutes.
        QuietTimesTooMany: there are three.
        QuietTimesTooClose: less than 30 minutes lie between this one and another.
    """
    is_length = SHORTEST_PAUSE_MINUTES <= added.minutes <= LONGEST_PAUSE_MINUTES
    if not is_length or not added.weekdays or not set(added.weekdays) <= set(range(1, 8)):
        raise QuietTimeUnclear
    others = list(beside)
    if len(others) >= MOST_QUIET_TIMES:
        raise QuietTimesTooMany
    spans = sorted(span for one in (added, *others) for span in _spans_of_week(one))
    following = [*spans[1:], (spans[0][0] + WEEK_MINUTES, 0)]
    for (_, end), (start, _) in zip(spans, following, strict=True):
        if start - end < MINUTES_BETWEEN_QUIET_TIMES:
            raise QuietTimesTooClose


def _spans_of_week(one: DailyTime) -> Iterator[tuple[int, int]]:
    """Yield when it begins and ends on each of its days, in minutes since Monday's midnight."""
    of_day = one.starts_at.hour * 60 + one.starts_at.minute
    for weekday in one.weekdays:
        start = (weekday - 1) * DAY_MINUTES + of_day
        yield start, start + one.minutes
