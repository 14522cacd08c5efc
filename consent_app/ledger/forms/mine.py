"""Which days of "My data" are to be shown."""

from django import forms

from consent_app.ledger.spans import Span


class PeriodForm(forms.Form):
    """Read from the address: a span, and its last day; nothing means today."""

    show = forms.ChoiceField(choices=[(span.value, span.value) for span in Span], required=False)
    to = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
