"""Browser input about a draft. What a cell of the table may hold, a field may hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django import forms

from consent_agent.protocol.kinds import is_never_collected
from consent_agent.protocol.safeguards import VALIDATORS, Action, Detector
from consent_app.register.forms.fields import title, words
from consent_app.register.models import (
    KIND,
    Application,
    Category,
    DataKind,
    Safeguard,
    Sensitivity,
)
from consent_app.register.notice_fields import NoticeFields, law_of, title_of
from consent_app.register.programme import KindWords
from consent_app.register.rules import Row
from consent_app.register.tables import row_of

CAPTURED, EXCLUDED = "captured", "excluded"
NAME_FIELDS = {
    "macos_bundle_id": "macOS bundle ids",
    "windows_executable": "Windows programs",
    "linux_executable": "Linux programs",
    "domains": "Addresses (host names)",
}


class WordsForm(forms.Form):
    purpose = words("What it is for", rows=5)
    limits = words("What it is not used for", rows=5)


class ReaderForm(forms.Form):
    who = title("Who")
    why = words("What for", rows=2)


class NeverForm(forms.Form):
    what = title("What")
    why = words("Why", rows=2)


class KindForm(forms.Form):
    """One kind of data."""

    code = forms.RegexField(
        KIND,
        label="Code",
        max_length=40,
        error_messages={"invalid": "Lower-case words joined by underscores, like mouse_click."},
    )
    name = title("Name")
    explanation = words("What it is, so that anybody understands")
    retention_days = forms.IntegerField(label="Kept for, in days", min_value=1, max_value=3650)
    retention_reason = words("Why that long", rows=2)
    is_everywhere = forms.BooleanField(
        label="Collect it from every application that is collected from", required=False
    )

    def clean_code(self) -> str:
        return self._collectable("code")

    def clean_name(self) -> str:
        return self._collectable("name")

    def _collectable(self, field: str) -> str:
        said = str(self.cleaned_data[field])
        if is_never_collected(said):
            raise forms.ValidationError(
                "What is on a screen, who sits before it, and passwords are never collected. "
                "No version can list them."
            )
        return said


class KindFormSetBase(forms.BaseFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """All kinds of data; at least one stays."""

    def clean(self) -> None:
        codes = [] if any(self.errors) else [kind.code for kind in kinds_of(self)]
        if len(codes) != len(set(codes)):
            raise forms.ValidationError("A code stands there twice.")


def kept(formset: Any) -> Iterator[forms.Form]:
    """Yield the forms of a set that were filled in and are not to go."""
    for form in formset.forms:
        is_filled = (form.has_changed() or form.initial) and form.cleaned_data
        if is_filled and not form.cleaned_data.get("DELETE"):
            yield form


def kinds_of(formset: Any) -> list[KindWords]:
    """Return the kinds that are kept, once the set is valid."""
    return [
        KindWords(**{name: form.cleaned_data[name] for name in KindWords.model_fields})
        for form in kept(formset)
    ]


def everywhere_of(formset: Any) -> list[str]:
    """Return the codes of the kinds that every application is to have."""
    return [
        form.cleaned_data["code"] for form in kept(formset) if form.cleaned_data["is_everywhere"]
    ]


ReaderFormSet = forms.formset_factory(
    ReaderForm, extra=1, can_delete=True, min_num=1, validate_min=True, max_num=50
)
NeverFormSet = forms.formset_factory(
    NeverForm, extra=1, can_delete=True, min_num=1, validate_min=True, max_num=50
)
KindFormSet = forms.formset_factory(
    KindForm, formset=KindFormSetBase, extra=1, can_delete=True, min_num=1, validate_min=True,
    max_num=20,
)  # fmt: skip


def initial_of_kinds(kinds: Iterable[DataKind]) -> list[dict[str, object]]:
    names = KindWords.model_fields
    return [{name: getattr(kind, name) for name in names} for kind in kinds]


class NoticeForm(forms.Form):
    """One field for each thing that a law asks a notice to say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in NoticeFields.model_fields:
            self.fields[name] = self._field(name)

    @property
    def wanted(self) -> NoticeFields:
        return NoticeFields(**self.cleaned_data)

    @staticmethod
    def _field(name: str) -> forms.Field:
        help_text = f"Asked for by {law_of(name)}."
        if name == "delaware":
            choices = [
                ("", "Not decided yet"),
                ("acknowledgement", "Acknowledged once"),
                ("daily", "A notice each day"),
            ]
            return forms.ChoiceField(
                label=title_of(name), help_text=help_text, choices=choices, required=False
            )
        field: forms.Field = words(title_of(name), required=False, help_text=help_text)
        return field


class RowForm(forms.Form):
    """A row of a table: `field_of` has the columns whose fields have another name."""

    field_of: ClassVar[Mapping[str, str]] = {}

    def add_problems(self, problems: Iterable[str]) -> None:
        """Say what is wrong beside the field of the column that it begins with, else above all."""
        for problem in problems:
            column = problem.split(" ", 1)[0].rstrip(":")
            name = self.field_of.get(column, column)
            if name in self.fields:
                said = problem.replace(column, str(self.fields[name].label), 1)
                self.add_error(name, f"{said}.")
            else:
                self.add_error(None, f"{problem[0].upper()}{problem[1:]}.")


class ApplicationForm(RowForm):
    """A row of the table, as fields."""

    name = forms.CharField(label="Name", max_length=120)
    slug = forms.SlugField(
        label="Short name",
        max_length=60,
        help_text="Lower-case words joined by hyphens. Rules and logs know the application by it.",
    )
    vendor = forms.CharField(label="Vendor", max_length=120)
    category = forms.ChoiceField(label="Category", choices=Category.choices)
    default_scope = forms.ChoiceField(
        label="Is it collected from",
        choices=[(CAPTURED, "Yes, the kinds below"), (EXCLUDED, "Never")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the two."},
    )
    kinds = forms.MultipleChoiceField(
        label="Kinds of data", required=False, widget=forms.CheckboxSelectMultiple
    )
    default_exclusion_reason = forms.CharField(
        label="Why it is never collected from",
        help_text="People read it.",
        max_length=200,
        required=False,
    )
    macos_bundle_id = words(NAME_FIELDS["macos_bundle_id"], required=False, rows=2)
    windows_executable = words(NAME_FIELDS["windows_executable"], required=False, rows=2)
    linux_executable = words(NAME_FIELDS["linux_executable"], required=False, rows=2)
    domains = words(NAME_FIELDS["domains"], required=False, rows=2, help_text="One on each line.")
    is_communication = forms.BooleanField(
        label="Other people's words appear there",
        help_text="Then nothing is collected while somebody protected takes part.",
        required=False,
    )
    sensitivity = forms.ChoiceField(
        label="Whose harm is likely if it were seen", choices=Sensitivity.choices
    )
    verified = forms.BooleanField(label="Its names were seen to be true", required=False)
    source = forms.CharField(label="Where its names come from", required=False, max_length=4000)

    def __init__(self, *args: Any, kinds: Sequence[DataKind], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(kind.code, kind.name) for kind in kinds]
        self.fields["kinds"].choices = choices  # type: ignore[attr-defined]  # it has choices

    @property
    def row(self) -> Row:
        """Return what was written as a row of the table, once it is valid."""
        written = self.cleaned_data
        names = {name: _lines(written[name]) for name in NAME_FIELDS}
        is_excluded = written["default_scope"] == EXCLUDED
        application = Application(
            slug=written["slug"],
            name=written["name"],
            vendor=written["vendor"],
            category=written["category"],
            macos_bundle_ids=names["macos_bundle_id"],
            windows_executables=names["windows_executable"],
            linux_executables=names["linux_executable"],
            domains=names["domains"],
            communication=written["is_communication"],
            sensitivity=written["sensitivity"],
            excluded=is_excluded,
            reason=written["default_exclusion_reason"] if is_excluded else "",
            verified=written["verified"],
            source=written["source"],
        )
        return row_of(application)


def initial_of_application(application: Application) -> dict[str, object]:
    row = row_of(application)
    return {
        **row,
        **{name: row[name].replace(";", "\n") for name in NAME_FIELDS},
        "kinds": application.kinds,
        "is_communication": application.communication,
        "verified": application.verified,
    }


class SafeguardForm(RowForm):
    """A safeguard with two examples that its pattern is tried on; examples are not kept."""

    field_of = {"class": "protects"}

    id = forms.SlugField(label="Short name", max_length=60)
    protects = forms.CharField(
        label="What it protects", max_length=40, help_text="A word like payment_card."
    )
    detector = forms.ChoiceField(
        label="Looks at", choices=[(one.value, one.value.replace("_", " ")) for one in Detector]
    )
    pattern = words("Pattern (a regular expression, or a category)", rows=2)
    validator = forms.ChoiceField(
        label="Check of what is found", choices=[(name, name) for name in VALIDATORS]
    )
    action = forms.ChoiceField(
        label="Then", choices=[(one.value, one.value.replace("_", " ")) for one in Action]
    )
    explanation = forms.CharField(label="In words", max_length=500)
    example_match = words(
        "An example that it finds",
        rows=2,
        help_text="Of a category: the short name of an application that is in it.",
    )
    example_no_match = words(
        "An example that it leaves", rows=2, help_text="The short name of one that is not in it."
    )

    @property
    def row(self) -> Row:
        written = self.cleaned_data
        renamed = {name: value for name, value in written.items() if name != "protects"}
        return {**renamed, "class": written["protects"], "source": ""}


def initial_of_safeguard(safeguard: Safeguard) -> dict[str, object]:
    names = ("protects", "detector", "pattern", "validator", "action", "explanation")
    return {"id": safeguard.safeguard_id, **{name: getattr(safeguard, name) for name in names}}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
