"""The names of this room's audit events."""

MAIL_CHANGED = "preference.mail_changed"
