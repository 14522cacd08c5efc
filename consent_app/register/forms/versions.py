"""Browser input about versions: a day, of which the version that held is wanted."""

from datetime import date

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator


class OnDayForm(forms.Form):
    on = forms.DateField(
        label="What was in force on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        # The first and last days of the calendar have no beginning and no end in some time zones.
        validators=[MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2999, 12, 31))],
        error_messages={
            "required": "Choose a day.",
            "invalid": "Choose a day.",
            "min_value": "Choose a day since 1900.",
            "max_value": "Choose a day before 3000.",
        },
    )
