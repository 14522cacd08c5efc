"""Which messages wait for delivery, which somebody finds in the inbox, and what is mailed."""

import uuid
from datetime import datetime, timedelta

from django.db.models import Min, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone

from consent_app.notifications import catalogue
from consent_app.notifications.catalogue import Kind
from consent_app.notifications.models import MailPreference, Notification, NotificationQuerySet
from consent_app.people.models import Employee

# A hint sent after the commit gets this long before the sweeper takes the row itself.
HINT_HEAD_START = timedelta(seconds=10)


def waiting(*, limit: int) -> list[uuid.UUID]:
    """Return unsent rows that nobody has claimed, oldest first."""
    now = timezone.now()
    return list(
        Notification.objects.unsent()
        .filter(owed_at__lte=now - HINT_HEAD_START)
        .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now))
        .order_by("owed_at")
        .values_list("pk", flat=True)[:limit]
    )


def late_mails(*, owed_before: datetime, most: int) -> tuple[int, datetime | None]:
    """Return how many messages owed before then wait to be mailed, and since when the oldest does.

    `most` stands for that many or more.
    """
    late = Notification.objects.unsent().filter(owed_at__lt=owed_before)
    return late[:most].count(), late.aggregate(at=Min("owed_at"))["at"]


def inbox_of(employee: Employee) -> NotificationQuerySet:
    """Return the messages that this person finds in the inbox, newest first."""
    return Notification.objects.in_inbox().filter(recipient=employee)


def message_for(employee: Employee, message_id: uuid.UUID) -> Notification:
    """Return a message of one's own inbox; 404 also hides messages to others."""
    return get_object_or_404(inbox_of(employee), pk=message_id)


def told_since(event: str, since: datetime) -> set[uuid.UUID]:
    """Return who was owed this event at or after a moment, by their ids."""
    owed = Notification.objects.filter(event=event, owed_at__gte=since)
    return set(owed.values_list("recipient", flat=True))


def was_owed(event: str, *, to: Employee, **context: str) -> bool:
    """Whether this person was owed this event with these words in its context."""
    words = {f"context__{name}": value for name, value in context.items()}
    return Notification.objects.filter(recipient=to, event=event, **words).exists()


def unread_count(employee: Employee) -> int:
    return inbox_of(employee).unread().count()


def mailed_kinds(employee: Employee) -> set[Kind]:
    """Return which of the kinds of choice this person wants mail about."""
    stopped = MailPreference.objects.filter(employee=employee, wants_mail=False)
    return set(catalogue.kinds_of_choice()) - set(stopped.values_list("kind", flat=True))


def is_mail_wanted(notification: Notification) -> bool:
    """Whether this message may be mailed; what can't be switched off always may."""
    entry = catalogue.ENTRIES.get(notification.event)
    if entry is None or not entry.can_stop_mail:
        return True
    return not MailPreference.objects.filter(
        employee=notification.recipient_id, kind=entry.kind, wants_mail=False
    ).exists()
