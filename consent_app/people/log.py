"""Appends many entries to the audit log at once, so that thousands of people come in in seconds.

Writes exactly what `consent_app.audit.actions.record` writes, one by one, would.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, models, transaction

from consent_app.audit import merkle, queries
from consent_app.audit.actions import APPEND_LOCK, Pseudonymous, commitment_to
from consent_app.audit.models import Details, Leaf, Node, leaf_content

BATCH = 2_000


@dataclass(frozen=True)
class Entry:
    """One event to record; `details` must be JSON."""

    event: str
    subject: models.Model
    person: Pseudonymous | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def record_all(entries: Sequence[Entry], *, actor: Pseudonymous, at: datetime) -> list[Leaf]:
    """Append `entries` in order in the caller's transaction, which then holds the append lock.

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
    Node.objects.bulk_create(_nodes(leaves), batch_size=BATCH)
    return leaves


def _leaf(entry: Entry, *, index: int, actor: Pseudonymous, at: datetime, salt: bytes) -> Leaf:
    person = entry.person.pseudonym if entry.person else None
    subject = f"{entry.subject._meta.model_name}:{entry.subject.pk}"  # noqa: SLF001 (public API)
    commitment = commitment_to(salt, entry.details)
    content = leaf_content(
        index=index, event=entry.event, actor=actor.pseudonym, person=person, subject=subject,
        at=at, commitment=commitment,
    )  # fmt: skip
    return Leaf(
        index=index, event=entry.event, actor=actor.pseudonym, person=person, subject=subject,
        at=at, commitment=commitment, leaf_hash=merkle.leaf_hash(content),
    )  # fmt: skip


def _nodes(leaves: Sequence[Leaf]) -> list[Node]:
    """Return the subtrees that the new leaves complete; older hashes are read at most once each."""
    known = {(0, leaf.index): bytes(leaf.leaf_hash) for leaf in leaves}

    def hash_of(level: int, index: int) -> bytes:
        if (level, index) not in known:
            known[level, index] = queries.stored_node(level, index)
        return known[level, index]

    nodes = []
    for leaf in leaves:
        for level, index, value in merkle.completed_nodes(
            leaf.index, known[0, leaf.index], hash_of
        ):
            known[level, index] = value
            nodes.append(Node(level=level, index=index, hash=value))
    return nodes
