"""Writes to the append-only log. Always inside the transaction of the decision it records."""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db import connection, models, transaction
from django.utils import timezone

from consent_agent.protocol import merkle
from consent_agent.protocol.receipts import commitment_to
from consent_app.audit import events, queries
from consent_app.audit.models import Details, Leaf, Node

# One writer at a time takes the next index. The number is arbitrary and ours alone.
APPEND_LOCK = 0x0C0_5E27
BATCH = 2_000


class Pseudonymous(Protocol):
    """Whoever can act or be concerned: the log knows them by this alone."""

    pseudonym: uuid.UUID


@dataclass(frozen=True)
class Entry:
    """One event to record; `details` must be JSON."""

    event: str
    subject: models.Model
    person: uuid.UUID | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def record(
    event: str,
    *,
    actor: Pseudonymous,
    subject: models.Model,
    at: datetime,
    person: Pseudonymous | None = None,
    details: Mapping[str, object] | None = None,
) -> Leaf:
    """Append one event and return its leaf.

    `details` must be JSON; they are stored beside the leaf, which holds only a salted commitment.
    The append lock is held until the caller's transaction ends, so that indexes have no gap.
    """
    entry = Entry(event, subject, person.pseudonym if person else None, details or {})
    return record_all([entry], actor=actor, at=at)[0]


def record_all(entries: Sequence[Entry], *, actor: Pseudonymous, at: datetime) -> list[Leaf]:
    """Append `entries` in order, as `record` does one.

    The number of queries grows with the batches and with the height of the tree only.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a log entry belongs to a transaction")
    if not entries:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPEND_LOCK])
    start = queries.tree_size()
    salts = [os.urandom(32) for _ in entries]
    leaves = [
        _leaf(entry, index=index, actor=actor, at=at, salt=salt)
        for index, (entry, salt) in enumerate(zip(entries, salts, strict=True), start)
    ]
    Leaf.objects.bulk_create(leaves, batch_size=BATCH)
    Details.objects.bulk_create(
        (
            Details(leaf=leaf, salt=salt, content=dict(entry.details))
            for leaf, salt, entry in zip(leaves, salts, entries, strict=True)
        ),
        batch_size=BATCH,
    )
    Node.objects.bulk_create(_completed_nodes(leaves), batch_size=BATCH)
    return leaves


@transaction.atomic
def erase_details(*, index: int, actor: Pseudonymous, reason: str) -> Leaf:
    """Delete the details of one leaf for good and record that it was done.

    Needs the role that owns the tables. The tree still verifies: the leaf itself stays.

    Raises:
        Leaf.DoesNotExist: there is no such leaf.
    """
    leaf = Leaf.objects.get(pk=index)
    Details.objects.filter(leaf=leaf).delete()
    erasure = Entry(events.DETAILS_ERASED, leaf, leaf.person, {"reason": reason})
    return record_all([erasure], actor=actor, at=timezone.now())[0]


def _leaf(entry: Entry, *, index: int, actor: Pseudonymous, at: datetime, salt: bytes) -> Leaf:
    kind = entry.subject._meta.model_name  # noqa: SLF001 (public, but for its name)
    leaf = Leaf(
        index=index,
        event=entry.event,
        actor=actor.pseudonym,
        person=entry.person,
        subject=f"{kind}:{entry.subject.pk}",
        at=at,
        commitment=commitment_to(salt, entry.details),
    )
    leaf.leaf_hash = merkle.leaf_hash(leaf.content())
    return leaf


def _completed_nodes(leaves: Sequence[Leaf]) -> list[Node]:
    """Return the subtrees that new leaves complete; older hashes are read at most once each."""
    known = {(0, leaf.index): bytes(leaf.leaf_hash) for leaf in leaves}

    def hash_of(level: int, index: int) -> bytes:
        if (level, index) not in known:
            known[level, index] = queries.stored_node(level, index)
        return known[level, index]

    nodes = []
    for leaf in leaves:
        completed = merkle.completed_nodes(leaf.index, known[0, leaf.index], hash_of)
        for level, index, value in completed:
            known[level, index] = value
            nodes.append(Node(level=level, index=index, hash=value))
    return nodes
