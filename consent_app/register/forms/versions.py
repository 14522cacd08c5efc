"""Browser input about versions: a day, of which the version that held is wanted."""

from django import forms


class OnDayForm(forms.Form):
    on = forms.DateField(
        label="What was in force on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "Choose a day.", "invalid": "Choose a day."},
    )
