"""Whose words are never collected, and the filters that tell devices so.

Three things protect an address: the directory, where the law of somebody's place covers those who
take no part; the list that legal keeps; and an objection. Only the last two have rows here.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent_agent.protocol.counterparties import MAX_ADDRESS_LENGTH

REASON_LENGTH = 500


class ListEntryQuerySet(models.QuerySet["ListEntry"]):
    def in_force(self) -> "ListEntryQuerySet":
        return self.filter(ended_at__isnull=True)

    def ended(self) -> "ListEntryQuerySet":
        return self.filter(ended_at__isnull=False)


class ListEntry(models.Model):
    """An address or a whole domain that legal put on the list; ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.CharField(
        max_length=MAX_ADDRESS_LENGTH, help_text="normalised: mira@example.com or @example.eu"
    )
    reason = models.CharField(max_length=REASON_LENGTH)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    objects = ListEntryQuerySet.as_manager()

    class Meta:
        ordering = ("entry", "-added_at")
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(ended_at__isnull=True), name="list_entry_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="list_entry_with_reason"),
            models.CheckConstraint(
                condition=Q(ended_by__isnull=True, ended_at__isnull=True)
                | Q(ended_by__isnull=False, ended_at__gte=F("added_at")),
                name="list_entry_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"list entry {self.pk}"


class Objection(models.Model):
    """Somebody's own "never collect my words". Deleted when they take it back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(max_length=MAX_ADDRESS_LENGTH, unique=True, help_text="normalised")
    objected_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"objection {self.pk}"


class MailKind(models.TextChoices):
    """What is mailed to somebody without an account. The value names the templates."""

    LINK = "link", "the link to their page"
    OBJECTED = "objected", "that their objection counts"
    WITHDRAWN = "withdrawn", "that it was taken back"


class OwedMail(models.Model):
    """A mail that has not left yet; the row, and with it the address, goes when it does."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(max_length=MAX_ADDRESS_LENGTH, help_text="normalised")
    kind = models.CharField(max_length=12, choices=MailKind)
    owed_at = models.DateTimeField(db_index=True)
    claimed_until = models.DateTimeField(null=True, help_text="a worker is at it until then")
    attempts = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class BuiltFilter(models.Model):
    """A filter as devices get it, `counterparties/1`. Never changed; gone when nothing names it."""

    digest = models.CharField(max_length=71, primary_key=True, help_text="sha256:<hex>")
    document = models.BinaryField()
    entries = models.PositiveIntegerField(help_text="how many")
    entries_digest = models.CharField(
        max_length=64, help_text="keyed, of the set of entries: whether another is to be built"
    )
    built_at = models.DateTimeField(db_index=True)
    named_at = models.DateTimeField(null=True, help_text="when a ceiling last named it")

    def __str__(self) -> str:
        return self.digest
