"""Fields for words that people will read: nothing in them is invisible."""

import re
from typing import Any, Final

from django import forms

from consent_app.people.rules import invisible_character

LONGEST_WORDS, LONGEST_TITLE = 2000, 80
_LINE_ENDS: Final = re.compile(r"[\r\n\t]")


def check_visible(text: str) -> None:
    """Refuse what a reader can't see, or what turns others round; lines may end."""
    if character := invisible_character(_LINE_ENDS.sub("", text)):
        raise forms.ValidationError(
            f"There is a character that nobody can see: {character}. Write it anew without it."
        )


def words(label: str, *, required: bool = True, rows: int = 3, help_text: str = "") -> Any:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=LONGEST_WORDS,
        required=required,
        validators=[check_visible],
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def title(label: str) -> Any:
    return forms.CharField(label=label, max_length=LONGEST_TITLE, validators=[check_visible])
