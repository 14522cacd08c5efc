"""Browser input: what somebody wants forgotten, first in their words, then as it was shown them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from consent_app.erasure import rules
from consent_app.erasure.errors import ScopeEmpty
from consent_app.erasure.rules import LAST_MINUTES, Scope
from consent_app.register.models import Application
from portal.lib.refusals import Refusal

TODAY, CUSTOM, ALL_KEPT = "today", "custom", "kept"


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock; to the minute, in the reader's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off"}, format="%Y-%m-%dT%H:%M")


def moment_field(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        widget=MomentInput(),
        error_messages={"invalid": "Give a day and a time that exist."},
    )


class ForgetForm(forms.Form):
    """The period by one of several names, and from which applications."""

    period = forms.ChoiceField(
        label="From which time?",
        choices=[
            *((str(minutes), f"The last {minutes} minutes") for minutes in LAST_MINUTES),
            (TODAY, "Today, since midnight"),
            (CUSTOM, "From one time to another"),
            (ALL_KEPT, "All that is still kept of the applications chosen below"),
        ],
        initial=str(LAST_MINUTES[1]),
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose a period.",
            "invalid_choice": "Choose one of these periods.",
        },
    )
    starts_at = moment_field("From")
    ends_at = moment_field("Until")
    applications = forms.MultipleChoiceField(
        label="From which applications?",
        required=False,
        error_messages={"invalid_choice": "Nothing was ever collected from one of these."},
    )

    def __init__(
        self, *args: Any, listed: Sequence[Application], kept_for: timedelta, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.listed = listed
        self.kept_for = kept_for
        choices = [(application.slug, application.name) for application in listed]
        self.fields["applications"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> None:
        if self.errors:
            return
        now = timezone.now()
        if self.cleaned_data["period"] == CUSTOM:
            for name in ("starts_at", "ends_at"):
                if self.cleaned_data[name] is None:
                    self.add_error(name, "Give a day and a time.")
            if self.errors:
                return
        try:
            self.scope = self._scope(now)
            rules.check_scope(self.scope, now=now, kept_for=self.kept_for)
        except Refusal as refusal:
            self.add_error(None, refusal.message)

    def _scope(self, now: datetime) -> Scope:
        """Return the period in exact times. Raises ScopeEmpty."""
        chosen = frozenset(self.cleaned_data["applications"]) or None
        match self.cleaned_data["period"]:
            case "custom":
                return Scope(self.cleaned_data["starts_at"], self.cleaned_data["ends_at"], chosen)
            case "today":
                midnight = timezone.localtime(now).replace(
                    hour=0, minute=0, second=0, microsecond=0, fold=0
                )
                return Scope(midnight, now, chosen)
            case "kept":
                if chosen is None:
                    raise ScopeEmpty
                return Scope(now - self.kept_for, now, chosen)
            case minutes:
                return Scope(now - timedelta(minutes=int(minutes)), now, chosen)


class ConfirmForm(forms.Form):
    """Exactly what was on the page that asked whether this is meant."""

    starts_at = forms.DateTimeField(widget=forms.HiddenInput)
    ends_at = forms.DateTimeField(widget=forms.HiddenInput)
    applications = forms.CharField(widget=forms.HiddenInput, required=False, max_length=4_000)

    @classmethod
    def of(cls, scope: Scope) -> "ConfirmForm":
        return cls(
            initial={
                "starts_at": scope.starts_at.isoformat(),
                "ends_at": scope.ends_at.isoformat(),
                "applications": " ".join(sorted(scope.applications or ())),
            }
        )

    @property
    def scope(self) -> Scope:
        applications = frozenset(self.cleaned_data["applications"].split()) or None
        return Scope(self.cleaned_data["starts_at"], self.cleaned_data["ends_at"], applications)
