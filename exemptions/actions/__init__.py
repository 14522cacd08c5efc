"""Every write of this room: a module per use case, a function per business event.

Each takes the requester's lock first (`people.queries.lock_person`), decides on what it re-reads,
and writes state, log entry, Restriction and messages in one transaction.
"""
