"""Reads of what is protected, by what, and of the filters that were built."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone

from consent_agent.protocol.counterparties import normalise_entry
from consent_app.contacts import rules
from consent_app.contacts.models import BuiltFilter, ListEntry, Objection, OwedMail
from consent_app.people.models import Employee, Jurisdiction

# A hint sent after the commit gets this long before the sweeper takes the row itself.
HINT_HEAD_START = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class ContactStanding:
    """What protects an address. Several things may; none of them means that it is not."""

    objected_at: datetime | None = None
    place: Jurisdiction | None = None
    listed_entry: str = ""
    listed_at: datetime | None = None

    @property
    def is_protected(self) -> bool:
        return bool(self.objected_at or self.place or self.listed_at)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many addresses and domains are protected, by what does it."""

    directory: int
    listed: int
    objections: int


def contact_standing(address: str) -> ContactStanding:
    """Say what protects a normalised address."""
    objection = Objection.objects.filter(address=address).first()
    covering = ListEntry.objects.in_force().filter(entry__in=rules.covering_entries(address))
    listed = covering.order_by("added_at").first()
    person = _protected_people().filter(email__in=_spellings(address)).first()
    return ContactStanding(
        objected_at=objection.objected_at if objection else None,
        place=person.jurisdiction if person else None,
        listed_entry=listed.entry if listed else "",
        listed_at=listed.added_at if listed else None,
    )


def protected_entries() -> set[str]:
    """Return everything that the next filter has to hold."""
    directory = _protected_people().values_list("email", flat=True)
    # An address that has no form in a filter has none on a device: nothing of it is captured.
    entries = {entry for email in directory if (entry := normalise_entry(email))}
    entries.update(ListEntry.objects.in_force().values_list("entry", flat=True))
    entries.update(Objection.objects.values_list("address", flat=True))
    return entries


def count_protected() -> Counts:
    return Counts(
        directory=_protected_people().count(),
        listed=ListEntry.objects.in_force().count(),
        objections=Objection.objects.count(),
    )


# The list that legal keeps


def check_may_keep(person: Employee) -> None:
    """Raise PermissionDenied unless this person keeps the list."""
    if not person.has_role(rules.KEEPS_THE_LIST):
        raise PermissionDenied


def list_entries(person: Employee, *, text: str = "", ended: bool = False) -> QuerySet[ListEntry]:
    """Return the entries in force, or those that ended, in which `text` stands.

    Raises PermissionDenied.
    """
    check_may_keep(person)
    rows = ListEntry.objects.ended() if ended else ListEntry.objects.in_force()
    if text:
        rows = rows.filter(Q(entry__icontains=text) | Q(reason__icontains=text))
    return rows.select_related("added_by", "ended_by")


def entry_for(person: Employee, entry_id: uuid.UUID) -> ListEntry:
    """Return an entry of the list. Raises PermissionDenied."""
    check_may_keep(person)
    return get_object_or_404(ListEntry, pk=entry_id)


# Filters


def newest_filter() -> BuiltFilter | None:
    """Return the last one that was built, without its document."""
    return BuiltFilter.objects.defer("document").order_by("-built_at").first()


def filter_document(digest: str) -> bytes | None:
    """Return the bytes of a filter by their name, `sha256:<hex>`."""
    document = BuiltFilter.objects.filter(digest=digest).values_list("document", flat=True).first()
    return None if document is None else bytes(document)


# Mails


def waiting(*, limit: int) -> list[uuid.UUID]:
    """Return owed mails that nobody is at, oldest first."""
    now = timezone.now()
    return list(
        OwedMail.objects.filter(owed_at__lte=now - HINT_HEAD_START)
        .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now))
        .order_by("owed_at")
        .values_list("pk", flat=True)[:limit]
    )


def _protected_people() -> QuerySet[Employee]:
    """Return who works where the law protects those who take no part."""
    people = Employee.objects.filter(is_active=True, jurisdiction__protects_indirect=True)
    return people.select_related("jurisdiction")


def _spellings(address: str) -> set[str]:
    """Return an address with its domain as names are looked up, and as it is typed.

    Only as looked up where the codec knows no other: that of IDNA 2003 refuses domains of IDNA
    2008, such as xn--fa-hia.de, and anybody can type one that never was.
    """
    local, _, domain = address.rpartition("@")
    try:
        return {address, f"{local}@{domain.encode().decode('idna')}"}
    except UnicodeError:
        return {address}
