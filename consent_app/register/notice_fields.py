"""What laws ask of a notice beyond the register itself, as typed fields.

A version can't be published while one of them is empty: `missing` names each with the law that asks
for it. Source: GDPR, articles 13 and 14; N.Y. Civil Rights Law, 52-c*2; 19 Del. C., 705; Conn. Gen.
Stat., 31-48d; Cal. Civ. Code, 1798.100.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from consent_app.people.rules import BLANK

Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]

# What the notice of New York has to say: where it may be watched, and that it may be at any time.
NEW_YORK_PHRASES: Final = (
    "any and all",
    "telephone conversations or transmissions",
    "electronic mail or transmissions",
    "internet access or usage",
    "at any and all times",
    "by any lawful means",
)
# What writers leave for later. Anything else is for legal to judge.
_PLACEHOLDER: Final = re.compile(
    r"(?:to ?do|tb[acd]|fixme|x{2,}|to be (?:written|done|added|defined)|lorem ipsum\b.*|test)\W*",
    re.IGNORECASE | re.DOTALL,
)


def _words(title: str, law: str) -> str:
    """Return the default of a field: empty; `title` says what to write, `law` who asks for it."""
    default: str = Field(default="", title=title, json_schema_extra={"law": law})
    return default


class NoticeFields(BaseModel):
    """Empty means not written yet. The titles label the form."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    controller: Words = _words("Who is responsible, with address", "GDPR 13(1)(a)")
    contact: Words = _words("Where questions go", "GDPR 13(1)(a)")
    protection_officer: Words = _words("The data protection officer", "GDPR 13(1)(b)")
    legal_basis: Words = _words("The legal basis, and the interest pursued", "GDPR 13(1)(c), (d)")
    transfers: Words = _words("Transfers to other countries", "GDPR 13(1)(f)")
    rights: Words = _words("The rights, and how to use them", "GDPR 13(2)(b)")
    complaint: Words = _words("Where to complain", "GDPR 13(2)(d)")
    if_refused: Words = _words("Whether one must, and what follows if not", "GDPR 13(2)(e)")
    automated_decisions: Words = _words("Automated decisions", "GDPR 13(2)(f)")
    indirect_source: Words = _words("Where words of outsiders come from", "GDPR 14(2)(f)")
    indirect_categories: Words = _words("What of outsiders can be seen", "GDPR 14(1)(d)")
    new_york: Words = _words("The wording of New York", "N.Y. Civil Rights Law 52-c*2")
    delaware: Literal["", "daily", "acknowledgement"] = Field(
        default="",
        title="Delaware: a notice each day, or one acknowledgement",
        json_schema_extra={"law": "19 Del. C. 705"},
    )
    connecticut: Words = _words("Kinds of monitoring that may occur", "Conn. Gen. Stat. 31-48d")
    california: Words = _words("Whether it is sold or shared", "Cal. Civ. Code 1798.100(a)")


@dataclass(frozen=True, slots=True)
class MissingField:
    """A field that keeps a version from being published; `problem` says what is wrong with it."""

    name: str
    title: str
    law: str
    problem: str


def read_fields(stored: dict[str, object]) -> NoticeFields:
    """Read `RegisterVersion.notice_fields`, which only ever holds what this class wrote."""
    return NoticeFields.model_validate(stored)


def missing(fields: NoticeFields) -> list[MissingField]:
    """Return what is still to be written before a version may be published."""
    return list(_missing(fields))


def law_of(name: str) -> str:
    """Return the law that asks for a field."""
    extra = NoticeFields.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 (each field above has one)
    return str(extra["law"])


def title_of(name: str) -> str:
    return str(NoticeFields.model_fields[name].title)


def _lack(written: str) -> str:
    """Say why something that was written tells nobody anything; empty where it does."""
    if not any(sign.isalnum() and sign not in BLANK for sign in written):
        return "is empty"
    return f"still says “{written}”" if _PLACEHOLDER.fullmatch(written) else ""


def _missing(fields: NoticeFields) -> Iterator[MissingField]:
    for name in NoticeFields.model_fields:
        if problem := _lack(getattr(fields, name)):
            yield MissingField(name, title_of(name), law_of(name), problem)
    written = " ".join(fields.new_york.lower().split())
    lacking = [phrase for phrase in NEW_YORK_PHRASES if phrase not in written]
    if written and lacking:
        problem = f"lacks the words of the law: “{'”, “'.join(lacking)}”"
        yield MissingField("new_york", title_of("new_york"), law_of("new_york"), problem)
