"""Browser input about being away."""

from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone

from consent_app.people.models import Employee
from exemptions.deadlines import ONE_DAY, end_of_day, local_day
from exemptions.errors import DelegationInPast, DelegationOutOfRange
from exemptions.forms.days import DayInput
from exemptions.queries import away as queries
from exemptions.rules import MAX_DELEGATION_REASON, check_delegation

NOBODY, SOMEBODY = "nobody", "somebody"
NO_DAY = "Choose a day."
SEARCHES_AS_TYPED = {
    "hx-trigger": "input changed delay:300ms",
    "hx-target": "#found-people",
    "hx-swap": "outerHTML",
    "hx-sync": "this:replace",
}


class AwayForm(forms.Form):
    """From which day to which somebody is away, who decides meanwhile, and why.

    Who is named by a part of their name is offered to be chosen: `colleague` has those found.
    """

    first_day = forms.DateField(
        label="First day",
        widget=DayInput,
        error_messages={"required": NO_DAY, "invalid": NO_DAY},
    )
    last_day = forms.DateField(
        label="Last day",
        help_text="To its end, midnight where you are.",
        widget=DayInput,
        error_messages={"required": NO_DAY, "invalid": NO_DAY},
    )
    who = forms.ChoiceField(
        label="Who decides meanwhile",
        choices=[
            (SOMEBODY, "Somebody I name"),
            (NOBODY, "Nobody: what waits for me goes on to who steps in"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the two."},
    )
    name = forms.CharField(
        label="Their name or e-mail",
        help_text="At least two letters. If several people fit, you choose among them.",
        required=False,
        max_length=254,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "list": "found-people"}
        ),
    )
    colleague = forms.ChoiceField(
        label="Who is meant",
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Choose one of those listed."},
    )
    reason = forms.CharField(
        label="Why, in a few words",
        help_text="Whoever stands in for you reads it. “Leave” is enough.",
        max_length=MAX_DELEGATION_REASON,
        error_messages={
            "required": "Say why in a few words. “Leave” is enough.",
            "max_length": f"Keep it to {MAX_DELEGATION_REASON} characters.",
        },
    )

    def __init__(self, *args: Any, person: Employee, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["name"].widget.attrs |= {"hx-get": reverse("review-away")} | SEARCHES_AS_TYPED
        self.found = queries.colleagues_like(person, self.data.get("name", ""))
        self.fields["colleague"].choices = [  # type: ignore[attr-defined]  # it is a ChoiceField
            (str(found.pk), f"{found.name}, {found.email}") for found in self.found
        ]

    @property
    def delegate(self) -> Employee | None:
        """Who was named, once it is valid; None stands for nobody."""
        chosen: Employee | None = self.cleaned_data["delegate"]
        return chosen

    @property
    def starts_at(self) -> datetime:
        """When the first day begins where the person is."""
        first_day = self.cleaned_data["first_day"]
        return end_of_day(first_day - ONE_DAY, time_zone=self.person.time_zone)

    @property
    def ends_at(self) -> datetime:
        return end_of_day(self.cleaned_data["last_day"], time_zone=self.person.time_zone)

    def clean(self) -> None:
        self._check_days()
        self.cleaned_data["delegate"] = None
        if self.cleaned_data.get("who") == SOMEBODY:
            self._name_somebody()

    def _check_days(self) -> None:
        first_day = self.cleaned_data.get("first_day")
        last_day = self.cleaned_data.get("last_day")
        if first_day is None or last_day is None:
            return
        today = local_day(timezone.now(), time_zone=self.person.time_zone)
        try:
            check_delegation(first_day, last_day, today=today)
        except DelegationInPast as refusal:
            self.add_error("first_day", refusal.message)
        except DelegationOutOfRange as refusal:
            self.add_error("last_day", refusal.message)

    def _name_somebody(self) -> None:
        chosen = self.cleaned_data.get("colleague")
        listed = next((found for found in self.found if str(found.pk) == chosen), None)
        delegate = listed or queries.colleague_named(self.person, self.cleaned_data.get("name", ""))
        if delegate is not None:
            self.cleaned_data["delegate"] = delegate
        elif self.found:
            self.add_error("colleague", "Choose who is meant.")
        else:
            self.add_error(
                "name", "Nobody was found. Type their name or e-mail as colleagues know it."
            )


def begin(person: Employee) -> AwayForm:
    """Return the form before anything is written, with today as its first day."""
    today = timezone.localdate().isoformat()
    return AwayForm(person=person, initial={"first_day": today, "who": SOMEBODY})
