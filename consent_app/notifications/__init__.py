"""One row per message owed: inbox and mail outbox in one."""
