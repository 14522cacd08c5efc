"""Copies of everything that is held about one person: asked for, made, kept for days, deleted.

What is in a copy stands in its parts, sealed under the copy's own key (portal.lib.sealing).
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

IN_THE_MAKING = Q(prepared_at__isnull=True, failed_at__isnull=True)


class DataCopyQuerySet(models.QuerySet["DataCopy"]):
    def in_the_making(self) -> "DataCopyQuerySet":
        return self.filter(IN_THE_MAKING)

    def unclaimed(self, at: datetime) -> "DataCopyQuerySet":
        """Those in the making that no worker is at."""
        is_free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=at)
        return self.in_the_making().filter(is_free)

    def ready(self, at: datetime) -> "DataCopyQuerySet":
        return self.filter(prepared_at__isnull=False, expires_at__gt=at)


class DataCopy(models.Model):
    """One copy. Until it is prepared or has failed it is in the making."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="data_copies"
    )
    requested_at = models.DateTimeField()
    sealing_key = models.BinaryField(null=True)
    claimed_until = models.DateTimeField(null=True, help_text="a worker is at it until then")
    attempts = models.PositiveSmallIntegerField(default=0)
    prepared_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True, help_text="given up after too many attempts")
    expires_at = models.DateTimeField(null=True)
    part_count = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)

    objects = DataCopyQuerySet.as_manager()

    class Meta:
        ordering = ("-requested_at",)
        verbose_name_plural = "data copies"
        indexes = [models.Index(fields=["expires_at"], name="data_copy_to_delete")]
        constraints = [
            models.UniqueConstraint(
                fields=["employee"], condition=IN_THE_MAKING, name="data_copy_one_in_the_making"
            ),
            models.CheckConstraint(
                condition=Q(prepared_at__isnull=True) | Q(failed_at__isnull=True),
                name="data_copy_one_outcome",
            ),
            models.CheckConstraint(
                condition=Q(prepared_at__isnull=True, expires_at__isnull=True, part_count=0)
                | Q(expires_at__gt=F("prepared_at"), part_count__gte=1, sealing_key__isnull=False),
                name="data_copy_prepared_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"data copy {self.pk}"

    def purpose(self, number: int) -> str:
        """What the part of this number is sealed for."""
        return f"data-copy:{self.pk}:{number}"


class CopyPart(models.Model):
    """A piece of a copy's ZIP, sealed: small, so that nobody ever holds the whole in memory."""

    copy = models.ForeignKey(DataCopy, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text="from 0 without a gap")
    content = models.BinaryField()

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["copy", "number"], name="copy_part_place"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.copy_id}"
