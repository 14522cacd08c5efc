"""Browser input about incidents."""

from django import forms

from consent_app.ledger.models import EXPLANATION_LENGTH


class ExplanationForm(forms.Form):
    """What is said to everybody about an incident."""

    explanation = forms.CharField(
        label="What happened, and what was done",
        help_text="Everybody reads it on “What is collected”, for 90 days. Name no person.",
        max_length=EXPLANATION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={
            "required": "Say what happened and what was done.",
            "max_length": f"Keep it to {EXPLANATION_LENGTH:,} characters.",
        },
    )
