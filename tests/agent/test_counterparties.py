"""The filter of protected people: what is in it is found, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.counterparties import (
    MAX_BITS,
    CounterpartyFilter,
    normalise_entry,
    places,
)
from consent_agent.protocol.errors import DocumentRefused
from tests.agent.simulated_portal import filter_document, filter_members


def read_filter(*entries: str) -> CounterpartyFilter:
    return CounterpartyFilter.from_document(filter_document(*entries))


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("mira@example.com", "mira@example.com"),
        ("mira@example.com", " Mira@EXAMPLE.com. "),
        ("Mira@Example.com", "mira@example.com"),
        ("mira@example.com", "\uff4dira@example.com"),  # a full-width m
        ("mira@bücher.example", "mira@xn--bcher-kva.example"),
        ("@example.eu", "anybody@example.eu"),
        ("@example.eu", "anybody@mail.Example.EU"),
        ("@eu", "anybody@example.eu"),
    ],
)
def test_finds_a_protected_address(entry, address):
    assert read_filter(entry).protects(address) is True


@pytest.mark.parametrize(
    "address",
    ["dana@example.com", "mira@example.org", "mira@mail.example.com", "mira@notexample.eu"],
)
def test_finds_nobody_else(address):
    assert read_filter("mira@example.com", "@example.eu").protects(address) is False


@pytest.mark.parametrize(
    "address",
    [
        "", "mira", "@example.eu", "mira@", "mira@exa mple.com", "mira@[192.0.2.1]",
        "Mira <mira@example.com>", "mira@example.com,dana@example.com", "mailto:mira@example.com",
        "mira\ud800@example.com", "m" * 310 + "@example.com", "U024BE7LH",
    ],
)  # fmt: skip
def test_says_nothing_about_what_is_no_address(address):
    assert read_filter("@example.com").protects(address) is None


@given(st.lists(st.emails(), max_size=30))
def test_everything_that_was_put_in_is_found(addresses):
    entries = [entry for entry in map(normalise_entry, addresses) if entry]

    held = read_filter(*entries)

    assert all(held.holds(entry) for entry in entries)
    assert all(held.protects(entry) for entry in entries)


def test_an_empty_filter_protects_nobody():
    assert read_filter().protects("mira@example.com") is False


def test_the_places_are_those_of_the_written_rule():
    """Worked out apart from this code, as docs/agent-protocol.md says."""
    found = list(places("mira@example.com", key=bytes(range(32)), bits=1024, hashes=4))

    assert found == [965, 588, 211, 858]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "counterparties/2"},
        {"schema": None},
        {"hash": "sha256"},
        {"key": "AAAA"},
        {"key": "?" * 43},
        {"filter": "AAAA"},
        {"filter": ""},
        {"bits": 0},
        {"bits": MAX_BITS + 1},
        {"bits": "1024"},
        {"hashes": 0},
        {"hashes": 33},
    ],
)
def test_refuses_a_filter_it_cannot_apply_in_full(changes):
    with pytest.raises(DocumentRefused, match="bad_filter"):
        CounterpartyFilter.from_document(filter_document(**changes))


@pytest.mark.parametrize("missing", sorted(filter_members()))
def test_refuses_a_filter_that_lacks_a_member(missing):
    members = filter_members()
    del members[missing]

    with pytest.raises(DocumentRefused, match="bad_filter"):
        CounterpartyFilter.from_document(filter_document(replaced=members))


def test_shows_no_key_when_it_is_printed():
    assert "key" not in repr(read_filter("mira@example.com"))
