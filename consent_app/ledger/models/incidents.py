"""Incidents: a device counted something that the register did not list."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent_app.devices.models import Device

EXPLANATION_LENGTH = 2000


class IncidentQuerySet(models.QuerySet["Incident"]):
    def unexplained(self) -> "IncidentQuerySet":
        return self.filter(closed_at__isnull=True)


class Incident(models.Model):
    """Something undeclared that devices tried to report. Everybody sees it, and never whose."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    devices = models.PositiveIntegerField(default=0, help_text="how many reported it")
    explanation = models.CharField(max_length=EXPLANATION_LENGTH, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ("-first_seen_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["application", "kind"],
                condition=Q(closed_at__isnull=True),
                name="incident_of_the_same_once",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True, closed_at__isnull=True, explanation="")
                | Q(closed_by__isnull=False, closed_at__isnull=False) & ~Q(explanation=""),
                name="incident_closed_with_explanation",
            ),
            models.CheckConstraint(
                condition=Q(last_seen_at__gte=F("first_seen_at")), name="incident_seen_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.what

    @property
    def what(self) -> str:
        """Such as "mouse movement in slack": the words that devices used, which nothing lists."""
        return f"{self.kind.replace('_', ' ')} in {self.application}"


class IncidentDevice(models.Model):
    """That a device reported what an incident is about, so that it is counted once.

    Shown to nobody, and deleted when the incident is closed.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="reported_by")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    first_seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "device"], name="incident_device_once")
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} on {self.device_id}"
