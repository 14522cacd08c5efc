"""What happened last, in sentences, from the audit log's entries about one person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.audit.queries import events_about
from consent_app.devices import events as device_events
from consent_app.people.models import Employee
from consent_app.restrictions import events as pause_events

SHOWN = 5


@dataclass(frozen=True)
class Event:
    at: datetime
    sentence: str
    index: int


def latest_events(employee: Employee) -> list[Event]:
    """Return the latest events that mean something to the person, newest first."""
    leaves = events_about(employee.pseudonym).filter(event__in=SENTENCES)[:SHOWN]
    return [Event(leaf.at, SENTENCES[leaf.event](_details(leaf)), leaf.index) for leaf in leaves]


def _details(leaf: Leaf) -> Mapping[str, Any]:
    """Return the details beside the leaf; they may have been erased."""
    details = getattr(leaf, "details", None)
    return details.content if details else {}


def _clock(details: Mapping[str, Any], name: str) -> str:
    text = details.get(name)
    return f"{timezone.localtime(datetime.fromisoformat(text)):%H:%M}" if text else "an erased time"


def _hostname(details: Mapping[str, Any]) -> str:
    return details.get("hostname") or "A device"


def _confirmed(details: Mapping[str, Any]) -> str:
    collects = details.get("effect") == "collecting"
    return (
        f"{_hostname(details)} confirmed that it {'collects' if collects else 'does not collect'}."
    )


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    pause_events.PAUSE_STARTED: lambda d: f"You paused collection until {_clock(d, 'ends_at')}.",
    pause_events.PAUSE_EXTENDED: lambda d: f"You extended the pause to {_clock(d, 'ends_at')}.",
    pause_events.PAUSE_ENDED: lambda _: "You ended the pause.",
    device_events.CODE_ISSUED: lambda _: "You asked for a code to add a device.",
    device_events.CODE_REUSED: lambda _: (
        "Somebody tried a code of yours a second time. It was refused."
    ),
    device_events.DEVICE_ENROLLED: lambda d: f"{_hostname(d)} was added to your devices.",
    device_events.DEVICE_REVOKED: lambda d: f"{_hostname(d)} was removed from your devices.",
    device_events.ACKNOWLEDGEMENT_REFUSED: lambda _: (
        "A device said something that can't be true. It was refused."
    ),
    device_events.POLICY_CONFIRMED: _confirmed,
}
