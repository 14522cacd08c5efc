"""Browser input about stops of the programme."""

from typing import Any

from django import forms

from consent_app.people.models import Jurisdiction
from consent_app.people.queries import inhabited_jurisdictions
from consent_app.register.queries import captured_applications
from consent_app.restrictions.models.stops import REASON_LENGTH

EVERYONE, COHORT, APPLICATION = "everyone", "cohort", "application"


def reason_field(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Why",
        help_text=help_text,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Say why.",
            "max_length": f"Keep the reason to {REASON_LENGTH:,} characters.",
        },
    )


class StopForm(forms.Form):
    """What is to be stopped, and why."""

    what = forms.ChoiceField(
        label="What stops",
        choices=[
            (EVERYONE, "Everything, for everyone"),
            (COHORT, "Everything, for all who work in one place"),
            (APPLICATION, "One application, for everyone"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what stops."},
    )
    cohort = forms.ModelChoiceField(
        label="The place", queryset=Jurisdiction.objects.none(), required=False, empty_label="None"
    )
    application = forms.ChoiceField(label="The application", required=False)
    reason = reason_field("Everybody reads it, on every page.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cohort"].queryset = inhabited_jurisdictions()  # type: ignore[attr-defined]
        listed = captured_applications().values_list("slug", "name")
        self.fields["application"].choices = [("", "None"), *listed]  # type: ignore[attr-defined]

    def clean(self) -> None:
        what = self.cleaned_data.get("what")
        if what == COHORT and not self.cleaned_data.get("cohort"):
            self.add_error("cohort", "Choose a place.")
        if what == APPLICATION and not self.cleaned_data.get("application"):
            self.add_error("application", "Choose an application.")

    @property
    def cohort_to_stop(self) -> Jurisdiction | None:
        """The place that was chosen; None when something else is to stop."""
        if self.cleaned_data["what"] != COHORT:
            return None
        chosen: Jurisdiction = self.cleaned_data["cohort"]
        return chosen

    @property
    def application_to_stop(self) -> str:
        is_chosen = self.cleaned_data["what"] == APPLICATION
        return str(self.cleaned_data["application"]) if is_chosen else ""


class RestartForm(forms.Form):
    """Why it may begin again."""

    reason = reason_field("Whoever decides reads it, and it stays in the log.")
