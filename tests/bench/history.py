"""Entries in the log for what is said to have happened; the tree they make is valid."""

import hmac
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import NamedTuple

from django.db import transaction

from consent_agent.protocol import merkle
from consent_app.audit import queries
from consent_app.audit.models import Details, Leaf, Node, utc_text
from tests.bench.copying import copy_models, copy_rows

BATCH = 20_000


class Event(NamedTuple):
    """Something that happened to a request, as `record` would be told of it."""

    at: datetime
    name: str
    actor: uuid.UUID
    person: uuid.UUID
    request: uuid.UUID
    details: dict[str, object]


def write_log(happened: list[Event]) -> None:
    """Append everything, oldest first; nobody else may write to the log meanwhile."""
    happened.sort(key=lambda event: event.at)
    hashes: dict[tuple[int, int], bytes] = {}

    def hash_of(level: int, index: int) -> bytes:
        known = hashes.get((level, index))
        return known if known is not None else queries.stored_node(level, index)

    for batch in batched(happened, BATCH, strict=False):
        with transaction.atomic():
            _append(batch, hashes, hash_of)


def _append(batch: Sequence[Event], hashes: dict, hash_of: merkle.Node) -> None:
    salts = [os.urandom(32) for _ in batch]
    start = queries.tree_size()
    leaves = [
        _leaf(index, event, salt)
        for index, (event, salt) in enumerate(zip(batch, salts, strict=True), start)
    ]
    copy_models(leaves)
    details = (
        (leaf.index, salt, event.details)
        for leaf, salt, event in zip(leaves, salts, batch, strict=True)
    )
    copy_rows(Details, ["leaf_id", "salt", "content"], details)
    # A list: looking for an older hash needs the connection that a COPY keeps busy.
    copy_rows(Node, ["level", "index", "hash"], list(_completed(leaves, hashes, hash_of)))


def _leaf(index: int, event: Event, salt: bytes) -> Leaf:
    leaf = Leaf(
        index=index, event=event.name, actor=event.actor, person=event.person,
        subject=f"exemptionrequest:{event.request}", at=event.at,
        commitment=hmac.digest(salt, _canonical(event.details), "sha256"),
    )  # fmt: skip
    content = {
        "actor": str(event.actor), "at": utc_text(event.at), "commitment": leaf.commitment.hex(),
        "event": event.name, "index": index, "person": str(event.person), "subject": leaf.subject,
    }  # fmt: skip
    leaf.leaf_hash = merkle.leaf_hash(_canonical(content))
    return leaf


def _canonical(content: Mapping[str, object]) -> bytes:
    """Return RFC 8785's bytes of plain ASCII values, many times as fast as the library does."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _completed(
    leaves: Sequence[Leaf], hashes: dict, hash_of: merkle.Node
) -> Iterator[tuple[int, int, bytes]]:
    for leaf in leaves:
        hashes[0, leaf.index] = leaf.leaf_hash
        for level, index, value in merkle.completed_nodes(leaf.index, leaf.leaf_hash, hash_of):
            hashes[level, index] = value
            yield level, index, value
