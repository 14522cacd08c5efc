"""The names of this room's audit events."""

PAUSE_STARTED = "pause.started"
PAUSE_EXTENDED = "pause.extended"
PAUSE_ENDED = "pause.ended"
RESTRICTION_ADDED = "restriction.added"
RESTRICTION_ENDED = "restriction.ended"
