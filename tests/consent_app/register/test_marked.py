"""What differs between two texts, and what is no more than better spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_app.register.marked import Piece, is_spelling, pieces

texts = st.text(alphabet="ab .,\n", max_size=30)


def marked(text: str, other: str) -> str:
    return "".join(f"[{one.text}]" if one.is_changed else one.text for one in pieces(text, other))


def test_the_one_letter_that_differs_is_in_a_marked_word():
    before, after = "what is typed, in the list", "what is tyqed, in the list"

    assert marked(before, after) == "what is [typed], in the list"
    assert marked(after, before) == "what is [tyqed], in the list"


def test_a_space_more_is_marked():
    assert marked("the mouse  moves", "the mouse moves") == "the mouse[  ]moves"


def test_what_has_little_in_common_is_not_marked():
    assert pieces("90", "120") == [Piece("90", is_changed=False)]
    assert pieces("", "new") == []
    assert pieces("new", "") == [Piece("new", is_changed=False)]


@given(texts, texts)
def test_no_word_is_lost_and_the_same_texts_have_no_mark(before, after):
    assert "".join(piece.text for piece in pieces(before, after)) == before
    assert not any(piece.is_changed for piece in pieces(before, before))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The Mouse , moves", "the mouse moves"),
        ("The e-mail, sent", "The email sent"),
        ("a  b", "a b"),
        ("Über uns", "über uns!"),
        ("organization", "organisation"),
        ("1,000 people", "1,000 people."),
        ("don't", "don\u2019t"),
    ],
)
def test_better_spelling(before, after):
    assert is_spelling(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("They are not sold.", "They are sold."),
        ("They are not sold.", "They are now sold."),
        ("It is never kept.", "It is ever kept."),
        ("Nobody reads it.", "Somebody reads it."),
        ("Kept for 30 days.", "Kept for 90 days."),
        ("Kept for 30 days.", "Kept for 30 days or longer."),
        ("for training", "for training and appraisal"),
        ("acknowledgement", "daily"),
        ("", "More."),
        ("They don't.", "They do."),
        ("with consent", "without consent"),
    ],
)
def test_other_words_are_no_better_spelling(before, after):
    assert not is_spelling(before, after)
