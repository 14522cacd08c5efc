"""Tells the processes that answer polls what changed, through PostgreSQL's NOTIFY.

Sent inside the transaction, delivered by PostgreSQL when it commits, so nobody hears of what did
not happen. `poll` listens.
"""

import uuid

from django.db import connection

CHANNEL = "consent_policy"
EVERYONE = "everyone"
CEILINGS = "ceilings"


def announce_device(device: uuid.UUID) -> None:
    """One device's policy or standing changed."""
    _notify(str(device))


def announce_everyone() -> None:
    """A restriction on a cohort or on everybody changed."""
    _notify(EVERYONE)


def announce_ceilings() -> None:
    _notify(CEILINGS)


def _notify(what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, what])
