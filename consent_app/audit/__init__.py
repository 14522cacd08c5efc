"""The append-only log that anybody can check."""
