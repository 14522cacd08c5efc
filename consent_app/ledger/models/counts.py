"""Hourly counts and costs of devices: many narrow rows, kept for 90 days in a table for each day.

A count is one row: how often this, in that hour. What was captured stands under the outcome
"allowed", what was not under the reason why. Names are numbers here (`Word`), and so are devices
(`Reporter`): a row is 52 bytes instead of some 120. Migration 0001 makes the tables in SQL.
"""

from django.db import models
from django.db.models import Q

from consent_app.devices.models import Device


class Word(models.Model):
    """An application's slug, a kind of data or an outcome, under a short number of its own."""

    id = models.SmallAutoField(primary_key=True)
    word = models.CharField(max_length=60, unique=True)

    class Meta:
        ordering = ("word",)

    def __str__(self) -> str:
        return self.word


class Reporter(models.Model):
    """A device that has reported, under a short number of its own."""

    id = models.AutoField(primary_key=True)
    device = models.OneToOneField(Device, on_delete=models.PROTECT, related_name="reporter")
    first_captured_at = models.DateTimeField(
        null=True, help_text="the first hour in which anything was captured; outlives its counts"
    )

    def __str__(self) -> str:
        return f"reporter {self.pk}"


def _numbered(model: type[models.Model]) -> "models.ForeignKey[models.Model, models.Model]":
    """Refer to a row that is never deleted, without a look at it for each of millions of rows."""
    return models.ForeignKey(
        model, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )


class HourlyCount(models.Model):
    """How often one outcome met one kind of data in one application, in one hour of one device."""

    pk = models.CompositePrimaryKey(
        "reporter_id", "hour", "application_id", "kind_id", "outcome_id"
    )
    hour = models.DateTimeField(help_text="its beginning, whole in UTC")
    reporter = _numbered(Reporter)
    count = models.PositiveIntegerField()
    application = _numbered(Word)
    kind = _numbered(Word)
    outcome = _numbered(Word)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(count__gte=1), name="ledger_count_any")]

    def __str__(self) -> str:
        return f"{self.count} at {self.hour}"


class HourlyCost(models.Model):
    """What the agent used in one hour of one device."""

    pk = models.CompositePrimaryKey("reporter_id", "hour")
    hour = models.DateTimeField(help_text="its beginning, whole in UTC")
    reporter = _numbered(Reporter)
    cpu_milliseconds = models.PositiveIntegerField()
    sent_bytes = models.PositiveIntegerField()
    battery_milliwatt_hours = models.PositiveIntegerField(
        null=True, help_text="null where the device can't measure it"
    )

    def __str__(self) -> str:
        return f"{self.cpu_milliseconds} ms at {self.hour}"
