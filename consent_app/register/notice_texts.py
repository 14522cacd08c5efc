"""Writes the notices of a version in plain words. Pure: the same facts give the same text.

A text names purposes, kinds, retention, readers and rights; the list of applications stands on the
page beside it, so that adding one asks again by `widens` and not by a changed count. No text holds
a number of a version or a date: those stand beside it, and would ask everybody again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent_app.register.models import DataKind, NoticeForm, RegisterVersion
from consent_app.register.notice_fields import NoticeFields, read_fields

DAILY: Final = "daily"
# A paragraph may begin with what it is about: a few words, then a colon.
_LABELLED: Final = re.compile(r"(?P<label>[^.:;“”]{2,100}): (?P<words>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a notice is written from."""

    version: RegisterVersion
    kinds: tuple[DataKind, ...]
    fields: NoticeFields


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph as a page shows it; `label` is empty where it has none."""

    label: str
    words: str


def notice_texts(version: RegisterVersion, kinds: Iterable[DataKind]) -> dict[NoticeForm, str]:
    """Return the text of every form; paragraphs stand apart by an empty line."""
    facts = Facts(version, tuple(kinds), read_fields(version.notice_fields))
    return {form: _text(_PARAGRAPHS[form](facts)) for form in NoticeForm}


def passages(text: str) -> list[Passage]:
    """Return the paragraphs of a notice; nothing is added to its words or left out."""
    found = ((_LABELLED.fullmatch(paragraph), paragraph) for paragraph in text.split("\n\n"))
    return [
        Passage(match["label"], match["words"]) if match else Passage("", paragraph)
        for match, paragraph in found
    ]


def _text(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def _general(facts: Facts) -> list[str]:
    fields, version = facts.fields, facts.version
    return [
        f"What for: {version.purpose}",
        f"What it is not used for: {version.limits}",
        *(f"{kind.name}: {kind.explanation} {_kept(kind)}" for kind in facts.kinds),
        (
            "How and how long: An agent, which is a program on your company devices, records in "
            "the applications that the register lists as collected, whenever your page in this "
            "portal says that the device is collecting. It goes on until the portal says otherwise."
        ),
        *_readers(version),
        f"Transfers to other countries: {fields.transfers}",
        _never(version),
        (
            "What you can do: You can pause collection for up to 30 minutes at any time, keep "
            "applications out for good, and request an exemption. Nobody who decides about you "
            "sees your pauses."
        ),
        (
            f"Whether you must: {fields.if_refused} Where the law leaves it to you, nothing is "
            "collected before you say yes, and you can take a yes back at any time, as easily as "
            "you gave it. Where the law asks you to acknowledge this notice, nothing is collected "
            "before you do. An acknowledgement says that you were told: you agree to nothing by "
            "it, and it takes no right away."
        ),
        f"Your rights: {fields.rights}",
        f"Automated decisions: {fields.automated_decisions}",
        f"Responsible: {fields.controller}",
        f"Questions: {fields.contact}",
        f"Data protection officer: {fields.protection_officer}",
        f"Complaints: {fields.complaint}",
    ]


def _kept(kind: DataKind) -> str:
    return f"Kept for {_days(kind)}. {kind.retention_reason}"


def _retention(facts: Facts) -> str:
    return "; ".join(f"{kind.name}: {_days(kind)}" for kind in facts.kinds)


def _days(kind: DataKind) -> str:
    return f"{kind.retention_days} day{'' if kind.retention_days == 1 else 's'}"


def _readers(version: RegisterVersion) -> list[str]:
    return [f"Who may read it ({reader['who']}): {reader['why']}" for reader in version.readers]


def _never(version: RegisterVersion) -> str:
    never = "; ".join(entry["what"] for entry in version.never_collected)
    return f"Never collected: {never}."


def _new_york(facts: Facts) -> list[str]:
    return [
        f"Notice of electronic monitoring: {facts.fields.new_york}",
        (
            "About these words: The law of New York (Civil Rights Law, section 52-c) asks every "
            "employer who monitors to use them. This programme collects less: what stands below, "
            "and nothing else."
        ),
        *_general(facts),
    ]


def _delaware(facts: Facts) -> list[str]:
    how = (
        "It is given to you on each day on which you open this portal; on any other day nothing "
        "is collected. You may acknowledge it once instead."
        if facts.fields.delaware == DAILY
        else "It is given to you once, and you are asked to acknowledge it."
    )
    return [
        (
            "Notice of monitoring: On company devices, telephone conversations and transmissions, "
            "electronic mail and transmissions, and access to and use of the internet can be "
            "monitored, as far as this notice says below and no further. It is given under "
            f"title 19, section 705 of the Delaware Code. {how}"
        ),
        *_general(facts),
    ]


def _connecticut(facts: Facts) -> list[str]:
    return [
        (
            f"Kinds of electronic monitoring that may occur: {facts.fields.connecticut} This "
            "notice is given before any of it, under section 31-48d of the Connecticut General "
            "Statutes, and is posted where everybody concerned can read it."
        ),
        *_general(facts),
    ]


def _california(facts: Facts) -> list[str]:
    return [
        (
            "Notice at collection: It is given before anything is collected, under section "
            "1798.100 of the California Civil Code."
        ),
        f"How long each category is kept: {_retention(facts)}.",
        f"Sold or shared: {facts.fields.california}",
        *_general(facts),
    ]


def _gdpr_13(facts: Facts) -> list[str]:
    return [
        *_general(facts),
        f"Legal basis: {facts.fields.legal_basis}",
    ]


def _gdpr_14(facts: Facts) -> list[str]:
    fields, version = facts.fields, facts.version
    return [
        (
            "This is for people whose words can appear on the screen of somebody who takes part, "
            "although they do not take part themselves."
        ),
        f"What for: {version.purpose}",
        f"What of you can be seen: {fields.indirect_categories}",
        f"Where it comes from: {fields.indirect_source}",
        f"Kept: {_retention(facts)}.",
        *_readers(version),
        f"Transfers to other countries: {fields.transfers}",
        f"Legal basis: {fields.legal_basis}",
        f"Your rights: {fields.rights}",
        (
            "How you object: You can object on the page “If you take no part” of this portal, "
            "without an account and without a reason. From then on your address is on the list of "
            "those whose communication is never collected."
        ),
        f"Automated decisions: {fields.automated_decisions}",
        f"Responsible: {fields.controller}",
        f"Questions: {fields.contact}",
        f"Data protection officer: {fields.protection_officer}",
        f"Complaints: {fields.complaint}",
    ]


_PARAGRAPHS = {
    NoticeForm.GENERAL: _general,
    NoticeForm.NEW_YORK: _new_york,
    NoticeForm.DELAWARE: _delaware,
    NoticeForm.CONNECTICUT: _connecticut,
    NoticeForm.CALIFORNIA: _california,
    NoticeForm.GDPR_13: _gdpr_13,
    NoticeForm.GDPR_14: _gdpr_14,
}
