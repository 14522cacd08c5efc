"""A table that comes in: first as a file, then once more with the word that it shall be applied."""

from django import forms

from consent_app.register.queries.drafts import Table

LARGEST_TABLE = 1024 * 1024


class TableForm(forms.Form):
    """What a table lists."""

    table = forms.TypedChoiceField(
        label="What it lists",
        choices=[(Table.APPLICATIONS, "All applications"), (Table.SAFEGUARDS, "All safeguards")],
        coerce=Table,
        initial=Table.APPLICATIONS,
        widget=forms.RadioSelect,
    )


class ImportForm(TableForm):
    file = forms.FileField(
        label="The table (CSV, UTF-8)",
        help_text="Its columns are those of the table that you can download here. 1 MB at most.",
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_TABLE:
            raise forms.ValidationError("This file is larger than 1 MB.")
        return bytes(file.read())


class ApplyForm(TableForm):
    """A table that was shown. Browsers send each end of a line as two characters."""

    text = forms.CharField(max_length=2 * LARGEST_TABLE, strip=False)
