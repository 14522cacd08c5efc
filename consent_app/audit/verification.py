"""Recomputes the whole log from its rows and says what does not fit, first place first.

Trusts nothing that is stored: not the leaf hashes, not the nodes, not the order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from consent_app.audit import events, merkle
from consent_app.audit.actions import commitment_to
from consent_app.audit.models import Details, Leaf, Node
from consent_app.audit.queries import TreeHead


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
    """The tree as the leaves' contents make it, kept in memory level by level."""

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

    def head(self, size: int | None = None) -> TreeHead:
        wanted = len(self.levels[0]) if size is None else size
        return TreeHead(size=wanted, root=merkle.root(wanted, self.node))


def verify_log(kept: list[TreeHead]) -> Report:
    """Recompute everything and compare it with tree heads that were `kept` elsewhere."""
    tree = _Tree()
    findings = list(_check_leaves(tree))
    findings += _check_nodes(tree)
    erased = _erased_indexes()
    findings += _check_details(erased)
    findings += [found for head in kept if (found := _check_kept(tree, head))]
    findings.sort(key=lambda finding: finding.index)
    return Report(head=tree.head(), erased=len(erased), findings=findings)


def _check_leaves(tree: _Tree) -> Iterator[Finding]:
    expected = 0
    for leaf in Leaf.objects.order_by("index").iterator(chunk_size=2000):
        if leaf.index != expected:
            yield Finding(expected, f"leaves {expected} to {leaf.index - 1} are missing")
            expected = leaf.index
        computed = merkle.leaf_hash(leaf.content())
        if computed != bytes(leaf.leaf_hash):
            yield Finding(leaf.index, "the entry was changed: its hash does not fit")
        tree.append(computed)
        expected += 1


def _check_nodes(tree: _Tree) -> Iterator[Finding]:
    seen = 0
    for node in Node.objects.order_by("level", "index").iterator(chunk_size=2000):
        first_leaf = node.index << node.level
        known = node.level < len(tree.levels) and node.index < len(tree.levels[node.level])
        if not known:
            yield Finding(first_leaf, f"a tree node covers leaves that do not exist: {node}")
        elif tree.node(node.level, node.index) != bytes(node.hash):
            yield Finding(first_leaf, f"the stored tree node {node} does not fit its leaves")
        seen += known
    wanted = sum(len(level) for level in tree.levels[1:])
    if seen < wanted:
        yield Finding(0, f"{wanted - seen} tree nodes are missing")


def _erased_indexes() -> set[int]:
    subjects = Leaf.objects.filter(event=events.DETAILS_ERASED).values_list("subject", flat=True)
    return {int(subject.removeprefix("leaf:")) for subject in subjects}


def _check_details(erased: set[int]) -> Iterator[Finding]:
    for details in Details.objects.select_related("leaf").iterator(chunk_size=2000):
        if details.leaf_id in erased:
            yield Finding(details.leaf_id, "its details were erased but stand there")
        elif commitment_to(bytes(details.salt), details.content) != bytes(details.leaf.commitment):
            yield Finding(details.leaf_id, "its details were changed: the commitment does not fit")
    missing = Leaf.objects.filter(details__isnull=True).exclude(pk__in=erased)
    for index in missing.values_list("pk", flat=True):
        yield Finding(index, "its details are gone and no entry says who erased them")


def _check_kept(tree: _Tree, kept: TreeHead) -> Finding | None:
    size = len(tree.levels[0])
    if kept.size > size:
        return Finding(size, f"a kept checkpoint has {kept.size} entries, the log only {size}")
    if tree.head(kept.size).root != kept.root:
        return Finding(0, f"the first {kept.size} entries are not those of a kept checkpoint")
    return None
