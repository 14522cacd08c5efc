"""Reads of the log: tree heads, proofs, and the events that concern one person."""

import uuid
from dataclasses import dataclass

from django.db.models import Max, QuerySet
from django.shortcuts import get_object_or_404

from consent_agent.protocol import merkle
from consent_app.audit.models import Leaf, Node


@dataclass(frozen=True)
class TreeHead:
    size: int
    root: bytes


def tree_size() -> int:
    last: int | None = Leaf.objects.aggregate(last=Max("index"))["last"]
    return 0 if last is None else last + 1


def stored_node(level: int, index: int) -> bytes:
    """Return the stored hash of a perfect subtree; level 0 is the leaves."""
    if level == 0:
        return bytes(Leaf.objects.values_list("leaf_hash", flat=True).get(pk=index))
    return bytes(Node.objects.values_list("hash", flat=True).get(level=level, index=index))


def tree_head(size: int | None = None) -> TreeHead:
    """Return the head of the first `size` leaves (all of them by default)."""
    wanted = tree_size() if size is None else size
    return TreeHead(size=wanted, root=merkle.root(wanted, stored_node))


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """Return the path from a leaf to the head of `size`. Raises IndexError outside the tree."""
    return merkle.inclusion_proof(index, size, stored_node)


def consistency_proof(first: int, second: int) -> list[bytes]:
    """Return the proof that the head of `second` only adds to the head of `first`."""
    return merkle.consistency_proof(first, second, stored_node)


def events_about(person: uuid.UUID) -> QuerySet[Leaf]:
    """Return what concerns the person with this pseudonym, newest first."""
    return Leaf.objects.filter(person=person).select_related("details").order_by("-index")


def events_by(person: uuid.UUID) -> QuerySet[Leaf]:
    """Return what the person with this pseudonym did that is not about them, newest first."""
    return Leaf.objects.filter(actor=person).exclude(person=person).order_by("-index")


def event_about(person: uuid.UUID, index: int) -> Leaf:
    """Return one entry about this person; 404 also hides those about others."""
    return get_object_or_404(events_about(person), pk=index)
