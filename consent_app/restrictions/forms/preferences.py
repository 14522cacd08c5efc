"""Browser input about what somebody prefers. Each field says what it does on the device."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from consent_app.restrictions.actions import WantedPreference
from consent_app.restrictions.models import PausePreference
from consent_app.restrictions.rules import (
    LONGEST_PAUSE_MINUTES,
    LONGEST_REMINDER_MINUTES,
    SHORTEST_PAUSE_MINUTES,
    USUAL_MINUTES,
)

WEEKDAYS = (
    (1, "Monday"),
    (2, "Tuesday"),
    (3, "Wednesday"),
    (4, "Thursday"),
    (5, "Friday"),
    (6, "Saturday"),
    (7, "Sunday"),
)
WORKDAYS = [1, 2, 3, 4, 5]


def minutes_field(label: str, help_text: str, *, longest: int, required: bool) -> Any:
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=required,
        min_value=SHORTEST_PAUSE_MINUTES,
        max_value=longest,
        error_messages={
            "required": "Give a number of minutes.",
            "invalid": "Give whole minutes as a number.",
            "min_value": "It is at least 1 minute.",
            "max_value": f"It is at most {longest} minutes.",
        },
    )


class PreferenceForm(forms.Form):
    """How pauses begin and end, and around what the device pauses by itself."""

    default_minutes = minutes_field(
        "My usual pause, in minutes",
        "The first button under “Pause” on your home page. Any other length stays one click away.",
        longest=LONGEST_PAUSE_MINUTES,
        required=True,
    )
    default_device = forms.ChoiceField(
        label="My usual pause is on",
        required=False,
        help_text="What the buttons on your home page pause.",
        error_messages={"invalid_choice": "Choose one of your devices."},
    )
    reminder_minutes = minutes_field(
        "Remind me before a pause ends, minutes ahead",
        "You get a message here and by mail, so your mail system learns of the pause. "
        "Leave it empty for none.",
        longest=LONGEST_REMINDER_MINUTES,
        required=False,
    )
    battery_below_percent = forms.IntegerField(
        label="Pause on battery, below percent",
        help_text="While a device runs on its battery and holds less than this, it collects "
        "nothing. Leave it empty for no such pause.",
        required=False,
        min_value=1,
        max_value=100,
        error_messages={
            "invalid": "Give a whole number from 1 to 100.",
            "min_value": "It is at least 1 percent.",
            "max_value": "It is at most 100 percent.",
        },
    )
    denies_metered = forms.BooleanField(
        label="Pause on metered networks",
        help_text="While the network counts what you use, a phone's for one, nothing is collected.",
        required=False,
    )
    denies_private_window = forms.BooleanField(
        label="Pause in private windows",
        help_text="While a private window of a browser has the focus, nothing is collected.",
        required=False,
    )

    def __init__(self, *args: Any, devices: Sequence[tuple[uuid.UUID, str]], **kwargs: Any) -> None:
        """Take the person's own devices, as (id, hostname)."""
        super().__init__(*args, **kwargs)
        names = [(str(device), f"{hostname} only") for device, hostname in devices]
        field = self.fields["default_device"]
        field.choices = [("", "All my devices"), *names]  # type: ignore[attr-defined]

    @property
    def wanted(self) -> WantedPreference:
        """What was chosen, once it is valid."""
        chosen = dict(self.cleaned_data)
        device = chosen.pop("default_device")
        return WantedPreference(default_device=uuid.UUID(device) if device else None, **chosen)


def as_initial(preference: PausePreference | None) -> dict[str, object]:
    """Return what the form shows of what holds now."""
    if preference is None:
        return {"default_minutes": USUAL_MINUTES}
    return {
        "default_minutes": preference.default_minutes,
        "default_device": str(preference.default_device or ""),
        "reminder_minutes": preference.reminder_minutes,
        "battery_below_percent": preference.battery_below_percent,
        "denies_metered": preference.denies_metered,
        "denies_private_window": preference.denies_private_window,
    }


class QuietTimeForm(forms.Form):
    """A time of the day, a length and the days."""

    starts_at = forms.TimeField(
        label="From",
        help_text="By your own clock, also when it changes between summer and winter time.",
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"required": "Give a time.", "invalid": "Write the time like 12:30."},
    )
    minutes = minutes_field(
        "For minutes", "At most 30.", longest=LONGEST_PAUSE_MINUTES, required=True
    )
    weekdays = forms.TypedMultipleChoiceField(
        label="On",
        choices=WEEKDAYS,
        coerce=int,
        initial=WORKDAYS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose at least one day.",
            "invalid_choice": "Choose days of the week.",
        },
    )
