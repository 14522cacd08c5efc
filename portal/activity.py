"""What happened last, in sentences, from the audit log's entries about one person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.audit.queries import events_about
from consent_app.devices import events as device_events
from consent_app.erasure import events as erasure_events
from consent_app.people.models import Employee
from consent_app.register import events as register_events
from consent_app.restrictions import events as pause_events
from exemptions import events as request_events

SHOWN = 5
# Pages of one's own about what an entry is about, by the kind of its subject.
PAGES = {"exemptionrequest": "my-request", "erasureorder": "forget-order"}
PAGE_OF_SUBJECT = {"exemptionrequest": "my-request", "erasureorder": "forget-order"}


@dataclass(frozen=True)
class Event:
    """`address` is where there is more to read, if anywhere."""

    at: datetime
    sentence: str
    index: int
    address: str = ""


def latest_events(employee: Employee) -> list[Event]:
    """Return the latest events that mean something to the person, newest first."""
    leaves = events_about(employee.pseudonym).filter(event__in=SENTENCES)[:SHOWN]
    return [_event(leaf) for leaf in leaves]


def _event(leaf: Leaf) -> Event:
    sentence = SENTENCES[leaf.event](details_of(leaf))
    return Event(leaf.at, sentence, leaf.index, address_of(leaf))


def details_of(leaf: Leaf) -> Mapping[str, Any]:
    """Return the details beside the leaf, which may have been erased, and who did it."""
    details = getattr(leaf, "details", None)
    return {**(details.content if details else {}), "by_me": leaf.actor == leaf.person}


def address_of(leaf: Leaf) -> str:
    """Return the page about what an entry is about, if it has one."""
    kind, _, key = leaf.subject.partition(":")
    return reverse(PAGES[kind], args=[key]) if kind in PAGES else ""


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
    device_events.DEVICE_ENROLLED: lambda d: (
        f"{_hostname(d)} was enrolled under your name by IT."
        if d.get("rollout")
        else f"{_hostname(d)} was added to your devices."
    ),
    device_events.DEVICE_ACCEPTED: lambda d: f"You said that {_hostname(d)} is yours.",
    device_events.DEVICE_REFUSED: lambda d: f"You said that {_hostname(d)} is not yours.",
    device_events.DEVICE_REVOKED: lambda d: (
        f"{_hostname(d)} was removed from your devices{'.' if d['by_me'] else ' by IT.'}"
    ),
    device_events.ACKNOWLEDGEMENT_REFUSED: lambda _: (
        "A device said something that can't be true. It was refused."
    ),
    device_events.POLICY_CONFIRMED: _confirmed,
    register_events.NOTICE_SERVED: lambda _: "You were shown the notice.",
    register_events.NOTICE_READ: lambda _: "You said that you have read the notice.",
    register_events.NOTICE_ACKNOWLEDGED: lambda _: "You acknowledged that you were told.",
    register_events.CONSENT_GIVEN: lambda _: "You said yes to collection.",
    register_events.CONSENT_REFUSED: lambda _: "You said no to collection.",
    register_events.CONSENT_WITHDRAWN: lambda _: "You took back your yes to collection.",
    erasure_events.ERASURE_ORDERED: lambda _: "You had something forgotten.",
    erasure_events.ERASURE_COMPLETED: lambda _: "What you wanted forgotten is gone everywhere.",
    erasure_events.ERASURE_ESCALATED: lambda _: "Somebody is late to forget what you wanted gone.",
    erasure_events.ERASURE_CLOSED: lambda _: (
        "What you wanted forgotten is erased; a device can't confirm it any more."
    ),
    # Of requests, what happened and never what they are about.
    request_events.REQUEST_SUBMITTED: lambda _: "You sent a request.",
    request_events.REQUEST_WITHDRAWN: lambda _: "You withdrew a request.",
    request_events.INFORMATION_REQUESTED: lambda _: "A reviewer asked you about your request.",
    request_events.INFORMATION_ANSWERED: lambda _: "You answered about your request.",
    request_events.MESSAGE_ADDED: lambda d: (
        "You added to your request." if d["by_me"] else "A reviewer wrote to you."
    ),
    request_events.DEADLINE_EXTENDED: lambda _: "The legal deadline of your request was extended.",
    request_events.REQUEST_PROTECTED: lambda _: (
        "A deadline of your request passed. You are protected until somebody decides."
    ),
    request_events.REQUEST_DECIDED: lambda _: "There is a decision on your request.",
    request_events.APPEAL_FILED: lambda _: "You appealed.",
    request_events.APPEAL_DECIDED: lambda _: "There is a decision on your appeal.",
    request_events.EXEMPTION_REVOKED: lambda _: "An exemption of yours was revoked.",
    request_events.EXEMPTION_EXPIRED: lambda _: "An exemption of yours has ended.",
}
