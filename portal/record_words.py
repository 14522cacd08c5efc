"""Every entry of the log about somebody in a sentence for them, and what it is about.

Home shows the few that matter now (`activity`); here each has words. One that nobody knows yet is
named as the log does.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, TextChoices
from django.utils import timezone
from django.utils.formats import date_format

from consent_app.access import events as access_events
from consent_app.audit import events as audit_events
from consent_app.audit.models import Leaf
from consent_app.devices import events as device_events
from consent_app.erasure import events as erasure_events
from consent_app.notifications import events as message_events
from consent_app.people import events as people_events
from consent_app.restrictions import events as restriction_events
from exemptions import events as request_events
from portal.activity import SENTENCES, details_of


class Kind(TextChoices):
    """What an entry is about. The value stands in addresses."""

    PAUSES = "pauses", "Pauses and preferences"
    NOTICES = "notices", "Notices and choices"
    REQUESTS = "requests", "Requests"
    DEVICES = "devices", "Devices"
    DATA = "data", "My data"
    ACCOUNT = "account", "Account"
    TECHNICAL = "technical", "Technical"


# What the portal and the devices say to each other, which would hide the rest.
TECHNICAL = frozenset(
    {
        device_events.POLICY_SIGNED,
        device_events.POLICY_CONFIRMED,
        request_events.STEP_OPENED,
        request_events.STEP_TAKEN,
        request_events.STEP_RELEASED,
        request_events.STEP_REMINDED,
    }
)

# The first word of an event, by what it is about.
NOUNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PAUSES: ("pause", "preference", "quiet_time", "restriction"),
    Kind.NOTICES: ("notice", "consent"),
    Kind.REQUESTS: (
        "appeal", "deadline", "delegation", "exemption", "information", "message", "request",
        "step",
    ),
    Kind.DEVICES: ("acknowledgement", "device", "enrolment_code", "policy"),
    Kind.DATA: ("access", "audit", "erasure"),
    Kind.ACCOUNT: ("employee",),
}  # fmt: skip


def _moment(details: Mapping[str, Any], name: str) -> str:
    text = details.get(name)
    if not text:
        return "an erased time"
    return date_format(timezone.localtime(datetime.fromisoformat(text)), "j F Y, H:i")


MORE_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    restriction_events.PREFERENCE_CHANGED: lambda _: "You changed your preferences.",
    restriction_events.QUIET_TIME_ADDED: lambda _: "You set a quiet time.",
    restriction_events.QUIET_TIME_ENDED: lambda _: "You ended a quiet time.",
    restriction_events.RESTRICTION_ADDED: lambda d: (
        f"Something is left out of collection, from {_moment(d, 'starts_at')} "
        f"{'until ' + _moment(d, 'ends_at') if d.get('ends_at') else 'on'}."
    ),
    restriction_events.RESTRICTION_ENDED: lambda d: (
        f"Something that is left out of collection ends on {_moment(d, 'ends_at')}."
    ),
    message_events.MAIL_CHANGED: lambda _: "You chose which messages are mailed to you.",
    people_events.EMPLOYEE_CREATED: lambda _: "You were taken into the directory.",
    people_events.EMPLOYEE_UPDATED: lambda _: "What the directory says about you changed.",
    people_events.EMPLOYEE_DEACTIVATED: lambda _: "The directory says that you left.",
    people_events.PASSWORD_CHANGED: lambda _: "You changed your password.",
    device_events.POLICY_SIGNED: lambda d: (
        f"Version {d.get('version', '(erased)')} of a device's policy was signed."
    ),
    device_events.DOUBLED: lambda d: (
        f"Two programs used the identity of {d.get('hostname') or 'a device'}."
    ),
    request_events.REQUEST_OPENED: lambda _: "A reviewer opened your request.",
    request_events.STEP_OPENED: lambda _: "A step of your request began.",
    request_events.STEP_TAKEN: lambda _: "One person took a step of your request.",
    request_events.STEP_RELEASED: lambda _: "A step of your request went back to the team.",
    request_events.STEP_REMINDED: lambda _: "Whoever has your request was reminded.",
    request_events.STEP_ESCALATED: lambda _: "Others were asked to step in on your request.",
    request_events.STEP_DECIDED: lambda _: "A reviewer decided on a step of your request.",
    request_events.DELEGATION_MADE: lambda _: "You said who decides while you are away.",
    request_events.DELEGATION_ENDED: lambda _: "Being away ended.",
    access_events.COPY_REQUESTED: lambda _: "You asked for a copy of your data.",
    access_events.COPY_PREPARED: lambda _: "The copy of your data was ready.",
    access_events.COPY_DOWNLOADED: lambda _: "You downloaded the copy of your data.",
    access_events.COPY_FAILED: lambda _: "The copy of your data could not be made.",
    access_events.COPY_DELETED: lambda _: "The copy of your data was deleted.",
    erasure_events.ERASURE_DEVICE_CONFIRMED: lambda d: (
        f"{d.get('hostname') or 'A device'} confirmed that it dropped what you wanted forgotten."
    ),
    erasure_events.ERASURE_STORE_CONFIRMED: lambda d: (
        f"{d.get('name') or 'A program'} confirmed that it erased what you wanted forgotten."
    ),
    audit_events.DETAILS_ERASED: lambda _: "The details of an entry were erased.",
}


def sentence_of(leaf: Leaf) -> str:
    words = SENTENCES.get(leaf.event) or MORE_SENTENCES.get(leaf.event)
    return words(details_of(leaf)) if words else f"An entry was made: {leaf.event}."


def kind_of(leaf: Leaf) -> Kind | None:
    """Return what an entry is about; None for a new sort that nobody knows yet."""
    if leaf.event in TECHNICAL:
        return Kind.TECHNICAL
    noun = leaf.event.partition(".")[0]
    return next((kind for kind, nouns in NOUNS.items() if noun in nouns), None)


def of_kind(kind: Kind | None) -> Q:
    """Return what finds the entries of a kind; of None, all that are not technical."""
    is_technical = Q(event__in=TECHNICAL)
    if kind == Kind.TECHNICAL:
        return is_technical
    found = ~is_technical
    if kind is not None:
        named = Q()
        for noun in NOUNS[kind]:
            named |= Q(event__startswith=f"{noun}.")
        found &= named
    return found
