"""Restriction: the one concept through which anybody takes collection away."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce

from consent_app.people.models import Jurisdiction
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES

LONGEST_PAUSE = timedelta(minutes=LONGEST_PAUSE_MINUTES)
EVERY_DEVICE = uuid.UUID(int=0)


class Source(models.TextChoices):
    """Why collection is taken away, as devices and people are told."""

    PAUSE = "pause", "your pause"
    PREFERENCE = "preference", "your preference"
    EXEMPTION = "exemption", "your exemption"
    PROTECTION = "protection", "protection while your request is open"
    PROGRAMME = "programme", "a stop of the programme"


PERIOD = Func(F("starts_at"), F("ends_at"), function="TSTZRANGE", output_field=DateTimeRangeField())


class RestrictionQuerySet(models.QuerySet["Restriction"]):
    def not_over(self, at: datetime) -> "RestrictionQuerySet":
        """Those in force at `at` or beginning later."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))

    def in_force(self, at: datetime) -> "RestrictionQuerySet":
        return self.not_over(at).filter(starts_at__lte=at)

    def pauses(self) -> "RestrictionQuerySet":
        return self.filter(source=Source.PAUSE)

    def on_device(self, device: uuid.UUID) -> "RestrictionQuerySet":
        """Those that reach this device: made for it, or for all devices."""
        return self.filter(Q(device=device) | Q(device__isnull=True))


class Restriction(models.Model):
    """Takes collection away: whose, on which device, what, from when until when, and why.

    `employee` and `cohort` both empty means everybody; `device`, `applications` or `kinds` empty
    means all. The device is an id and not a foreign key: devices are built on this room. A row is
    in force by its dates alone: nothing has to run for it to begin or end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="restrictions"
    )
    cohort = models.ForeignKey(
        Jurisdiction, null=True, on_delete=models.PROTECT, related_name="restrictions"
    )
    device = models.UUIDField(null=True)
    applications = ArrayField(models.SlugField(max_length=80), null=True)
    kinds = ArrayField(models.SlugField(max_length=40), null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=12, choices=Source)
    cause = models.CharField(max_length=120, blank=True, help_text="kind:id of what led to it")
    decided_at = models.DateTimeField(help_text="when its end was last decided")
    request_key = models.CharField(max_length=64, blank=True, help_text="sent by a device, once")

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["employee", "ends_at"], name="restriction_of_employee"),
            models.Index(
                fields=["ends_at"], condition=Q(employee__isnull=True), name="restriction_of_many"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="restriction_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(employee__isnull=True) | Q(cohort__isnull=True),
                name="restriction_of_one_or_of_a_cohort",
            ),
            models.CheckConstraint(
                condition=Q(device__isnull=True) | Q(employee__isnull=False),
                name="restriction_device_has_employee",
            ),
            # An empty list would read as "nothing" here and as "all" elsewhere: refuse it.
            models.CheckConstraint(
                condition=(Q(applications__isnull=True) | Q(applications__len__gt=0))
                & (Q(kinds__isnull=True) | Q(kinds__len__gt=0)),
                name="restriction_lists_not_empty",
            ),
            models.CheckConstraint(
                condition=~Q(source=Source.PAUSE)
                | Q(
                    employee__isnull=False,
                    applications__isnull=True,
                    kinds__isnull=True,
                    ends_at__isnull=False,
                    ends_at__lte=F("decided_at") + Value(LONGEST_PAUSE),
                ),
                name="restriction_pause_at_most_30_minutes",
            ),
            ExclusionConstraint(
                name="restriction_one_pause_at_a_time",
                condition=Q(source=Source.PAUSE),
                expressions=[
                    ("employee", RangeOperators.EQUAL),
                    (Coalesce("device", Value(EVERY_DEVICE)), RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
            models.UniqueConstraint(
                fields=["device", "request_key"],
                condition=~Q(request_key=""),
                name="restriction_request_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.pk}"
