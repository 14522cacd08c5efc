"""Messages owed to people: written with the decision, shown in the inbox, mailed by a task."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from consent_app.notifications.catalogue import ENTRIES, SHOWN_IN_INBOX, Entry

UNSENT = Q(mailed_at__isnull=True, unwanted_at__isnull=True, failed_at__isnull=True)


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unsent(self) -> "NotificationQuerySet":
        return self.filter(UNSENT)

    def in_inbox(self) -> "NotificationQuerySet":
        return self.filter(event__in=SHOWN_IN_INBOX)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at__isnull=True)

    def settled(self) -> "NotificationQuerySet":
        """Leave out what still has to reach somebody, by mail or in the inbox."""
        mail_is_done = Q(mailed_at__isnull=False) | Q(unwanted_at__isnull=False)
        inbox_is_done = Q(read_at__isnull=False) | ~Q(event__in=SHOWN_IN_INBOX)
        return self.filter(mail_is_done, inbox_is_done)


class Notification(models.Model):
    """One message to one person. `event` names the template; `context` holds only what it shows.

    Of `mailed_at`, `unwanted_at` and `failed_at` one at most is set: that is what became of the
    mail. Until then it is still to be sent.
    """

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
    unwanted_at = models.DateTimeField(
        null=True, help_text="not mailed: the person had switched mails of this kind off"
    )
    failed_at = models.DateTimeField(null=True, help_text="given up after too many attempts")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-owed_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(mailed_at__isnull=True, unwanted_at__isnull=True)
                | Q(unwanted_at__isnull=True, failed_at__isnull=True)
                | Q(failed_at__isnull=True, mailed_at__isnull=True),
                name="notification_mail_one_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["owed_at"], condition=UNSENT, name="notification_to_mail"),
            models.Index(fields=["recipient", "-owed_at", "-id"], name="notification_inbox"),
            models.Index(
                fields=["recipient", "event"],
                condition=Q(read_at__isnull=True),
                name="notification_unread",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.recipient_id}"

    @property
    def entry(self) -> Entry:
        """What the catalogue says of this event."""
        return ENTRIES[self.event]

    @property
    def sentence(self) -> str:
        """What the inbox says."""
        return self.entry.sentence_for(self.context)

    @property
    def address(self) -> str:
        """Where something can be done about it; the inbox if its context does not say where."""
        entry = self.entry
        try:
            return reverse(entry.place, args=[self.context[name] for name in entry.place_arguments])
        except (KeyError, NoReverseMatch):
            return reverse("inbox")


class MailPreference(models.Model):
    """Whether somebody wants mail of a kind. Without a row they do; the inbox has it either way."""

    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_preferences"
    )
    kind = models.CharField(max_length=40, help_text="a value of catalogue.Kind")
    wants_mail = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["employee", "kind"], name="mail_preference_one_per_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {'mailed' if self.wants_mail else 'not mailed'}"
