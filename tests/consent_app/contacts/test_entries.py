"""What stands on the list, what covers an address, and what a filter must hold."""

import pytest

from consent_app.contacts import rules
from consent_app.contacts.actions import add_entries, end_entry, object_to_all
from consent_app.contacts.errors import EntryEnded, LinesUnclear, ListForbidden, ListReasonMissing
from consent_app.contacts.models import ListEntry
from consent_app.contacts.queries import contact_standing, protected_entries
from tests.conftest import NOON


def add(legal, text: str, reason: str = "Works council agreement"):
    return add_entries(text=text, reason=reason, by=legal)


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        ("Mira@Example.COM", "mira@example.com"),
        ("  mira@example.com  ", "mira@example.com"),
        ("mira+news@example.com", "mira+news@example.com"),
        ("mira@bücher.example", "mira@xn--bcher-kva.example"),
        ("jürgen@example.de", "jürgen@example.de"),
        ("@Example.EU", "@example.eu"),
    ],
)
def test_a_line_is_an_address_or_a_domain_in_any_spelling(typed, entry):
    assert rules.read_lines(typed).entries == (entry,)


def test_every_wrong_line_is_named():
    lines = rules.read_lines(
        "mira@example.eu\n\nMira <mira@example.eu>\nexample.eu\n@\n@example.eu"
    )

    assert lines.entries == ("mira@example.eu", "@example.eu")
    assert lines.problems == (
        "Line 3: “Mira <mira@example.eu>” is no address and no domain.",
        "Line 4: “example.eu” is no address and no domain.",
        "Line 5: “@” is no address and no domain.",
    )


def test_more_lines_than_one_form_takes_are_not_read():
    lines = rules.read_lines("mira@example.eu\n" * (rules.MOST_LINES + 1))

    assert lines.entries == ()
    assert lines.problems == ("There are 5,001 lines; 5,000 at once are the most.",)


def test_one_wrong_line_keeps_all_others_out(legal):
    with pytest.raises(LinesUnclear) as refused:
        add(legal, "mira@example.eu\nnonsense")

    assert refused.value.problems == ["Line 2: “nonsense” is no address and no domain."]
    assert not ListEntry.objects.exists()


def test_what_stands_on_the_list_is_not_added_again(legal):
    add(legal, "mira@example.eu")

    added = add(legal, "MIRA@example.eu\nnoor@example.eu\nnoor@example.eu")

    assert (added.new, added.known) == (1, 1)
    assert sorted(protected_entries()) == ["mira@example.eu", "noor@example.eu"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_is_needed(legal, reason):
    with pytest.raises(ListReasonMissing):
        add(legal, "mira@example.eu", reason)


def test_nobody_but_legal_keeps_the_list(legal, make_employee):
    add(legal, "mira@example.eu")
    other = make_employee()

    with pytest.raises(ListForbidden):
        add(other, "noor@example.eu")
    with pytest.raises(ListForbidden):
        end_entry(entry=ListEntry.objects.get(), by=other)


def test_an_ended_entry_protects_nobody_and_its_row_stays(legal):
    add(legal, "mira@example.eu")

    end_entry(entry=ListEntry.objects.get(), by=legal)

    assert protected_entries() == set()
    ended = ListEntry.objects.get()
    assert (ended.ended_by, ended.reason) == (legal, "Works council agreement")
    with pytest.raises(EntryEnded):
        end_entry(entry=ended, by=legal)


def test_an_ended_entry_can_be_put_on_the_list_anew(legal):
    add(legal, "mira@example.eu")
    end_entry(entry=ListEntry.objects.get(), by=legal)

    assert add(legal, "mira@example.eu").new == 1
    assert protected_entries() == {"mira@example.eu"}


def test_the_directory_protects_who_works_where_the_law_does(make_colleague, make_employee):
    make_colleague("Jana@Bücher.example".lower())
    make_colleague("left@example.de", is_active=False)
    make_employee(email="mira@example.com")

    assert protected_entries() == {"jana@xn--bcher-kva.example"}


def test_standing_says_everything_that_protects_an_address(legal, make_colleague, frozen_time):
    make_colleague("jana@mail.example.de")
    add(legal, "@example.de")
    object_to_all(address="jana@mail.example.de")

    standing = contact_standing("jana@mail.example.de")

    assert standing.is_protected
    assert standing.place.name == "Germany"
    assert (standing.listed_entry, standing.listed_at) == ("@example.de", NOON)
    assert standing.objected_at == NOON


def test_standing_finds_a_colleague_whose_domain_is_spelled_in_letters(make_colleague):
    make_colleague("jana@bücher.example")

    assert contact_standing("jana@xn--bcher-kva.example").place


@pytest.mark.parametrize("address", ["noor@example.de", "jana@example.com", "jana@notexample.eu"])
def test_standing_of_others_is_unprotected(legal, make_colleague, address):
    make_colleague("jana@example.de")
    add(legal, "@example.eu")

    assert not contact_standing(address).is_protected


def test_a_plus_address_is_its_own_entry_and_the_same_mailbox():
    assert rules.covering_entries("mira+news@mail.example.eu") == [
        "mira+news@mail.example.eu", "@mail.example.eu", "@example.eu", "@eu",
    ]  # fmt: skip
    assert rules.mailbox_of("mira+news@example.eu") == "mira@example.eu"
