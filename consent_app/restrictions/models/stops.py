"""Stops of the programme: for everyone, a cohort or an application, until two people start it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent_app.people.models import Jurisdiction
from consent_app.restrictions.models.restrictions import Restriction

REASON_LENGTH = 1000


class ProgrammeStop(models.Model):
    """Who stopped collection, for whom, why, and who let it begin again.

    One person stops. Starting again is asked for by one, with a reason, and done by another. Its
    `restriction` is what devices obey.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    restriction = models.OneToOneField(Restriction, on_delete=models.PROTECT, related_name="stop")
    cohort = models.ForeignKey(
        Jurisdiction, null=True, on_delete=models.PROTECT, related_name="stops"
    )
    application = models.SlugField(max_length=80, blank=True, help_text="empty for all")
    application_name = models.CharField(max_length=120, blank=True, help_text="as it was listed")
    reason = models.CharField(max_length=REASON_LENGTH)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    stopped_at = models.DateTimeField()
    restart_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    restart_asked_at = models.DateTimeField(null=True)
    restart_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    restarted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    restarted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-stopped_at",)
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="stop_with_reason"),
            models.UniqueConstraint(
                fields=["cohort", "application"],
                condition=Q(restarted_at__isnull=True),
                nulls_distinct=False,
                name="stop_of_the_same_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    restart_asked_by__isnull=True, restart_asked_at__isnull=True, restart_reason=""
                )
                | Q(restart_asked_by__isnull=False, restart_asked_at__isnull=False)
                & ~Q(restart_reason=""),
                name="stop_restart_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(restarted_by__isnull=True, restarted_at__isnull=True)
                | Q(
                    restarted_by__isnull=False,
                    restarted_at__isnull=False,
                    restart_asked_by__isnull=False,
                )
                & ~Q(restarted_by=F("restart_asked_by")),
                name="stop_restarted_by_a_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"stop {self.pk}"

    @property
    def what(self) -> str:
        """What is stopped, in words that complete "Stopped: …"."""
        if self.application:
            return f"{self.application_name}, for everyone"
        return f"everything, for all who work in {self.cohort}" if self.cohort else "everything"
