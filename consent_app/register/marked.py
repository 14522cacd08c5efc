"""Finds what differs between two texts, so that nobody has to compare them word by word. Pure."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

# A word, what stands between words, or one sign.
_TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")
_WORD: Final = re.compile(r"\w+")
# Texts that have less in common are shown as they are: every word would be marked.
_IN_COMMON: Final = 0.3
# Letters by which a word may differ and still be the same word, better spelt.
_LETTERS: Final = 2
# What turns a sentence round, however few letters it has. Source: docs/policy.md, section 12.
_DENIALS: Final = frozenset(
    {"no", "not", "never", "nobody", "none", "nothing", "nor", "neither", "without", "cannot", "t"}
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `is_changed` says that the other text has something else there."""

    text: str
    is_changed: bool


def pieces(text: str, other: str) -> list[Piece]:
    """Cut `text` where it differs from `other`; what is joined again is `text`."""
    if not text or not other:
        return [Piece(text, is_changed=False)] if text else []
    tokens, others = _TOKEN.findall(text), _TOKEN.findall(other)
    matcher = SequenceMatcher(None, tokens, others, autojunk=False)
    if matcher.ratio() < _IN_COMMON:
        return [Piece(text, is_changed=False)]
    return [
        Piece("".join(tokens[begin:end]), is_changed=operation != "equal")
        for operation, begin, end, _, _ in matcher.get_opcodes()
        if end > begin
    ]


def is_spelling(before: str, after: str) -> bool:
    """Whether the words are the same, better spelt: none more or less, each by two letters at most.

    Numbers and what denies have to stay as they are. What spelling can still do to the sense is for
    the two people to judge who call it immaterial.
    """
    was, becomes = _words(before), _words(after)
    if _weighty(was) != _weighty(becomes):
        return False
    matcher = SequenceMatcher(None, was, becomes, autojunk=False)
    return all(
        operation == "equal" or _differ_by("".join(was[a:b]), "".join(becomes[c:d])) <= _LETTERS
        for operation, a, b, c, d in matcher.get_opcodes()
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _weighty(words: list[str]) -> Counter[str]:
    """Count what no slip of the pen changes: denials, and words with a figure in them."""
    return Counter(
        word for word in words if word in _DENIALS or any(sign.isdigit() for sign in word)
    )


def _differ_by(text: str, other: str) -> int:
    """Return how many letters are others, more or less."""
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    return sum(
        max(b - a, d - c) for operation, a, b, c, d in matcher.get_opcodes() if operation != "equal"
    )
