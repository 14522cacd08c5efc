"""How a day is asked for."""

from django import forms


class DayInput(forms.DateInput):
    """The browser's own calendar; it takes and sends 2026-12-31, whatever it shows."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off"}, format="%Y-%m-%d")
