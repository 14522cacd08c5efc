"""Browser input about routes."""

from typing import Any

from django import forms
from django.forms import BoundField

from exemptions.models import Ground, Reviewer, Route
from exemptions.rules import StepPlan

STEPS = range(1, 5)
PARTS = ("reviewer", "people", "target_days", "grace_days", "fallback")
LONGEST_NOTE = 2000  # characters

EVERYBODY = [(value, f"{label[:1].upper()}{label[1:]}") for value, label in Reviewer.choices]
TEAMS = [choice for choice in EVERYBODY if choice[0] != Reviewer.MANAGER]
NO_STEP = ("", "No such step")
NOBODY = ("", "Nobody")


class SeenForm(forms.Form):
    """When the version on somebody's screen was written."""

    seen = forms.DateTimeField(widget=forms.HiddenInput)


class ReturnForm(SeenForm):
    """Why legal sends a version back."""

    note = forms.CharField(
        label="What is to change",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea,
        error_messages={
            "required": "Say what is to change. Who wrote the version reads it.",
            "max_length": f"Keep it to {LONGEST_NOTE:,} characters.",
        },
    )


class RouteForm(SeenForm):
    """The next version of a route: four rows for steps; those without a reviewer are no steps.

    On confidential grounds the line manager can't be chosen.
    """

    protects_while_pending = forms.BooleanField(
        required=False,
        label="Protect whoever asks, from sending the request until the decision",
        help_text="Without it silence protects them: when a step is overdue and its further "
        "days are over.",
    )
    appeal_reviewer = forms.ChoiceField(label="Who hears an appeal", choices=TEAMS)
    change_note = forms.CharField(
        label="What changes, and why",
        help_text="Legal reads it before it decides. It stays in the history.",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea,
        error_messages={
            "required": "Say what changes and why. Legal reads it.",
            "max_length": f"Keep it to {LONGEST_NOTE:,} characters.",
        },
    )

    def __init__(self, *args: Any, ground: Ground, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reviewers = TEAMS if ground.is_sensitive else EVERYBODY
        rows: dict[str, forms.Field] = {}
        for number in STEPS:
            rows |= _step_fields(number, reviewers)
        self.fields = rows | self.fields  # the list of what is wrong follows the page

    @property
    def rows(self) -> list[list[BoundField]]:
        """The fields of each step."""
        return [[self[f"step_{number}_{part}"] for part in PARTS] for number in STEPS]

    @property
    def steps(self) -> list[StepPlan]:
        """What was written, once it is valid."""
        written = self.cleaned_data
        return [
            StepPlan(**{part: written[f"step_{number}_{part}"] for part in PARTS})
            for number in STEPS
            if written[f"step_{number}_reviewer"]
        ]

    def clean(self) -> None:
        for number in STEPS:
            if not self.cleaned_data.get(f"step_{number}_reviewer"):
                continue
            for part in ("target_days", "grace_days"):
                name = f"step_{number}_{part}"
                if name in self.cleaned_data and self.cleaned_data[name] is None:
                    self.add_error(name, f"Step {number} needs a number of days.")


def as_initial(route: Route) -> dict[str, Any]:
    """Return a version as the form begins with it; a new version has a note of its own."""
    shown: dict[str, Any] = {
        "seen": route.drafted_at.isoformat(),
        "protects_while_pending": route.protects_while_pending,
        "appeal_reviewer": route.appeal_reviewer,
        "change_note": route.change_note if route.in_force_since is None else "",
    }
    for number, step in enumerate(route.steps.all(), 1):
        shown |= {f"step_{number}_{part}": getattr(step, part) for part in PARTS}
    return shown


def _step_fields(number: int, reviewers: list[tuple[str, Any]]) -> dict[str, forms.Field]:
    name = f"step_{number}"
    return {
        f"{name}_reviewer": forms.ChoiceField(
            label="Who decides", required=False, choices=[NO_STEP, *reviewers],
            error_messages={"invalid_choice": f"Step {number}: choose who decides from the list."},
        ),
        f"{name}_people": forms.TypedChoiceField(
            label="How many must agree", required=False, coerce=int,
            empty_value=1,  # type: ignore[arg-type]  # the stubs know strings alone
            choices=[(1, "One person"), (2, "Two people")],
            error_messages={"invalid_choice": f"Step {number}: one person or two."},
        ),
        f"{name}_target_days": _days_field("Business days to decide", number, low=1, high=30),
        f"{name}_grace_days": _days_field(
            "More days until protected", number, low=0, high=10
        ),
        f"{name}_fallback": forms.ChoiceField(
            label="Who steps in once it is overdue", required=False, choices=[NOBODY, *TEAMS],
            error_messages={"invalid_choice": f"Step {number}: choose who steps in from the list."},
        ),
    }  # fmt: skip


def _days_field(label: str, number: int, *, low: int, high: int) -> forms.IntegerField:
    words = f"Step {number}: a whole number from {low} to {high}."
    return forms.IntegerField(
        label=label, required=False, min_value=low, max_value=high,
        error_messages={"invalid": words, "min_value": words, "max_value": words},
    )  # fmt: skip
