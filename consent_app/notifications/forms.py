"""Browser input of the inbox."""

from django import forms

from consent_app.notifications import catalogue
from consent_app.notifications.catalogue import Kind


class SeenForm(forms.Form):
    """When the page was drawn on which somebody says "all"."""

    seen_at = forms.DateTimeField()


class MailForm(forms.Form):
    """Which mails somebody wants, of those one can do without."""

    kinds = forms.MultipleChoiceField(
        label="Mail me about",
        choices=lambda: [(kind.value, _label(kind)) for kind in catalogue.kinds_of_choice()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        error_messages={"invalid_choice": "This can't be chosen. Nothing was changed."},
    )


def _label(kind: Kind) -> str:
    """Return "My devices: a device is added to yours, a device of yours is removed"."""
    return f"{kind.label}: {', '.join(catalogue.when_mailed(kind, can_stop=True))}"
