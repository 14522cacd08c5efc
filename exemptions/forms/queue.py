"""What reviewers choose in their queue, and what they say about several requests at once."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from exemptions import rules
from exemptions.errors import CodeMissing, ReasonMissing, TextTooLong
from exemptions.models import DeclineCode, ExemptionRequest, State, Verdict
from exemptions.queries.queue import Tab, Wanted, grounds_for
from exemptions.queries.reviewing import Reviewing

EVERY = ("", "All")
MOST_TOGETHER = 50
LATER = "later"
# Where a request can stand on a tab; on WAITING all stand alike.
REVIEWED = (State.IN_REVIEW, State.APPEALED)
STATES: dict[str, Sequence[State]] = {
    Tab.MINE: REVIEWED,
    Tab.TEAM: REVIEWED,
    Tab.OVERDUE: REVIEWED,
    Tab.WAITING: (),
    Tab.DECIDED: [state for state in State if state != State.DRAFT],
}


SEARCH = forms.TextInput(
    attrs={
        "autocomplete": "off",
        "data-key": "/",
        "data-key-label": "Search by name",
        "spellcheck": "false",
    }
)


class QueueForm(forms.Form):
    """The address of the queue. Everything is optional; what is not known is refused."""

    tab = forms.ChoiceField(required=False, choices=Tab.choices, widget=forms.HiddenInput)
    search = forms.CharField(
        required=False, max_length=120, label="Name of the person", widget=SEARCH
    )
    ground = forms.ChoiceField(required=False, label="Grounds")
    state = forms.ChoiceField(required=False)
    page = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, who: Reviewing) -> None:
        super().__init__(data)
        grounds = [(ground.slug, ground.name) for ground in grounds_for(who)]
        self._choice("ground").choices = [EVERY, *grounds]
        states = STATES.get(data.get("tab") or Tab.MINE, ())
        if states:
            self._choice("state").choices = [EVERY, *((state, state.label) for state in states)]
        else:
            del self.fields["state"]

    @property
    def chosen_tab(self) -> Tab:
        return Tab(self.cleaned_data["tab"] or Tab.MINE)

    @property
    def wanted(self) -> Wanted:
        found = self.cleaned_data
        return Wanted(name=found["search"], ground=found["ground"], state=found.get("state", ""))

    def clean(self) -> dict[str, Any]:
        if unknown := set(self.data) - set(self.fields):
            raise forms.ValidationError(f"unknown: {len(unknown)}")
        return self.cleaned_data

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (declared above)
        return field


class TogetherForm(forms.Form):
    """What a reviewer says about one of several requests. `seen` is the version on the screen."""

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    verdict = forms.ChoiceField(
        label="Decision",
        choices=[
            (Verdict.APPROVE.value, Verdict.APPROVE.label),
            (Verdict.DECLINE.value, Verdict.DECLINE.label),
            (LATER, "Leave it for now"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one."},
    )
    code = forms.ChoiceField(
        required=False,
        label="If you decline: why",
        choices=[("", "Choose"), *DeclineCode.choices],
    )
    text = forms.CharField(
        required=False,
        label="Reason",
        help_text="The employee reads exactly this.",
        max_length=rules.MAX_TEXT,
        error_messages={"max_length": TextTooLong.message},
        widget=forms.Textarea,
    )

    def __init__(self, case: ExemptionRequest, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix=str(case.pk), initial={"seen": case.version})

    def clean(self) -> dict[str, Any]:
        words = self.cleaned_data
        verdict = words.get("verdict")
        if verdict in Verdict.values and not words.get("text") and "text" not in self.errors:
            self.add_error("text", ReasonMissing.message)
        if verdict == Verdict.DECLINE and not words.get("code") and "code" not in self.errors:
            self.add_error("code", CodeMissing.message)
        return words


def chosen(sent: QueryDict) -> list[uuid.UUID]:
    """Return the requests that were chosen, each once.

    Raises:
        BadRequest: something is no id, or there are more than MOST_TOGETHER.
    """
    try:
        ids = list(dict.fromkeys(uuid.UUID(value) for value in sent.getlist("request")))
    except ValueError:
        raise BadRequest from None
    if len(ids) > MOST_TOGETHER:
        raise BadRequest
    return ids
