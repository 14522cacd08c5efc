"""Reads of restrictions, preferences and stops."""

from consent_app.restrictions.queries.preferences import (
    APPLICATIONS_CAUSE,
    application_preference,
    pause_preference,
    quiet_time_for,
    quiet_times_ahead,
    quiet_times_of,
    quiet_windows,
)
from consent_app.restrictions.queries.restrictions import (
    end_of_pause,
    pause_by_request_key,
    pauses_of,
    pauses_to_remind_of,
    restrictions_caused_by,
    restrictions_on,
    restrictions_on_many,
)
from consent_app.restrictions.queries.stops import (
    check_may_see,
    open_stops,
    past_stops,
    stop_for,
    stops_in_force,
)

__all__ = [
    "APPLICATIONS_CAUSE",
    "application_preference",
    "check_may_see",
    "end_of_pause",
    "open_stops",
    "past_stops",
    "pause_by_request_key",
    "pause_preference",
    "pauses_of",
    "pauses_to_remind_of",
    "quiet_time_for",
    "quiet_times_ahead",
    "quiet_times_of",
    "quiet_windows",
    "restrictions_caused_by",
    "restrictions_on",
    "restrictions_on_many",
    "stop_for",
    "stops_in_force",
]
