"""Reads of restrictions, preferences and stops."""

from consent_app.restrictions.queries.preferences import (
    pause_preference,
    quiet_times_of,
    quiet_windows,
)
from consent_app.restrictions.queries.restrictions import (
    pause_by_request_key,
    pauses_of,
    restrictions_caused_by,
    restrictions_on,
    restrictions_on_many,
)

__all__ = [
    "pause_by_request_key",
    "pause_preference",
    "pauses_of",
    "quiet_times_of",
    "quiet_windows",
    "restrictions_caused_by",
    "restrictions_on",
    "restrictions_on_many",
]
