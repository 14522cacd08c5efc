"""Messages owed to people: written with the decision, shown in the inbox, mailed by a task."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unsent(self) -> "NotificationQuerySet":
        return self.filter(mailed_at__isnull=True, failed_at__isnull=True)


class Notification(models.Model):
    """One message to one person. `event` names the template; `context` holds only what it shows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    event = models.CharField(max_length=80)
    context = models.JSONField(default=dict)
    owed_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True, help_text="a worker is at it until then")
    attempts = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True, help_text="given up after too many attempts")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-owed_at",)
        indexes = [
            models.Index(
                fields=["owed_at"],
                condition=Q(mailed_at__isnull=True, failed_at__isnull=True),
                name="notification_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.recipient_id}"
