"""The days of the ledger: each is a table of its own, made ahead and dropped when it is too old."""

from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from consent_app.ledger import rules


def keep_days() -> int:
    """Make the days to come and drop those past the retention; return how many tables it dropped.

    May run at any time and as often as one likes.
    """
    now = timezone.now()
    first, last = rules.days_to_have(now)
    make_days(first=first, last=last)
    # In a transaction of its own: whoever reads an old day meanwhile holds up this one alone.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_drop_days(%s)", [rules.oldest_day_kept(now)])
        (dropped,) = cursor.fetchone() or (0,)
    return int(dropped)


def make_days(*, first: date, last: date) -> None:
    """Make the tables of these days (UTC) where they are missing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_make_days(%s, %s)", [first, last])
