"""What each message says in the inbox, where it leads, and whether its mail can be switched off.

Every event that is owed has an entry here and its mail in `templates/emails/`. Add both together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices


class Kind(TextChoices):
    """What a message is about; mail is chosen by kind."""

    DEVICES = "devices", "My devices"
    ACCOUNT = "account", "My account"


class _Known(dict[str, object]):
    """The context of a message; what it lacks is said to be unknown, and breaks no page."""

    def __missing__(self, key: str) -> str:
        return "(unknown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event.

    `when` completes "You get a message when …". `sentence` is filled from the message's context;
    None keeps the message out of the inbox. `place` is the name of the address where something
    can be done, `place_label` what it is called there.
    """

    kind: Kind
    when: str
    sentence: str | None
    place: str = ""
    place_label: str = ""
    can_stop_mail: bool = False

    def sentence_for(self, context: Mapping[str, object]) -> str:
        return (self.sentence or "").format_map(_Known(context))


ENTRIES: Mapping[str, Entry] = {
    "device_enrolled": Entry(
        kind=Kind.DEVICES,
        when="a device is added to yours",
        sentence="{hostname} was added to your devices. If it was not you, remove it now.",
        place="devices",
        place_label="My devices",
    ),
    "device_removed": Entry(
        kind=Kind.DEVICES,
        when="a device of yours is removed",
        sentence=(
            "{hostname} was removed from your devices. "
            "It stops collecting as soon as it hears of that, and by itself if it does not."
        ),
        place="devices",
        place_label="My devices",
        can_stop_mail=True,
    ),
    "enrolment_code_reused": Entry(
        kind=Kind.DEVICES,
        when="a code of yours for adding a device is tried a second time",
        sentence=(
            "A code of yours for adding a device was tried a second time. It was refused. "
            "If you do not know of it, look at your devices and tell your IT administrator."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_contradicts": Entry(
        kind=Kind.DEVICES,
        when="a device of yours says something that can't be true",
        sentence=(
            "{hostname} said something about its policy that can't be true. "
            "The report was refused and is in the log. Tell your IT administrator."
        ),
        place="devices",
        place_label="My devices",
    ),
    "account_password_changed": Entry(
        kind=Kind.ACCOUNT,
        when="your password is changed",
        sentence=(
            "Your password for the Consent Portal was changed. "
            "If it was not you, set a new one at once and tell your IT department."
        ),
        place="account_reset_password",
        place_label="Set a new password",
    ),
    # Its mail holds a link that sets a password. Whoever sits at an open session must not get it.
    "account_password_reset": Entry(
        kind=Kind.ACCOUNT,
        when="somebody asks for a link to set your password",
        sentence=None,
    ),
}

SHOWN_IN_INBOX = frozenset(event for event, entry in ENTRIES.items() if entry.sentence)


def kinds_of_choice() -> list[Kind]:
    """Return the kinds that have a mail one can do without."""
    return [kind for kind in Kind if when_mailed(kind, can_stop=True)]


def when_mailed(kind: Kind, *, can_stop: bool) -> list[str]:
    """Return the occasions of a kind: those one can do without, or those one can't."""
    return [
        entry.when
        for entry in ENTRIES.values()
        if entry.kind == kind and entry.can_stop_mail == can_stop
    ]
