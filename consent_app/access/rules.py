"""How often somebody gets a copy of their data, and for how long it is kept. Pure.

Source: docs/policy.md, section 15.
"""

from datetime import datetime, timedelta

from consent_app.access.errors import AskedToday

KEPT_FOR = timedelta(days=7)
ASKED_AGAIN_AFTER = timedelta(days=1)


def next_request_at(last: datetime) -> datetime:
    return last + ASKED_AGAIN_AFTER


def check_not_asked_today(*, last: datetime | None, at: datetime) -> None:
    """Raises AskedToday: `last`, the time of the last request, is less than a day ago."""
    if last is not None and at < next_request_at(last):
        raise AskedToday
