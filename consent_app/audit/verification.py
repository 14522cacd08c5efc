"""Recomputes the whole log from its rows and says what does not fit, first place first.

Trusts nothing that is stored: not the leaf hashes, not the nodes, not the order, and not that a row
has a form that the log writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, transaction

from consent_agent.protocol import merkle
from consent_agent.protocol.receipts import commitment_to
from consent_app.audit import events
from consent_app.audit.models import Details, Leaf, Node
from consent_app.audit.queries import TreeHead

# An index is a signed 64-bit number.
MOST_LEVELS = 63


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit; `index` is the first leaf concerned."""

    index: int
    problem: str


@dataclass
class Report:
    head: TreeHead
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.findings


class _Tree:
    """A tree made of leaf hashes, kept in memory level by level."""

    def __init__(self) -> None:
        self.levels: list[list[bytes]] = [[]]

    def append(self, leaf: bytes) -> None:
        index = len(self.levels[0])
        completed = merkle.completed_nodes(index, leaf, self.node)
        self.levels[0].append(leaf)
        for level, _, value in completed:
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(value)

    def node(self, level: int, index: int) -> bytes:
        return self.levels[level][index]

    def has(self, level: int, index: int) -> bool:
        return level < len(self.levels) and 0 <= index < len(self.levels[level])

    def head(self, size: int | None = None) -> TreeHead:
        wanted = len(self.levels[0]) if size is None else size
        return TreeHead(size=wanted, root=merkle.root(wanted, self.node))


def verify_log(kept: list[TreeHead]) -> Report:
    """Recompute everything and compare it with tree heads that were `kept` elsewhere."""
    # One tree of what the entries say, one of the hashes stored beside them: an altered entry
    # differs in the first, and the stored nodes are held against the second.
    contents, stored = _Tree(), _Tree()
    with _one_moment():
        findings = list(_check_leaves(contents, stored))
        findings += _check_nodes(stored, known_bad={finding.index for finding in findings})
        erased = _erased_indexes()
        findings += _check_details(erased)
    findings.sort(key=lambda finding: finding.index)
    # Last: a kept checkpoint says that something differs, and seldom where.
    findings += [found for head in kept if (found := _check_kept(contents, head))]
    return Report(head=contents.head(), erased=len(erased), findings=findings)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read the log as it was at one moment, while others go on writing to it."""
    if connection.in_atomic_block:  # then the caller's transaction says what is seen
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _check_leaves(contents: _Tree, stored: _Tree) -> Iterator[Finding]:
    expected = 0
    for leaf in Leaf.objects.order_by("index").iterator(chunk_size=2000):
        if leaf.index != expected:
            yield Finding(expected, f"entries {expected} to {leaf.index - 1} are missing")
            expected = leaf.index
        computed = _hash_of(leaf)
        if computed != bytes(leaf.leaf_hash):
            yield Finding(leaf.index, "the entry was changed: its hash does not fit")
        contents.append(computed)
        stored.append(bytes(leaf.leaf_hash))
        expected += 1


def _hash_of(leaf: Leaf) -> bytes:
    try:
        return merkle.leaf_hash(leaf.content())
    except ValueError:  # a number beyond what canonical JSON can carry
        return b""


def _check_nodes(stored: _Tree, *, known_bad: set[int]) -> Iterator[Finding]:
    """Check the stored nodes, the narrowest first; a node above a known fault says nothing new."""
    seen = 0
    for node in Node.objects.order_by("level", "index").iterator(chunk_size=2000):
        if node.index < 0 or node.level >= MOST_LEVELS:
            yield Finding(0, f"a stored node stands at {node}, where no tree has one")
            continue
        covered = range(node.index << node.level, (node.index + 1) << node.level)
        known = stored.has(node.level, node.index)
        seen += known
        fits = known and stored.node(node.level, node.index) == bytes(node.hash)
        if not fits and not any(index in covered for index in known_bad):
            known_bad.add(covered.start)
            yield Finding(
                covered.start,
                f"entries {covered.start} to {covered.stop - 1}: the stored tree does not fit",
            )
    wanted = sum(len(level) for level in stored.levels[1:])
    if seen < wanted:
        yield Finding(0, f"{wanted - seen} nodes of the stored tree are missing")


def _erased_indexes() -> set[int]:
    subjects = Leaf.objects.filter(event=events.DETAILS_ERASED).values_list("subject", flat=True)
    numbers = (subject.removeprefix("leaf:") for subject in subjects)
    return {int(number) for number in numbers if number.isascii() and number.isdigit()}


def _check_details(erased: set[int]) -> Iterator[Finding]:
    for details in Details.objects.select_related("leaf").iterator(chunk_size=2000):
        if details.leaf_id in erased:
            yield Finding(details.leaf_id, "its details were erased but stand there")
        elif not _is_committed_to(details):
            yield Finding(details.leaf_id, "its details were changed: the commitment does not fit")
    missing = Leaf.objects.filter(details__isnull=True).exclude(pk__in=erased)
    for index in missing.values_list("pk", flat=True):
        yield Finding(index, "its details are gone and no entry says who erased them")


def _is_committed_to(details: Details) -> bool:
    try:
        commitment = commitment_to(bytes(details.salt), details.content)
    except (TypeError, ValueError):  # not an object, or numbers that canonical JSON can't carry
        return False
    return commitment == bytes(details.leaf.commitment)


def _check_kept(tree: _Tree, kept: TreeHead) -> Finding | None:
    size = len(tree.levels[0])
    if kept.size > size:
        return Finding(size, f"a kept checkpoint has {kept.size} entries, the log only {size}")
    if tree.head(kept.size).root != kept.root:
        return Finding(0, f"the first {kept.size} entries are not those of a kept checkpoint")
    return None
