"""The names of the audit events of this room."""

PUBLISHED = "register.published"
