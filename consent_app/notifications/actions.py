"""Owing a message to somebody."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from consent_app.notifications import tasks
from consent_app.notifications.models import Notification
from consent_app.people.models import Employee


def owe(event: str, *, to: Employee, context: Mapping[str, object] | None = None) -> Notification:
    """Write the row in the caller's transaction; after its commit a worker is told.

    `context` must be JSON and must not hold anything that may not stand in a mail.
    """
    notification = Notification.objects.create(
        recipient=to, event=event, context=dict(context or {}), owed_at=timezone.now()
    )
    transaction.on_commit(lambda: tasks.hint(notification.pk))
    return notification
