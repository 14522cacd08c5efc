"""Browser input about pauses."""

from django import forms

from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES, SHORTEST_PAUSE_MINUTES


class PauseForm(forms.Form):
    minutes = forms.IntegerField(
        min_value=SHORTEST_PAUSE_MINUTES,
        max_value=LONGEST_PAUSE_MINUTES,
        error_messages={
            "required": "Choose for how long.",
            "invalid": "Choose 5, 10, 15 or 30 minutes.",
            "min_value": "A pause is at least 1 minute long.",
            "max_value": "A pause is at most 30 minutes long.",
        },
    )
