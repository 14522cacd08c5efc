"""Keeping the list of whose words are never collected: adding entries, ending one."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import Entry, record, record_all
from consent_app.contacts import events, rules
from consent_app.contacts.errors import EntryEnded, LinesUnclear, ListForbidden, ListReasonMissing
from consent_app.contacts.models import REASON_LENGTH, ListEntry
from consent_app.people.models import Employee

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Added:
    """How many entries are new, and how many stood on the list already."""

    new: int
    known: int


@transaction.atomic
def add_entries(*, text: str, reason: str, by: Employee) -> Added:
    """Put the addresses and domains of `text`, one a line, on the list; all of them or none.

    Raises:
        ListForbidden: this person does not keep the list.
        ListReasonMissing: no reason, or one that is too long.
        LinesUnclear: some lines are no entry, or there is none.
    """
    _check(by)
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise ListReasonMissing
    lines = rules.read_lines(text)
    if lines.problems or not lines.entries:
        raise LinesUnclear(list(lines.problems))
    now = timezone.now()
    wanted = [
        ListEntry(entry=entry, reason=reason, added_by=by, added_at=now) for entry in lines.entries
    ]
    # Whoever lists the same at the same time is waited for here; the row of the first stays.
    ListEntry.objects.bulk_create(wanted, batch_size=BATCH, ignore_conflicts=True)
    added = list(ListEntry.objects.filter(pk__in=[row.pk for row in wanted]).order_by("entry"))
    record_all(
        [Entry(events.LISTED, row, details={"reason": reason}) for row in added], actor=by, at=now
    )
    return Added(new=len(added), known=len(wanted) - len(added))


@transaction.atomic
def end_entry(*, entry: ListEntry, by: Employee) -> ListEntry:
    """Take an entry off the list from now on; its row stays.

    Raises:
        ListForbidden: this person does not keep the list.
        EntryEnded: it ended before.
    """
    _check(by)
    entry = ListEntry.objects.select_for_update(of=("self",), no_key=True).get(pk=entry.pk)
    if entry.ended_at is not None:
        raise EntryEnded
    now = timezone.now()
    entry.ended_by, entry.ended_at = by, now
    entry.save(update_fields=["ended_by", "ended_at"])
    record(events.ENTRY_ENDED, actor=by, subject=entry, at=now)
    return entry


def _check(person: Employee) -> None:
    if not person.has_role(rules.KEEPS_THE_LIST):
        raise ListForbidden
