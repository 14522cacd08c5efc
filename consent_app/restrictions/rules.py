"""How long a pause may be. Source: docs/policy.md, section 3 (design, section 8)."""

from datetime import datetime, timedelta

from consent_app.restrictions.errors import PauseLengthOutOfRange, PauseNotLonger

SHORTEST_PAUSE_MINUTES = 1
LONGEST_PAUSE_MINUTES = 30
OFFERED_MINUTES = (15, 5, 10, 30)  # in the order of tabbing: the usual one first
USUAL_MINUTES = OFFERED_MINUTES[0]
LONGEST_REMINDER_MINUTES = 10


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
