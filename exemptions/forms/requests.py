"""What the requester writes about a request once it was sent."""

from django import forms
from django.views.decorators.debug import sensitive_variables

from exemptions import rules
from portal.lib.refusals import Refusal


class WritingForm(forms.Form):
    """One text; the ids of its fields begin with its own name, for there are several on a page."""

    text = forms.CharField(
        widget=forms.Textarea,
        strip=False,
        error_messages={"required": "Write a sentence or two."},
    )
    name = "writing"
    label = ""
    hint = ""

    def __init__(self, data: object = None) -> None:
        super().__init__(data, auto_id=f"{self.name}-%s")  # type: ignore[arg-type]  # a QueryDict
        self.fields["text"].label = self.label
        self.fields["text"].help_text = self.hint

    @sensitive_variables()
    def clean_text(self) -> str:
        try:
            return rules.clean_text(self.cleaned_data["text"])
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from None


class AnswerForm(WritingForm):
    name = "answer"
    label = "Your answer"
    hint = "Those who decide on your request read it."


class AdditionForm(WritingForm):
    name = "addition"
    label = "What do you want to add?"
    hint = "Those who decide on your request read it. It can't be changed once it is sent."


class AppealForm(WritingForm):
    name = "appeal"
    label = "Why should the decision be another?"
    hint = "Somebody who had no part in the decision reads it, with everything else that is here."
