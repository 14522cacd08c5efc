"""Writes to the append-only log. Always inside the transaction of the decision it records."""

import hmac
import os
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from django.db import connection, models, transaction
from django.utils import timezone

from consent_agent.protocol.canonical import canonical_json
from consent_app.audit import events, merkle, queries
from consent_app.audit.models import Details, Leaf, Node, leaf_content

# One writer at a time takes the next index. The number is arbitrary and ours alone.
APPEND_LOCK = 0x0C0_5E27


class Pseudonymous(Protocol):
    """Whoever can act or be concerned: the log knows them by this alone."""

    pseudonym: uuid.UUID


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
    kind = subject._meta.model_name  # noqa: SLF001 (public, but for its name)
    return _append(
        event, actor=actor.pseudonym, person=person.pseudonym if person else None,
        subject=f"{kind}:{subject.pk}", at=at, details=details or {},
    )  # fmt: skip


@transaction.atomic
def erase_details(*, index: int, actor: Pseudonymous, reason: str) -> Leaf:
    """Delete the details of one leaf for good and record that it was done.

    Needs the role that owns the tables. The tree still verifies: the leaf itself stays.

    Raises:
        Leaf.DoesNotExist: there is no such leaf.
    """
    leaf = Leaf.objects.get(pk=index)
    Details.objects.filter(leaf=leaf).delete()
    return _append(
        events.DETAILS_ERASED, actor=actor.pseudonym, person=leaf.person,
        subject=f"leaf:{index}", at=timezone.now(), details={"reason": reason},
    )  # fmt: skip


def commitment_to(salt: bytes, details: Mapping[str, object]) -> bytes:
    """Return HMAC-SHA-256 over the canonical details, keyed by a salt of 32 random bytes.

    Without the salt the few possible details of an event can't be tried one by one.
    """
    return hmac.digest(salt, canonical_json(dict(details)), "sha256")


def _append(
    event: str,
    *,
    actor: uuid.UUID,
    person: uuid.UUID | None,
    subject: str,
    at: datetime,
    details: Mapping[str, object],
) -> Leaf:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a log entry belongs to a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPEND_LOCK])
    index = queries.tree_size()
    salt = os.urandom(32)
    commitment = commitment_to(salt, details)
    content = leaf_content(
        index=index, event=event, actor=actor, person=person, subject=subject, at=at,
        commitment=commitment,
    )  # fmt: skip
    leaf = Leaf.objects.create(
        index=index, event=event, actor=actor, person=person, subject=subject, at=at,
        commitment=commitment, leaf_hash=merkle.leaf_hash(content),
    )  # fmt: skip
    Details.objects.create(leaf=leaf, salt=salt, content=dict(details))
    Node.objects.bulk_create(
        Node(level=level, index=place, hash=value)
        for level, place, value in merkle.completed_nodes(
            index, bytes(leaf.leaf_hash), queries.stored_node
        )
    )
    return leaf
