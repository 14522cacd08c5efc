"""Every write to restrictions: one function per event."""

from consent_app.restrictions.actions.narrowing import Narrowing, change_restrictions
from consent_app.restrictions.actions.pauses import extend_pause, resume, start_pause

__all__ = ["Narrowing", "change_restrictions", "extend_pause", "resume", "start_pause"]
