"""Tree hashing and proofs of RFC 9162, against published roots and a naive tree."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol import merkle

# The vectors of the certificate transparency reference: eight leaves, the root of each size.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def make_node(hashes):
    """Answer `node(level, index)` for perfect subtrees over these leaf hashes, the slow way."""

    def node(level, index):
        if level == 0:
            return hashes[index]
        return merkle.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def naive_root(hashes):
    """Compute the definition of RFC 9162, section 2.1.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    inner = b"\x01" + naive_root(hashes[:split]) + naive_root(hashes[split:])
    return hashlib.sha256(inner).digest()


@pytest.mark.parametrize(("size", "expected"), list(enumerate(ROOTS, start=1)))
def test_gives_the_published_root_of_each_size(size, expected):
    node = make_node([merkle.leaf_hash(leaf) for leaf in LEAVES])

    root = merkle.root(size, node)

    assert root.hex() == expected


def test_hashes_no_leaves_to_the_hash_of_nothing():
    assert merkle.root(0, make_node([])) == hashlib.sha256(b"").digest()


sizes = st.integers(min_value=1, max_value=70)


@given(sizes)
def test_root_is_what_the_definition_says(size):
    hashes = [merkle.leaf_hash(bytes([n])) for n in range(size)]

    assert merkle.root(size, make_node(hashes)) == naive_root(hashes)


@given(sizes, st.data())
def test_every_leaf_is_proved_and_nothing_else_is(size, data):
    hashes = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    node, head = make_node(hashes), naive_root(hashes)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))

    path = merkle.inclusion_proof(index, size, node)

    proof = {"index": index, "size": size, "path": path, "head": head}
    assert merkle.is_included(leaf=hashes[index], **proof)
    assert not merkle.is_included(leaf=merkle.leaf_hash(b"other"), **proof)
    assert not merkle.is_included(leaf=hashes[index], **proof | {"path": [*path, head]})
    if size > 1:
        other = (index + 1) % size
        assert not merkle.is_included(leaf=hashes[index], **proof | {"index": other})
        assert not merkle.is_included(leaf=hashes[index], **proof | {"path": path[:-1]})


@given(sizes, st.data())
def test_a_tree_is_proved_to_grow_and_a_fork_is_not(second, data):
    first = data.draw(st.integers(min_value=1, max_value=second))
    hashes = [merkle.leaf_hash(bytes([n])) for n in range(second)]
    forked = [merkle.leaf_hash(b"altered"), *hashes[1:]]

    path = merkle.consistency_proof(first, second, make_node(hashes))

    heads = {"first": first, "second": second, "path": path}
    second_head = naive_root(hashes)
    assert merkle.is_consistent(
        first_head=naive_root(hashes[:first]), second_head=second_head, **heads
    )
    assert not merkle.is_consistent(
        first_head=naive_root(forked[:first]), second_head=second_head, **heads
    )


@given(sizes)
def test_completed_nodes_are_all_that_heads_need(size):
    stored = {}
    for index in range(size):
        leaf = merkle.leaf_hash(bytes([index]))
        stored[0, index] = leaf
        for level, place, value in merkle.completed_nodes(index, leaf, lambda *at: stored[at]):
            stored[level, place] = value

    head = merkle.root(size, lambda level, index: stored[level, index])

    assert head == naive_root([stored[0, index] for index in range(size)])
    assert set(merkle.peaks(size)) <= set(stored)
