"""Writes the notices of a version in plain words. Pure: the same facts give the same text.

A text names purposes, kinds, retention, readers and rights; the list of applications stands on the
page beside it, so that adding one asks again by `widens` and not by a changed count.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consent_app.register.models import DataKind, NoticeForm, RegisterVersion
from consent_app.register.notice_fields import NoticeFields, read_fields


@dataclass(frozen=True, slots=True)
class Facts:
    """What a notice is written from."""

    version: RegisterVersion
    kinds: tuple[DataKind, ...]
    fields: NoticeFields


def notice_texts(version: RegisterVersion, kinds: Iterable[DataKind]) -> dict[NoticeForm, str]:
    """Return the text of every form; paragraphs stand apart by an empty line."""
    facts = Facts(version, tuple(kinds), read_fields(version.notice_fields))
    return {form: _text(_PARAGRAPHS[form](facts)) for form in NoticeForm}


def _text(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def _general(facts: Facts) -> list[str]:
    version = facts.version
    return [
        version.purpose,
        *(f"{kind.name}: {kind.explanation} {_kept(kind)}" for kind in facts.kinds),
        version.limits,
        _readers(version),
        _never(version),
        (
            "You can pause collection for up to 30 minutes at any time, keep applications out for "
            "good, and request an exemption. Nobody who decides about you sees your pauses."
        ),
        f"Responsible: {facts.fields.controller}",
        f"Questions: {facts.fields.contact}",
    ]


def _kept(kind: DataKind) -> str:
    return f"Kept for {kind.retention_days} days. {kind.retention_reason}"


def _readers(version: RegisterVersion) -> str:
    read_by = "; ".join(f"{reader['who']} ({reader['why']})" for reader in version.readers)
    return f"Who may read it: {read_by}"


def _never(version: RegisterVersion) -> str:
    never = "; ".join(entry["what"] for entry in version.never_collected)
    return f"Never collected: {never}."


def _new_york(facts: Facts) -> list[str]:
    return [facts.fields.new_york, *_general(facts)]


def _delaware(facts: Facts) -> list[str]:
    return [
        (
            "On this computer, electronic mail and the use of the internet can be monitored as "
            "follows. This notice is given under title 19, section 705 of the Delaware Code."
        ),
        *_general(facts),
    ]


def _connecticut(facts: Facts) -> list[str]:
    return [
        (
            f"Electronic monitoring may occur here: {facts.fields.connecticut} This notice is "
            "given under section 31-48d of the Connecticut General Statutes."
        ),
        *_general(facts),
    ]


def _california(facts: Facts) -> list[str]:
    kept = "; ".join(f"{kind.name}: {kind.retention_days} days" for kind in facts.kinds)
    return [
        "Notice at collection under section 1798.100 of the California Civil Code.",
        f"How long each category is kept: {kept}.",
        facts.fields.california,
        *_general(facts),
    ]


def _gdpr_13(facts: Facts) -> list[str]:
    fields = facts.fields
    return [
        *_general(facts),
        f"Data protection officer: {fields.protection_officer}",
        f"Legal basis: {fields.legal_basis}",
        f"Transfers: {fields.transfers}",
        f"Your rights: {fields.rights}",
        f"Complaints: {fields.complaint}",
        f"Whether you must: {fields.if_refused}",
        f"Automated decisions: {fields.automated_decisions}",
    ]


def _gdpr_14(facts: Facts) -> list[str]:
    fields, version = facts.fields, facts.version
    kept = "; ".join(f"{kind.name}: {kind.retention_days} days" for kind in facts.kinds)
    return [
        (
            "This is for people whose words can appear on the screen of somebody who takes part, "
            "although they do not take part themselves."
        ),
        f"Responsible: {fields.controller} Questions: {fields.contact}",
        f"Data protection officer: {fields.protection_officer}",
        f"What for: {version.purpose}",
        f"Legal basis: {fields.legal_basis}",
        f"What of you can be seen: {fields.indirect_categories}",
        f"Where it comes from: {fields.indirect_source}",
        _readers(version),
        f"Transfers: {fields.transfers}",
        f"Kept: {kept}.",
        f"Your rights: {fields.rights}",
        f"Complaints: {fields.complaint}",
        f"Automated decisions: {fields.automated_decisions}",
        (
            "You can object on this page, without an account and without a reason. From then on "
            "your address is on the list of those whose communication is never collected."
        ),
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
