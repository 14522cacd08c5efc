"""The names of this room's audit events."""

COPY_REQUESTED = "access.requested"
COPY_PREPARED = "access.prepared"
COPY_DOWNLOADED = "access.downloaded"
COPY_FAILED = "access.failed"
COPY_DELETED = "access.deleted"
