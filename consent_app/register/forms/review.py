"""Browser input about the next version: proposing, sending back, publishing."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone

from consent_app.register.actions.review import LONGEST_REASON
from consent_app.register.forms.fields import check_visible

LONGEST_SUMMARY = 500


class ProposeForm(forms.Form):
    summary = forms.CharField(
        label="What changes, and why",
        help_text="A sentence or two. Staff read it beside the version from then on.",
        max_length=LONGEST_SUMMARY,
        validators=[check_visible],
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say in a sentence what changes and why. Staff read it."},
    )
    is_immaterial = forms.BooleanField(
        label="Only words are spelt better: nobody is asked again",
        help_text="You stand by it, and so does whoever approves it.",
        required=False,
    )


class ReturnForm(forms.Form):
    reason = forms.CharField(
        label="Why",
        max_length=LONGEST_REASON,
        validators=[check_visible],
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why, in a few words."},
    )


class PublishForm(forms.Form):
    """From which day on a version holds: from midnight where the publisher is."""

    in_force_on = forms.DateField(
        label="In force from",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        required=False,
        error_messages={"invalid": "Choose a day."},
    )

    def __init__(self, *args: Any, earliest: datetime, **kwargs: Any) -> None:
        """Take the earliest moment at which it may hold."""
        super().__init__(*args, **kwargs)
        self.earliest = earliest
        field = self.fields["in_force_on"]
        if self.can_be_now:
            field.help_text = "Leave it empty to let it hold at once."
        else:
            field.help_text = f"{self.first_day:%-d %B %Y} at the earliest."
            field.required = True
            field.initial = self.first_day
            field.error_messages["required"] = "Choose a day."

    @property
    def can_be_now(self) -> bool:
        return self.earliest <= timezone.now()

    @property
    def first_day(self) -> date:
        """The first day whose midnight is not too early."""
        local = timezone.localtime(self.earliest)
        is_midnight = local.time() == time.min
        return local.date() if is_midnight else date.fromordinal(local.date().toordinal() + 1)

    @property
    def in_force_at(self) -> datetime | None:
        """When it is to hold; None for at once."""
        day = self.cleaned_data["in_force_on"]
        return None if day is None else timezone.make_aware(datetime.combine(day, time.min))
