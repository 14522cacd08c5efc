"""What people type on "What is collected"."""

from django import forms

from consent_app.register.models import Category

EVERY = ("", "All")


class RegisterSearchForm(forms.Form):
    """The search over all applications. Everything is optional; what is not known is refused."""

    search = forms.CharField(required=False, max_length=200, label="Name, vendor or address")
    category = forms.ChoiceField(required=False, choices=[EVERY, *Category.choices])
    collected = forms.ChoiceField(
        required=False,
        label="Show",
        choices=[EVERY, ("yes", "Collected"), ("no", "Never collected")],
    )
    page = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)


class TryItForm(forms.Form):
    """One line to be judged by the rules. Long enough for any address that a person would paste."""

    text = forms.CharField(
        max_length=2048,
        label="Address, application or window title",
        error_messages={
            "required": "Type an address, the name of an application, or a window's title.",
            "max_length": "That is longer than 2,048 characters. Leave out what follows the path.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
