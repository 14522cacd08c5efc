"""Reads of this room: `own` for the employee, `reviewing` for who decides, `routes`, `history`."""
