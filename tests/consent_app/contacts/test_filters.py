"""The filter: nobody is missed, strangers hardly ever taken for somebody, built when needed."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.counterparties import CounterpartyFilter, normalise_entry
from consent_app.audit.models import Details, Leaf
from consent_app.contacts import filters
from consent_app.contacts.actions import (
    add_entries,
    end_entry,
    forget_filters,
    object_to_all,
    renew_filter,
    withdraw_objection,
)
from consent_app.contacts.actions.filters import LEAVING_TAKES
from consent_app.contacts.filters import build_document
from consent_app.contacts.models import BuiltFilter, ListEntry
from consent_app.contacts.queries import filter_document, newest_filter

KEY = bytes(range(32))
MOST_BYTES = 4 * 1024 * 1024


def read(document: bytes) -> CounterpartyFilter:
    return CounterpartyFilter.from_document(document)


# What is in it

spellings = st.sampled_from([str.upper, str.lower, str.title, lambda text: f" {text} "])
domains = st.sampled_from(["example.com", "bücher.example", "mail.Example.EU", "例え.example"])
locals_ = st.text(
    st.characters(codec="utf-8", categories=["L", "N"]) | st.sampled_from("+.-_'"), min_size=1
)
addresses = st.builds("{}@{}".format, locals_, domains) | st.emails()


@given(st.lists(addresses, max_size=40), spellings)
def test_no_entry_is_ever_missed(typed, spell):
    entries = {entry for address in typed if (entry := normalise_entry(address))}

    held = read(build_document(entries, key=KEY))

    assert all(held.protects(entry) for entry in entries)
    respelled = [spell(address) for address in typed]
    assert all(
        held.protects(address) for address in respelled if normalise_entry(address) in entries
    )


@given(st.lists(addresses, max_size=10))
def test_everybody_of_a_domain_on_the_list_is_protected(typed):
    held = read(build_document({"@example.com", "@xn--bcher-kva.example", "@eu"}, key=KEY))

    covered = ("@example.com", "@xn--bcher-kva.example", "@mail.example.eu")
    for address in typed:
        entry = normalise_entry(address)
        if entry and entry.endswith(covered):
            assert held.protects(address)


def test_a_hundred_thousand_fit_and_strangers_are_hardly_ever_taken_for_one_of_them():
    entries = [f"person{number}@example.com" for number in range(100_000)]

    document = build_document(entries, key=KEY)

    assert len(document) == 319_644
    held = read(document)
    assert all(held.holds(entry) for entry in entries)
    strangers = 50_000
    mistaken = sum(bool(held.protects(f"a{n}@mail{n}.example.org")) for n in range(strangers))
    # Four questions each, of which at most one in ten thousand is answered wrongly.
    assert mistaken / strangers <= 0.001


def test_more_than_it_is_sized_for_never_makes_it_larger_than_a_document_may_be(monkeypatch):
    largest = build_document([], key=KEY)
    monkeypatch.setattr(filters, "FEWEST_SIZED_FOR", filters.MOST_SIZED_FOR)
    assert len(build_document([], key=KEY)) <= MOST_BYTES

    monkeypatch.setattr(filters, "FEWEST_SIZED_FOR", 1_000)
    monkeypatch.setattr(filters, "MOST_SIZED_FOR", 1_000)
    entries = [f"person{number}@example.com" for number in range(3_000)]
    crowded = build_document(entries, key=KEY)

    assert len(crowded) == len(largest)
    assert all(read(crowded).holds(entry) for entry in entries)


# When it is built


@pytest.fixture
def listed(legal):
    add_entries(text="noor@example.eu\n@example.org", reason="Agreement", by=legal)


def test_a_filter_holds_directory_list_and_objections(listed, make_colleague):
    make_colleague("jana@example.de")
    object_to_all(address="tom@example.net")

    built = renew_filter()

    held = read(bytes(built.document))
    assert built.entries == 4
    assert built.digest == content_digest(bytes(built.document))
    for address in ("Jana@Example.de", "noor@example.eu", "any@x.example.org", "tom@example.net"):
        assert held.protects(address)
    assert held.protects("mira@example.com") is False


def test_no_filter_is_built_before_there_is_anybody_to_protect(db):
    assert renew_filter() is None


def test_another_is_built_only_when_who_is_protected_changed(frozen_time, listed):
    renew_filter()

    assert renew_filter() is None

    object_to_all(address="noor@example.eu")  # protected already: the set is the same
    assert renew_filter() is None
    withdraw_objection(address="noor@example.eu")
    end_entry(
        entry=ListEntry.objects.get(entry="noor@example.eu"), by=ListEntry.objects.first().added_by
    )
    frozen_time.shift(LEAVING_TAKES)
    assert renew_filter().entries == 1


def test_who_comes_and_goes_has_one_filter_built_a_day(frozen_time, listed):
    built = []
    for _ in range(5):
        object_to_all(address="tom@example.net")
        built.append(renew_filter())
        withdraw_objection(address="tom@example.net")
        built.append(renew_filter())
        frozen_time.shift(timedelta(hours=1))

    assert [found for found in built if found] == built[:1]
    assert read(bytes(built[0].document)).protects("tom@example.net")
    frozen_time.shift(LEAVING_TAKES)
    assert read(bytes(renew_filter().document)).protects("tom@example.net") is False


def test_who_left_stays_in_no_longer_when_somebody_comes(frozen_time, listed):
    object_to_all(address="tom@example.net")
    renew_filter()
    frozen_time.shift(timedelta(minutes=1))
    withdraw_objection(address="tom@example.net")
    object_to_all(address="lea@example.net")

    held = read(bytes(renew_filter().document))

    assert held.protects("lea@example.net")
    assert held.protects("tom@example.net") is False


def test_the_last_to_leave_leaves_a_filter_that_protects_nobody(db, frozen_time):
    object_to_all(address="tom@example.net")
    renew_filter()
    withdraw_objection(address="tom@example.net")
    frozen_time.shift(LEAVING_TAKES)

    assert read(bytes(renew_filter().document)).protects("tom@example.net") is False


def test_every_filter_has_a_key_of_its_own(frozen_time, listed):
    first = renew_filter()
    frozen_time.shift(timedelta(minutes=1))
    object_to_all(address="tom@example.net")
    second = renew_filter()
    withdraw_objection(address="tom@example.net")
    frozen_time.shift(LEAVING_TAKES)
    third = renew_filter()

    keys = {read(bytes(built.document)).key for built in (first, second, third)}
    assert len(keys) == 3
    assert first.digest != third.digest
    assert first.entries_digest == third.entries_digest != second.entries_digest


def test_the_log_says_that_a_filter_was_built_and_of_whom_nothing(listed):
    built = renew_filter()

    leaf = Leaf.objects.get(event="filter.renewed")
    assert Details.objects.get(leaf=leaf).content == {"digest": built.digest, "entries": 2}


# How long it is kept


@pytest.fixture
def built_filters(db, frozen_time) -> list[BuiltFilter]:
    """Two of them, the older first."""
    built = []
    for number in (1, 2):
        object_to_all(address=f"tom{number}@example.net")
        built.append(renew_filter())
        frozen_time.shift(timedelta(seconds=1))
    return built


def test_old_filters_go_an_hour_after_the_last_ceiling_named_them(built_filters, frozen_time):
    first, second = built_filters
    forget_filters(named={first.digest})
    frozen_time.shift(timedelta(minutes=59))

    assert forget_filters(named={second.digest}) == 0

    frozen_time.shift(timedelta(minutes=2))
    assert forget_filters(named={second.digest}) == 1
    assert filter_document(first.digest) is None
    assert filter_document(second.digest)


def test_the_newest_stays_also_while_nothing_names_it(built_filters, frozen_time):
    first, newest = built_filters
    frozen_time.shift(timedelta(days=30))

    assert forget_filters(named={first.digest}) == 0
    assert forget_filters(named=()) == 0  # the first was named a moment ago
    assert newest_filter() == newest
    assert timezone.now() > newest.built_at + timedelta(days=29)
