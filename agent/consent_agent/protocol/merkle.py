"""Merkle tree hashing, inclusion and consistency proofs as in RFC 9162, section 2.1.

Pure: a tree is given as `node(level, index)`, the hash of the perfect subtree that covers the
leaves `index * 2**level` up to `(index + 1) * 2**level - 1`. Level 0 holds the leaf hashes, so any
tree head or proof is made of a logarithmic number of stored hashes.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

Node = Callable[[int, int], bytes]

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def completed_nodes(index: int, leaf: bytes, node: Node) -> list[tuple[int, int, bytes]]:
    """Return (level, index, hash) of the subtrees above level 0 that this leaf completes."""
    completed = []
    level, current = 0, leaf
    while index % 2 == 1:
        current = node_hash(node(level, index - 1), current)
        level, index = level + 1, index // 2
        completed.append((level, index, current))
    return completed


def root(size: int, node: Node) -> bytes:
    """Return the tree head of the first `size` leaves. Source: RFC 9162, section 2.1.1."""
    return EMPTY_ROOT if size == 0 else _range_hash(0, size, node)


def peaks(size: int) -> list[tuple[int, int]]:
    """Return (level, index) of the perfect subtrees that the head of `size` is made of."""
    found, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the path from leaf `index` to the head of `size`. Source: RFC 9162, 2.1.3.1."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} is not in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        split = start + _largest_power_below(end - start)
        if index < split:
            path.append(_range_hash(split, end, node))
            end = split
        else:
            path.append(_range_hash(start, split, node))
            start = split
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a prefix. Source: RFC 9162, 2.1.4.1."""
    if not 0 < first <= second:
        raise IndexError(f"no proof from {first} to {second}")
    path = []
    start, end, whole = 0, second, True
    while first != end:
        split = start + _largest_power_below(end - start)
        if first <= split:
            path.append(_range_hash(split, end, node))
            end = split
        else:
            path.append(_range_hash(start, split, node))
            start, whole = split, False
    if not whole:
        path.append(_range_hash(start, end, node))
    return path[::-1]


def is_included(*, leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether `path` leads from the leaf hash to `head`. Source: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position % 2 == 1 or position == last:
            current = node_hash(sibling, current)
            while position % 2 == 0 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and current == head


def is_consistent(
    *, first: int, first_head: bytes, second: int, second_head: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the second tree only adds to the first. Source: RFC 9162, section 2.1.4.2."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_head == second_head
    proof = [first_head, *path] if first & (first - 1) == 0 else list(path)
    if not proof:
        return False
    position, last = first - 1, second - 1
    while position % 2 == 1:
        position, last = position >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if position % 2 == 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position % 2 == 0 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_head and new == second_head


def _range_hash(start: int, end: int, node: Node) -> bytes:
    """Hash the leaves from `start` to before `end`, which `_largest_power_below` split off."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    split = start + _largest_power_below(width)
    return node_hash(_range_hash(start, split, node), _range_hash(split, end, node))


def _largest_power_below(width: int) -> int:
    """Return the largest power of two smaller than `width` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)
