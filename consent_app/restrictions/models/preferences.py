"""What somebody chose once, for every day. Nobody but them reads it."""

import uuid
from calendar import day_name

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.text import get_text_list

from consent_app.restrictions.rules import (
    LONGEST_PAUSE_MINUTES,
    LONGEST_REMINDER_MINUTES,
    SHORTEST_PAUSE_MINUTES,
    USUAL_MINUTES,
)


class PausePreference(models.Model):
    """How this person's pauses begin and end, and when their devices pause by themselves.

    Nobody without a row has chosen anything. `default_device` is an id and not a foreign key:
    devices are built on this room; None stands for all of them.
    """

    employee = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="pause_preference",
    )
    default_minutes = models.PositiveSmallIntegerField(
        default=USUAL_MINUTES,
        validators=[
            MinValueValidator(SHORTEST_PAUSE_MINUTES),
            MaxValueValidator(LONGEST_PAUSE_MINUTES),
        ],
    )
    default_device = models.UUIDField(null=True)
    reminder_minutes = models.PositiveSmallIntegerField(
        null=True, help_text="how long before collection resumes; None for no reminder"
    )
    battery_below_percent = models.PositiveSmallIntegerField(
        null=True, help_text="on battery below this, nothing is collected; None for no such wish"
    )
    denies_metered = models.BooleanField(default=False)
    denies_private_window = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(default_minutes__range=(SHORTEST_PAUSE_MINUTES, LONGEST_PAUSE_MINUTES)),
                name="preference_default_minutes",
            ),
            models.CheckConstraint(
                condition=Q(reminder_minutes__isnull=True)
                | Q(reminder_minutes__range=(1, LONGEST_REMINDER_MINUTES)),
                name="preference_reminder_minutes",
            ),
            models.CheckConstraint(
                condition=Q(battery_below_percent__isnull=True)
                | Q(battery_below_percent__range=(1, 100)),
                name="preference_battery_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"pause preferences of {self.employee_id}"


class QuietTime(models.Model):
    """A time of the day without collection, by the clock on this person's wall.

    `weekdays` as in ISO 8601: 1 is Monday. A change ends one row and makes another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="quiet_times"
    )
    starts_at = models.TimeField(help_text="local time in the person's own zone")
    minutes = models.PositiveSmallIntegerField()
    weekdays = ArrayField(models.PositiveSmallIntegerField(), help_text="sorted, each once")
    chosen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("starts_at", "chosen_at")
        indexes = [
            models.Index(
                fields=["employee"], condition=Q(ended_at__isnull=True), name="quiet_time_of"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__range=(SHORTEST_PAUSE_MINUTES, LONGEST_PAUSE_MINUTES)),
                name="quiet_time_minutes",
            ),
            models.CheckConstraint(
                condition=Q(weekdays__len__range=(1, 7))
                & Q(weekdays__contained_by=[1, 2, 3, 4, 5, 6, 7]),
                name="quiet_time_weekdays",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%H:%M} for {self.minutes} minutes"

    @property
    def days_in_words(self) -> str:
        """Say on which days, as in "every day" or "Monday and Friday"."""
        if list(self.weekdays) == list(range(1, 8)):
            return "every day"
        if list(self.weekdays) == list(range(1, 6)):
            return "Monday to Friday"
        names = [day_name[weekday - 1] for weekday in self.weekdays]
        return get_text_list(names, "and")
