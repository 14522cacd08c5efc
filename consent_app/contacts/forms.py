"""Browser input of people outside the programme, and of legal, who keeps the list."""

from django import forms

from consent_agent.protocol.counterparties import MAX_ADDRESS_LENGTH
from consent_app.contacts import rules
from consent_app.contacts.models import REASON_LENGTH

NO_ADDRESS = "Type one mail address, such as mira@example.com."
OBJECT, WITHDRAW = "object", "withdraw"


class LookUpForm(forms.Form):
    """Whose page is asked for. What is accepted depends on the form of the address alone."""

    address = forms.CharField(
        label="Your mail address",
        max_length=MAX_ADDRESS_LENGTH,
        widget=forms.TextInput(
            attrs={"inputmode": "email", "autocomplete": "email", "autocapitalize": "none"}
        ),
        error_messages={"required": NO_ADDRESS, "max_length": NO_ADDRESS},
    )

    def clean_address(self) -> str:
        address = rules.normalise_address(self.cleaned_data["address"])
        if address is None:
            raise forms.ValidationError(NO_ADDRESS)
        return address


class ChoiceForm(forms.Form):
    """Which of the two buttons of somebody's page was pressed."""

    choice = forms.ChoiceField(choices=[(OBJECT, OBJECT), (WITHDRAW, WITHDRAW)])


class AddForm(forms.Form):
    """One address or domain, or many, and why they are on the list."""

    lines = forms.CharField(
        label="Addresses and domains",
        help_text="One a line: mira@example.eu for one person, @example.eu for everybody whose "
        "address ends so, as at mail.example.eu.",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocapitalize": "none"}),
        error_messages={"required": "Type at least one address or domain."},
    )
    reason = forms.CharField(
        label="Why",
        help_text="Legal reads it. The people concerned do not.",
        max_length=REASON_LENGTH,
        error_messages={
            "required": "Say why.",
            "max_length": f"Keep the reason to {REASON_LENGTH} characters.",
        },
    )


class ListSearchForm(forms.Form):
    """Which part of the list is shown."""

    search = forms.CharField(
        label="Address, domain or reason", max_length=MAX_ADDRESS_LENGTH, required=False
    )
    show = forms.ChoiceField(
        label="Show", choices=[("", "In force"), ("ended", "Ended")], required=False
    )
    page = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
