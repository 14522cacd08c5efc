"""What a reviewer does with one request: a small form for each.

`seen` is the version of the request on the reviewer's screen.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from django import forms

from consent_app.people.models import Employee
from exemptions.forms.days import DayInput
from exemptions.models import DeclineCode
from exemptions.queries.case import Case
from exemptions.rules import MAX_TEXT
from exemptions.scope import Scope

TEAM = "team"
# The browser's own limit counts differently from ours; it only keeps mistakes small.
WRITE = {"rows": 4, "maxlength": MAX_TEXT}


class AnyOf(forms.MultipleChoiceField):
    """Choices that the action checks: what stands may have changed since the page was drawn."""

    def valid_value(self, value: str) -> bool:
        return len(value) <= 80


class SeenForm(forms.Form):
    """`name` keeps the ids of the forms of one page apart."""

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, case: Case, name: str, data: Any = None, initial: Any = None) -> None:
        values = {"seen": case.request.version} | (initial or {})
        super().__init__(data, initial=values, auto_id=f"{name}_%s", use_required_attribute=False)


class ApproveForm(SeenForm):
    text = forms.CharField(
        label="A few words, if you like", required=False, widget=forms.Textarea(attrs=WRITE)
    )


class TextForm(SeenForm):
    text = forms.CharField(label="Text", widget=forms.Textarea(attrs=WRITE))

    def __init__(
        self, case: Case, name: str, data: Any = None, initial: Any = None, *, label: str = ""
    ) -> None:
        super().__init__(case, name, data, initial)
        self.fields["text"].label = label or "Text"
        self.fields["text"].error_messages["required"] = "Write a sentence or two."


class DeclineForm(TextForm):
    code = forms.ChoiceField(
        label="Why",
        choices=[("", "Choose one"), *DeclineCode.choices],
        error_messages={"required": "Choose why it is declined."},
    )
    field_order = ("code", "text", "seen")


class ApproveInPartForm(TextForm):
    """Narrows what stands: every choice begins as it stands, and less is left over."""

    categories = forms.MultipleChoiceField(
        label="Only these kinds of applications",
        required=False,
        help_text="None chosen keeps all of them.",
        widget=forms.CheckboxSelectMultiple,
    )
    applications = AnyOf(label="Applications", required=False, widget=forms.CheckboxSelectMultiple)
    kinds = forms.MultipleChoiceField(
        label="Kinds of data", required=False, widget=forms.CheckboxSelectMultiple
    )
    starts_on = forms.DateField(label="First day", widget=DayInput)
    ends_on = forms.DateField(label="Last day", required=False, widget=DayInput)
    review_on = forms.DateField(label="Looked at again on", required=False, widget=DayInput)
    field_order = (
        "applications", "categories", "kinds", "starts_on", "ends_on", "review_on", "text", "seen",
    )  # fmt: skip

    def __init__(self, case: Case, name: str, data: Any = None) -> None:
        self.standing, self.names = case.standing.scope, case.names
        standing = self.standing
        super().__init__(
            case, name, data, label="Why not all of it",
            initial={
                "applications": sorted(standing.applications or ()),
                "kinds": sorted(standing.kinds or self.names.kinds),
                "starts_on": standing.starts_on,
                "ends_on": standing.ends_on,
                "review_on": standing.review_on,
            },
        )  # fmt: skip
        if standing.applications is None:
            del self.fields["applications"]
            _offer(self.fields["categories"], self.names.categories.items())
        else:
            del self.fields["categories"]
            named = _named(standing.applications, case.names.application)
            _offer(self.fields["applications"], named)
        _offer(self.fields["kinds"], _named(standing.kinds or self.names.kinds, self.names.kind))
        if standing.ends_on is not None:
            self.fields["ends_on"].required = True
            del self.fields["review_on"]
        for field in self.fields.values():
            if isinstance(field, forms.DateField):
                field.error_messages["required"] = "Choose a day."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "starts_on" in cleaned and not cleaned.get("ends_on") and not cleaned.get("review_on"):
            self.add_error("ends_on", "Choose a last day, or a day to look at it again.")
        return cleaned

    @property
    def scope(self) -> Scope:
        """What is left of what stands."""
        wanted = self.cleaned_data
        ends_on: date | None = wanted["ends_on"]
        return Scope(
            self._applications(),
            self._kinds(),
            wanted["starts_on"],
            ends_on,
            None if ends_on else wanted["review_on"],
        )

    def _applications(self) -> frozenset[str] | None:
        if self.standing.applications is not None:
            return frozenset(self.cleaned_data["applications"])
        categories = set(self.cleaned_data["categories"])
        return self.names.in_categories(categories) if categories else None

    def _kinds(self) -> frozenset[str] | None:
        kept = frozenset(self.cleaned_data["kinds"])
        return None if self.standing.kinds is None and kept == set(self.names.kinds) else kept


class AssignForm(forms.Form):
    to = forms.ChoiceField(label="Who decides")

    def __init__(self, case: Case, name: str, data: Any = None) -> None:
        super().__init__(data, auto_id=f"{name}_%s", use_required_attribute=False)
        self.people = {str(person.pk): person for person in case.assignees}
        me, assignee = case.who.person, case.step.assignee if case.step else None
        others = [(pk, person.name) for pk, person in self.people.items() if person != me]
        mine = [(str(me.pk), f"{me.name} (me)")] if str(me.pk) in self.people else []
        _offer(self.fields["to"], [*mine, (TEAM, "Whoever of the team is first"), *others])
        self.initial["to"] = str(assignee.pk) if assignee else TEAM

    @property
    def person(self) -> Employee | None:
        return self.people.get(self.cleaned_data["to"])


class DelayForm(TextForm):
    until = forms.DateField(
        label="New last day", widget=DayInput, error_messages={"required": "Choose a day."}
    )
    field_order = ("until", "text", "seen")

    def __init__(self, case: Case, name: str, data: Any = None) -> None:
        super().__init__(
            case, name, data, {"until": case.longest_delay}, label="Why it takes longer"
        )


class RevokeForm(TextForm):
    last_day = forms.DateField(
        label="Last day of the exemption",
        widget=DayInput,
        error_messages={"required": "Choose a day."},
    )
    field_order = ("last_day", "text", "seen")

    def __init__(self, case: Case, name: str, data: Any = None, *, earliest: date) -> None:
        super().__init__(case, name, data, {"last_day": earliest}, label="Why it ends")


def _offer(field: forms.Field, choices: Iterable[tuple[str, str]]) -> None:
    assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
    field.choices = list(choices)


def _named(codes: Iterable[str], name: Callable[[str], str]) -> list[tuple[str, str]]:
    return sorted(((code, name(code)) for code in codes), key=lambda pair: pair[1].casefold())
