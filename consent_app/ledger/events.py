"""The names of this room's audit events."""

INCIDENT_OPENED = "incident.opened"
INCIDENT_CLOSED = "incident.closed"
