"""The morning's message to reviewers: how much waits, and how much of it is due or overdue."""

from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from consent_app.notifications.actions import owe_each
from consent_app.notifications.queries import told_since
from exemptions.queries.workload import morning_of, reviewers, waiting_this_morning

EVENT = "review_digest"
# One run at a time looks at who was told. The number is arbitrary and ours alone.
DIGEST_LOCK = 0x0D1_6E57
# Mornings are at most four hours long, and a day apart.
TOLD_WITHIN = timedelta(hours=12)


@transaction.atomic
def send_digests() -> int:
    """Tell each reviewer whose working morning it is, once, if anything waits; return how many.

    Run it often: whoever was told this morning is left alone, by a second run at the same time too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DIGEST_LOCK])
    now = timezone.now()
    told = told_since(EVENT, now - TOLD_WITHIN)
    people = {person.pk: person for person in reviewers(at=now) if person.pk not in told}
    mornings = {
        pk: morning for pk, person in people.items() if (morning := morning_of(person, at=now))
    }
    if not mornings:
        return 0
    waiting = waiting_this_morning(mornings, at=now)
    owe_each(
        EVENT,
        {
            people[pk]: {
                "waiting": counts.waiting,
                "due_soon": counts.due_soon,
                "overdue": counts.overdue,
            }
            for pk, counts in waiting.items()
        },
    )
    return len(waiting)
