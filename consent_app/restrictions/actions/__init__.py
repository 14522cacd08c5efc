"""Every write to restrictions: one function per event."""

from consent_app.restrictions.actions.narrowing import Narrowing, change_restrictions
from consent_app.restrictions.actions.pauses import extend_pause, resume, start_pause
from consent_app.restrictions.actions.preferences import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    end_quiet_time,
    save_preference,
)
from consent_app.restrictions.actions.stops import (
    ask_restart,
    decline_restart,
    restart_programme,
    stop_programme,
)

__all__ = [
    "Narrowing",
    "WantedPreference",
    "add_quiet_time",
    "ask_restart",
    "change_restrictions",
    "choose_applications",
    "decline_restart",
    "end_quiet_time",
    "extend_pause",
    "restart_programme",
    "resume",
    "save_preference",
    "start_pause",
    "stop_programme",
]
