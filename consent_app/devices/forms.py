"""What IT asks for in the list of devices, and what a code of a roll-out is to be."""

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import BadRequest, ValidationError
from django.http import QueryDict

from consent_app.devices import rules
from consent_app.devices.fleet import MOST_TOGETHER, Contact, Lag, Standing, Wanted
from consent_app.devices.models import Platform
from consent_app.people.rules import invisible_character

EVERY = ("", "All")
SEARCH = forms.TextInput(
    attrs={
        "autocomplete": "off",
        "data-key": "/",
        "data-key-label": "Search",
        "spellcheck": "false",
    }
)


class FleetForm(forms.Form):
    """The address of the list. Everything is optional; what is not known is refused."""

    search = forms.CharField(
        required=False, max_length=120, label="Device, owner or address", widget=SEARCH
    )
    contact = forms.ChoiceField(
        required=False, label="Last contact", choices=[EVERY, *Contact.choices]
    )
    lag = forms.ChoiceField(required=False, label="Policy lag", choices=[EVERY, *Lag.choices])
    platform = forms.ChoiceField(required=False, label="System", choices=[EVERY, *Platform.choices])
    version = forms.ChoiceField(required=False, label="Agent")
    standing = forms.ChoiceField(
        required=False, choices=[EVERY, *Standing.choices], widget=forms.HiddenInput
    )
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, versions: Mapping[str, int]) -> None:
        super().__init__(data)
        field = self.fields["version"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (declared above)
        known = [(version, version) for version in versions]
        chosen = data.get("version", "")
        # A version that the last device has just left is no mistake of whoever kept the address.
        could_be_one = len(chosen) <= 40 and not invisible_character(chosen)
        if chosen and chosen not in versions and could_be_one:
            known.append((chosen, chosen))
        field.choices = [EVERY, *known]

    @property
    def wanted(self) -> Wanted:
        names = ("search", "standing", "contact", "lag", "platform", "version")
        return Wanted(**{name: self.cleaned_data[name] for name in names})

    def clean(self) -> dict[str, Any]:
        if unknown := set(self.data) - set(self.fields):
            raise ValidationError(f"unknown: {len(unknown)}")
        if self.cleaned_data.get("after") and self.cleaned_data.get("before"):
            raise ValidationError("both ways")
        return self.cleaned_data


class RolloutForm(forms.Form):
    """A code of a roll-out."""

    label = forms.CharField(
        label="What it is for",
        max_length=80,
        help_text="Whoever is given a device reads this: “Laptops of the Berlin office”.",
    )
    days = forms.IntegerField(
        label="Days until it ends",
        min_value=1,
        max_value=rules.LONGEST_ROLLOUT_DAYS,
        initial=14,
        help_text=f"1 to {rules.LONGEST_ROLLOUT_DAYS}",
    )
    uses = forms.IntegerField(
        label="Devices that it lets in, at most",
        min_value=1,
        max_value=rules.MOST_USES,
        required=False,
        help_text="Leave it empty for any number.",
    )

    def clean_label(self) -> str:
        label: str = self.cleaned_data["label"]
        if invisible_character(label):
            raise ValidationError("Write visible characters only.")
        return label


def chosen(sent: QueryDict) -> list[uuid.UUID]:
    """Return the devices that were chosen, each once.

    Raises:
        BadRequest: something is no id, or there are more than MOST_TOGETHER.
    """
    try:
        ids = list(dict.fromkeys(uuid.UUID(value) for value in sent.getlist("device")))
    except ValueError:
        raise BadRequest from None
    if len(ids) > MOST_TOGETHER:
        raise BadRequest
    return ids
