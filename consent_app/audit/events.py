"""The names of this room's own events."""

DETAILS_ERASED = "audit.details_erased"
