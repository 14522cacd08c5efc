"""Browser input of the request form: one Django form a page."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import TextChoices
from django.http import QueryDict

from consent_app.register.models import Category, DataKind
from exemptions import rules
from exemptions.deadlines import months_after
from exemptions.errors import NothingChosen, NotInRegister, PeriodOutOfRange
from exemptions.forms.days import DayInput
from exemptions.models import Ground
from exemptions.scope import Scope

ALL_CATEGORIES = ("", "All categories")
ONE_DAY = timedelta(days=1)
DAY_FORMATS = ["%Y-%m-%d"]  # what a browser sends
NOT_A_DAY = "This is no day. Write it as 2026-12-31."


class GroundForm(forms.Form):
    ground = forms.ChoiceField(
        label="Grounds",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose one of the grounds.",
            "invalid_choice": "These grounds can't be chosen at the moment. Choose others.",
        },
    )

    def __init__(self, data: QueryDict | None = None, *, grounds: Iterable[Ground]) -> None:
        super().__init__(data)
        self.fields["ground"].choices = [(ground.slug, ground.name) for ground in grounds]  # type: ignore[attr-defined]  # a ChoiceField


class SearchForm(forms.Form):
    """Looks for applications; what it finds is shown, not chosen."""

    search = forms.CharField(
        required=False,
        max_length=200,
        label="Name, vendor or address",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    category = forms.ChoiceField(required=False, choices=[ALL_CATEGORIES, *Category.choices])


class About(TextChoices):
    ALL = "all", "Everything that is collected"
    CHOSEN = "chosen", "Only the applications that I choose"


class ScopeForm(forms.Form):
    """What a request is about.

    The page shows a few of all applications (`shown`), some of them ticked (`applications`). What
    was chosen before and is not on the page (`stored`) stays chosen.
    """

    about = forms.ChoiceField(
        label="Applications",
        choices=About.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what it is about.", "invalid_choice": "Choose again."},
    )
    applications = forms.MultipleChoiceField(required=False)
    shown = forms.MultipleChoiceField(required=False)
    remove = forms.CharField(required=False, max_length=80)
    kinds = forms.MultipleChoiceField(
        label="Kinds of data",
        help_text="All of them means those that are added later, too.",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": NotInRegister.message},
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        known: Iterable[str],
        kinds: Sequence[DataKind],
        stored: frozenset[str],
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.stored = stored
        choices = {
            "applications": [(slug, slug) for slug in known],
            "kinds": [(kind.code, kind.name) for kind in kinds],
        }
        for name, offered in (choices | {"shown": choices["applications"]}).items():
            self.fields[name].choices = offered  # type: ignore[attr-defined]  # a ChoiceField
            self.fields[name].error_messages["invalid_choice"] = NotInRegister.message

    @property
    def chosen(self) -> frozenset[str]:
        """Return the applications that are chosen now."""
        given = self.cleaned_data
        kept = (self.stored - set(given["shown"])) | set(given["applications"])
        return kept - {given["remove"]}

    @property
    def chosen_kinds(self) -> frozenset[str] | None:
        """Return the kinds, None for all of them: those that come later, too."""
        given = frozenset(self.cleaned_data["kinds"])
        return None if len(given) == len(self.fields["kinds"].choices) else given  # type: ignore[attr-defined]  # see above

    def check_that_something_is_chosen(self) -> None:
        """Before the reader goes on. Until then, nothing has to be complete."""
        if self.cleaned_data["about"] == About.CHOSEN and not self.chosen:
            self.add_error("about", NothingChosen.message)
        if self.chosen_kinds == frozenset():
            self.add_error("kinds", "Choose at least one.")


class Until(TextChoices):
    FOUR_WEEKS = "four_weeks", "4 weeks"
    THREE_MONTHS = "three_months", "3 months"
    DAY = "day", "Until a day that I choose"
    OPEN = "open", "Open. It is looked at again in 6 months"
    REVIEW_DAY = "review_day", "Open. It is looked at again on a day that I choose"


FIELD_OF: Mapping[str, str] = {Until.DAY: "ends_on", Until.REVIEW_DAY: "review_on"}


class PeriodForm(forms.Form):
    """From when to when, both days included; `today` is the requester's."""

    starts_on = forms.DateField(
        label="First day",
        widget=DayInput,
        input_formats=DAY_FORMATS,
        error_messages={"required": "Choose the first day.", "invalid": NOT_A_DAY},
    )
    until = forms.ChoiceField(
        label="How long",
        choices=Until.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how long.", "invalid_choice": "Choose how long."},
    )
    ends_on = forms.DateField(
        label="Last day",
        required=False,
        widget=DayInput,
        input_formats=DAY_FORMATS,
        error_messages={"invalid": NOT_A_DAY},
    )
    review_on = forms.DateField(
        label="Day to look at it again",
        required=False,
        widget=DayInput,
        input_formats=DAY_FORMATS,
        error_messages={"invalid": NOT_A_DAY},
    )

    def __init__(
        self, data: QueryDict | None = None, *, today: date, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.today = today
        self.fields["starts_on"].widget.attrs["min"] = today.isoformat()

    @property
    def scope(self) -> Scope:
        """Return the period that was chosen, about everything."""
        given = self.cleaned_data
        first: date = given["starts_on"]
        match given["until"]:
            case Until.FOUR_WEEKS:
                return Scope(None, None, first, ends_on=first + timedelta(weeks=4) - ONE_DAY)
            case Until.THREE_MONTHS:
                return Scope(None, None, first, ends_on=months_after(first, 3) - ONE_DAY)
            case Until.OPEN:
                return Scope(None, None, first, review_on=months_after(first, 6))
            case Until.DAY:
                return Scope(None, None, first, ends_on=given["ends_on"])
            case _:
                return Scope(None, None, first, review_on=given["review_on"])

    def clean(self) -> None:
        first, until = self.cleaned_data.get("starts_on"), self.cleaned_data.get("until", "")
        field = FIELD_OF.get(until, "until")
        for unused in {"ends_on", "review_on"} - {field}:
            self.errors.pop(unused, None)
        # Far-off days are refused before anything is added to them.
        if not first or not self._is_accepted(Scope(None, None, first, ends_on=first), "starts_on"):
            return
        if until and self._has_day(field):
            self._is_accepted(self.scope, field)

    def _has_day(self, field: str) -> bool:
        if field not in self.errors and not self.cleaned_data[field]:
            self.add_error(field, "Choose the day.")
        return field not in self.errors

    def _is_accepted(self, scope: Scope, field: str) -> bool:
        try:
            rules.check_period(scope, today=self.today)
        except PeriodOutOfRange as refusal:
            self.add_error(field, refusal.message)
            return False
        return True


class StatementForm(forms.Form):
    """The statement, and a file beside it. What either may be, the action decides."""

    statement = forms.CharField(
        label="Your statement",
        required=False,
        strip=False,
        # Neither kept by the browser nor sent to anybody who checks spelling for it.
        widget=forms.Textarea(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    file = forms.FileField(
        label="A file to attach",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg,.txt"}),
    )
