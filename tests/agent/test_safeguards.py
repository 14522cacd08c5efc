"""Safeguards, on both examples of every row that ships, and masking."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.matching import Register
from consent_agent.protocol.safeguards import (
    MASK,
    MAX_TEXT_LENGTH,
    PASSWORD_FIELDS,
    Detector,
    Safeguards,
)
from tests.agent.simulated_portal import REGISTER_DOCUMENT, read_rows

ROWS = read_rows("protected_content.csv")
REGISTER = Register.from_document(REGISTER_DOCUMENT)
BY_ID = {safeguard.id: safeguard for safeguard in REGISTER.safeguards}
MASKING = [row for row in ROWS if row["action"] == "mask_text"]


def example(row: dict[str, str], column: str) -> str:
    if row["detector"] != "app_category":
        return row[column]
    found = REGISTER.find(row[column])
    assert found is not None
    return found.category


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_each_safeguard_tells_its_two_examples_apart(row):
    safeguard = BY_ID[row["id"]]

    assert safeguard.matches(example(row, "example_match"))
    assert not safeguard.matches(example(row, "example_no_match"))


@pytest.mark.parametrize("character", "_a.1 -=/@")
def test_longest_text_of_one_character_is_searched_quickly(character):
    """A page names its own title and address: searching them must not hold up the device."""
    text = character * MAX_TEXT_LENGTH
    looking = [safeguard for safeguard in REGISTER.safeguards if safeguard.detector != "regex"]
    started = time.perf_counter()

    for safeguard in looking:
        safeguard.matches(text)

    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("row", MASKING, ids=lambda row: row["id"])
def test_masks_the_match_and_leaves_the_other_text(row):
    masked = REGISTER.safeguards.mask(f"before\n{row['example_match']}")
    spans = list(BY_ID[row["id"]].find(row["example_match"]))

    assert MASK in REGISTER.safeguards.mask(row["example_match"])
    assert spans
    assert all(row["example_match"][start:end] not in masked for start, end in spans)
    assert REGISTER.safeguards.mask(row["example_no_match"]) == row["example_no_match"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111 1111 1111 1111 123", f"{MASK} 123"),
        ("1234 4111 1111 1111 1111", f"1234 {MASK}"),
        ("GB82 WEST 1234 5698 7654 32 THANKS", f"{MASK} THANKS"),
        ("a 4111111111111111 b 219-09-9999 c", f"a {MASK} b {MASK} c"),
        ("token=4111111111111111", f"token={MASK}"),
        ("nothing here", "nothing here"),
        ("", ""),
    ],
)
def test_masks_numbers_that_stand_among_others(text, masked):
    assert REGISTER.safeguards.mask(text) == masked


@given(st.text())
def test_masking_never_fails_and_lets_nothing_through(text):
    masked = REGISTER.safeguards.mask(f"{text} AKIAIOSFODNN7EXAMPLE {text}")

    assert "AKIAIOSFODNN7EXAMPLE" not in masked


def test_members_that_the_contract_lacks_have_defaults():
    plain = Register.from_document(
        b'{"schema":"register/1","version":1,"published_at":"2026-11-23T10:00:00Z",'
        b'"applications":[],"safeguards":[{"id":"f","class":"c","detector":"field_type",'
        b'"pattern":"x","explanation":"e"},{"id":"r","class":"c","detector":"regex",'
        b'"pattern":"x","explanation":"e"},{"id":"t","class":"c","detector":"window_title",'
        b'"pattern":"x","explanation":"e"}]}'
    )

    assert [(s.action.value, s.validator) for s in plain.safeguards] == [
        ("drop_event", "none"),
        ("mask_text", "none"),
        ("pause_capture", "none"),
    ]


PASSWORD_ROWS = [
    row for row in read_rows("protected_content.csv") if row["class"] == "password_field"
]


@pytest.mark.parametrize("row", PASSWORD_ROWS, ids=lambda row: row["id"])
def test_password_fields_are_protected_whatever_the_register_says(row):
    nothing = Safeguards([])

    assert nothing.refusing(Detector.FIELD_TYPE, row["example_match"]) is PASSWORD_FIELDS
    assert nothing.refusing(Detector.FIELD_TYPE, row["example_no_match"]) is None
    assert PASSWORD_FIELDS not in list(nothing)


def test_a_register_with_safeguards_of_its_own_is_asked_first():
    found = REGISTER.safeguards.refusing(Detector.FIELD_TYPE, "tag=input;type=password;name=pw")

    assert found is not None
    assert found.id == "pwd-input"
