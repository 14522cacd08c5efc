"""What happened to a request, from the audit log: the timeline is the log, in sentences.

A sentence names people but never grounds or anything written; details may have been erased.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.formats import date_format

from consent_app.audit.models import Leaf
from consent_app.people.models import SYSTEM_NUMBER, Employee
from exemptions import events
from exemptions.models import ExemptionRequest

Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a timeline. `index` is its place in the log, for whoever wants the proof.

    `person` is who acted, if they are known still.
    """

    at: datetime
    event: str
    actor: str
    sentence: str
    index: int
    person: Employee | None = None


def history_of(request: ExemptionRequest, *, for_requester: bool) -> list[HistoryEntry]:
    """Return what happened, oldest first; the requester reads "You" where they did it."""
    leaves = [leaf for leaf in _leaves(request) if leaf.event in SENTENCES]
    people = _people(leaf.actor for leaf in leaves)
    return [_entry(leaf, people, request, for_requester=for_requester) for leaf in leaves]


def openings_of(request: ExemptionRequest) -> list[HistoryEntry]:
    """Return who opened the request and when, newest first."""
    leaves = [leaf for leaf in _leaves(request) if leaf.event == events.REQUEST_OPENED]
    people = _people(leaf.actor for leaf in leaves)
    return [
        HistoryEntry(
            leaf.at, leaf.event, _name(leaf, people), "opened your request", leaf.index,
            people.get(leaf.actor),
        )
        for leaf in reversed(leaves)
    ]  # fmt: skip


def last_change(request: ExemptionRequest) -> HistoryEntry | None:
    """Return the last thing that somebody did, for whoever comes too late."""
    history = history_of(request, for_requester=False)
    done = [entry for entry in history if entry.event != events.STEP_OPENED]
    return done[-1] if done else None


def last_opening(request: ExemptionRequest, person: Employee) -> datetime | None:
    """Return when this person last opened the request."""
    found = Leaf.objects.filter(
        subject=_subject(request), event=events.REQUEST_OPENED, actor=person.pseudonym
    ).order_by("-index")
    return found.values_list("at", flat=True).first()


def _leaves(request: ExemptionRequest) -> list[Leaf]:
    found = Leaf.objects.filter(subject=_subject(request))
    return list(found.select_related("details").order_by("index"))


def _subject(request: ExemptionRequest) -> str:
    return f"exemptionrequest:{request.pk}"


def _people(pseudonyms: Any) -> dict[Any, Employee]:
    return {
        person.pseudonym: person
        for person in Employee.objects.filter(pseudonym__in=set(pseudonyms))
    }


def _name(leaf: Leaf, people: Mapping[Any, Employee]) -> str:
    person = people.get(leaf.actor)
    if person is None:
        return "Somebody who is not known any more"
    return "The portal" if person.employee_number == SYSTEM_NUMBER else person.name


def _entry(
    leaf: Leaf, people: Mapping[Any, Employee], request: ExemptionRequest, *, for_requester: bool
) -> HistoryEntry:
    by_requester = leaf.person == leaf.actor
    actor = "You" if for_requester and by_requester else _name(leaf, people)
    details = getattr(leaf, "details", None)
    words = SENTENCES[leaf.event](details.content if details else {})
    sentence = f"{words}." if leaf.event == events.STEP_OPENED else f"{actor} {words}."
    return HistoryEntry(leaf.at, leaf.event, actor, sentence, leaf.index, people.get(leaf.actor))


def _decided(details: Details) -> str:
    words = {
        "approve": "approved the request",
        "approve_in_part": "approved the request in part",
        "decline": "declined the request",
    }
    return words.get(str(details.get("verdict")), "decided")


def _outcome(details: Details) -> str:
    words = {
        "approved": "closed the request: it is approved",
        "partly_approved": "closed the request: it is approved in part",
        "declined": "closed the request: it is declined",
        "upheld": "closed the appeal: the decision stands",
        "overturned": "closed the appeal: the decision is overturned",
    }
    return words.get(str(details.get("state")), "closed the request")


def _escalated(details: Details) -> str:
    if details.get("because") == "away":
        return "asked others to step in, because no line manager is there"
    return "asked others to step in, because the step is overdue"


def _day(value: object) -> str:
    return (
        date_format(date.fromisoformat(value), "l j F Y") if isinstance(value, str) else "(unknown)"
    )


SENTENCES: Mapping[str, Callable[[Details], str]] = {
    events.REQUEST_SUBMITTED: lambda _: "sent the request",
    events.REQUEST_WITHDRAWN: lambda _: "withdrew the request",
    events.STEP_OPENED: lambda d: f"Step {d.get('position', '?')} began",
    events.STEP_TAKEN: lambda _: "gave the step to one person",
    events.STEP_RELEASED: lambda _: "gave the step back to the team",
    events.STEP_REMINDED: lambda _: "reminded who has to decide",
    events.STEP_ESCALATED: _escalated,
    events.STEP_DECIDED: _decided,
    events.REQUEST_DECIDED: _outcome,
    events.APPEAL_DECIDED: _outcome,
    events.INFORMATION_REQUESTED: lambda _: "asked for information",
    events.INFORMATION_ANSWERED: lambda _: "answered",
    events.MESSAGE_ADDED: lambda _: "wrote a message",
    events.DEADLINE_EXTENDED: lambda d: f"extended the legal deadline to {_day(d.get('until'))}",
    events.REQUEST_PROTECTED: lambda _: "protected the requester until somebody decides",
    events.APPEAL_FILED: lambda _: "appealed",
    events.EXEMPTION_REVOKED: lambda d: (
        f"revoked the exemption; its last day is {_day(d.get('ends_on'))}"
    ),
    events.EXEMPTION_EXPIRED: lambda _: "noted that the exemption has ended",
}
