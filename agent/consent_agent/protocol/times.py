"""Times as documents write them: RFC 3339 in UTC, in one spelling."""

import re
from datetime import UTC, datetime
from typing import Final

_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z", re.ASCII
)


def format_time(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with microseconds only where there are some."""
    if moment.utcoffset() is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_time(text: str) -> datetime:
    """Read RFC 3339 in UTC (`...Z`).

    Raises:
        ValueError: another zone or form, or no such time.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time in UTC")
    return datetime.fromisoformat(text)
