"""What changes from one version of the register to the next, field by field. Pure.

Every change says what it does to people: it widens what may be collected, it narrows it, it changes
words whose weight only people can judge, or none of these. In doubt it widens. Source:
docs/policy.md, section 12.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from consent_app.register import described
from consent_app.register.described import IDENTIFIERS, joined, kinds_in_words, status, yes
from consent_app.register.marked import Piece, is_spelling, pieces
from consent_app.register.models import (
    Application,
    DataKind,
    RegisterVersion,
    Safeguard,
    Sensitivity,
)
from consent_app.register.notice_fields import NoticeFields, read_fields, title_of


class Effect(StrEnum):
    """What a change does to the people of whom something is collected."""

    WIDENS = "widens"
    NARROWS = "narrows"
    WORDS = "words"
    NEITHER = "neither"


class Part(StrEnum):
    """Which part of the register changed, in the order in which a diff names them."""

    WORDS = "words"
    READERS = "readers"
    NEVER = "never_collected"
    KINDS = "kinds"
    APPLICATIONS = "applications"
    SAFEGUARDS = "safeguards"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing; `before` or `after` is empty where it was not there, or is gone."""

    part: Part
    key: str
    name: str
    field: str
    before: str
    after: str
    effect: Effect

    @property
    def before_pieces(self) -> list[Piece]:
        return pieces(self.before, self.after)

    @property
    def after_pieces(self) -> list[Piece]:
        return pieces(self.after, self.before)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a version says, read once."""

    version: RegisterVersion
    applications: Mapping[str, Application]
    kinds: Mapping[str, DataKind]
    safeguards: Mapping[str, Safeguard]
    fields: NoticeFields = field(default_factory=NoticeFields)

    @classmethod
    def of(
        cls,
        version: RegisterVersion,
        *,
        applications: Iterable[Application],
        kinds: Iterable[DataKind],
        safeguards: Iterable[Safeguard],
    ) -> "Snapshot":
        return cls(
            version=version,
            applications={row.slug: row for row in applications},
            kinds={row.code: row for row in kinds},
            safeguards={row.safeguard_id: row for row in safeguards},
            fields=read_fields(version.notice_fields),
        )


def diff(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return every change, in the order of the parts and then of their names."""
    return [
        *_words(before.version, after.version),
        *_listed(Part.READERS, before.version.readers, after.version.readers, "who"),
        *_listed(Part.NEVER, before.version.never_collected, after.version.never_collected, "what"),
        *_kinds(before, after),
        *_applications(before, after),
        *_safeguards(before, after),
        *_notice(before.fields, after.fields),
    ]


TITLES: Final[Mapping[Part, str]] = {
    Part.WORDS: "Purpose and limits",
    Part.READERS: "Who may read it",
    Part.NEVER: "What is never collected",
    Part.KINDS: "Kinds of data, and how long they are kept",
    Part.APPLICATIONS: "Applications",
    Part.SAFEGUARDS: "Safeguards",
    Part.NOTICE: "Notices",
}


def by_part(changes: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    """Return the changes under the titles of their parts, in order."""
    found: dict[Part, list[Change]] = {}
    for change in changes:
        found.setdefault(change.part, []).append(change)
    return [(TITLES[part], found[part]) for part in Part if part in found]


def widens(changes: Iterable[Change], *, is_immaterial: bool) -> bool:
    """Whether people must be given time: more is collected, or words changed that may mean so.

    `is_immaterial` is what two people stand by: that the words only say the same more correctly.
    """
    effects = {change.effect for change in changes}
    return Effect.WIDENS in effects or (Effect.WORDS in effects and not is_immaterial)


def is_better_spelling(changes: Iterable[Change]) -> bool:
    """Whether every change of words leaves the words as they are, but for their spelling."""
    return all(
        is_spelling(change.before, change.after)
        for change in changes
        if change.effect is Effect.WORDS
    )


def _words(before: RegisterVersion, after: RegisterVersion) -> Iterator[Change]:
    for name, title in (("purpose", "Purpose"), ("limits", "What it is not used for")):
        was, becomes = getattr(before, name), getattr(after, name)
        if was != becomes:
            yield Change(Part.WORDS, name, title, "", was, becomes, Effect.WORDS)


def _listed(
    part: Part, before: list[dict[str, str]], after: list[dict[str, str]], name: str
) -> Iterator[Change]:
    """Compare lists of {name, why}: one reader more widens, one promise more narrows."""
    was = {entry[name]: entry["why"] for entry in before}
    becomes = {entry[name]: entry["why"] for entry in after}
    added, removed = (
        (Effect.WIDENS, Effect.NARROWS) if part is Part.READERS else (Effect.NARROWS, Effect.WIDENS)
    )
    for key in sorted(was.keys() | becomes.keys()):
        old, new = was.get(key), becomes.get(key)
        if old == new:
            continue
        effect = added if old is None else removed if new is None else Effect.WORDS
        yield Change(part, key, key, "", old or "", new or "", effect)


def _kinds(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for code in sorted(before.kinds.keys() | after.kinds.keys()):
        was, becomes = before.kinds.get(code), after.kinds.get(code)
        if was is None or becomes is None:
            present = was or becomes
            assert present is not None  # noqa: S101 (the code stands in one of the two)
            effect = Effect.WIDENS if was is None else Effect.NARROWS
            said = described.data_kind(present)
            yield _whole(Part.KINDS, code, present.name, said, is_added=was is None, effect=effect)
            continue
        yield from _texts(
            Part.KINDS,
            (code, becomes.name),
            was,
            becomes,
            {
                "name": "Name",
                "explanation": "Explanation",
                "retention_reason": "Reason for keeping it",
            },
            Effect.WORDS,
        )
        if was.retention_days != becomes.retention_days:
            is_longer = becomes.retention_days > was.retention_days
            yield Change(
                Part.KINDS,
                code,
                becomes.name,
                "Kept for, in days",
                str(was.retention_days),
                str(becomes.retention_days),
                Effect.WIDENS if is_longer else Effect.NARROWS,
            )


def _applications(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    names = {slug: row.name for slug, row in (before.applications | after.applications).items()}  # type: ignore[operator]  # both are dicts
    for slug in sorted(names, key=lambda slug: (names[slug].lower(), slug)):
        was, becomes = before.applications.get(slug), after.applications.get(slug)
        if was is None and becomes is not None:
            effect = Effect.NARROWS if becomes.excluded else Effect.WIDENS
            said = described.application(becomes, after.kinds)
            yield _whole(Part.APPLICATIONS, slug, becomes.name, said, is_added=True, effect=effect)
        elif becomes is None and was is not None:
            effect = _effect_of_removal(was, after)
            said = described.application(was, before.kinds)
            yield _whole(Part.APPLICATIONS, slug, was.name, said, is_added=False, effect=effect)
        elif was is not None and becomes is not None:
            yield from _application(was, becomes, before, after)


def _application(
    was: Application, becomes: Application, before: Snapshot, after: Snapshot
) -> Iterator[Change]:
    def change(title: str, old: str, new: str, effect: Effect) -> Change:
        return Change(Part.APPLICATIONS, becomes.slug, becomes.name, title, old, new, effect)

    if was.excluded != becomes.excluded:
        effect = Effect.NARROWS if becomes.excluded else Effect.WIDENS
        yield change("Status", status(was), status(becomes), effect)
    elif set(was.kinds) != set(becomes.kinds):
        is_more = bool(set(becomes.kinds) - set(was.kinds))
        effect = Effect.WIDENS if is_more else Effect.NARROWS
        old, new = (
            kinds_in_words(was.kinds, before.kinds),
            kinds_in_words(becomes.kinds, after.kinds),
        )
        yield change("Kinds of data", old, new, effect)
    for name, title in IDENTIFIERS.items():
        old, new = getattr(was, name), getattr(becomes, name)
        if set(old) != set(new):
            effect = _effect_of_identifiers(name, was, becomes, after)
            yield change(title, joined(old), joined(new), effect)
    if was.category != becomes.category:
        # Safeguards name categories: another one may be protected less.
        effect = Effect.NEITHER if becomes.excluded else Effect.WIDENS
        yield change("Category", was.get_category_display(), becomes.get_category_display(), effect)
    if was.communication != becomes.communication:
        effect = Effect.NARROWS if becomes.communication else Effect.WIDENS
        yield change(
            "Other people's words", yes(was.communication), yes(becomes.communication), effect
        )
    yield from _texts(
        Part.APPLICATIONS,
        (becomes.slug, becomes.name),
        was,
        becomes,
        {
            "name": "Name",
            "vendor": "Vendor",
            "reason": "Why it is excluded",
            "source": "Where its names come from",
        },
        Effect.NEITHER,
    )
    if was.verified != becomes.verified:
        yield change("Names verified", yes(was.verified), yes(becomes.verified), Effect.NEITHER)
    if was.sensitivity != becomes.sensitivity:
        old, new = Sensitivity(was.sensitivity).label, Sensitivity(becomes.sensitivity).label
        yield change("Sensitivity", old, new, Effect.NEITHER)


def _effect_of_identifiers(
    name: str, was: Application, becomes: Application, after: Snapshot
) -> Effect:
    """Judge what it is recognised by: more of a collected one widens, less of an excluded one.

    An address that a collected one no longer has may now be that of a wider one that is collected.
    """
    added = set(getattr(becomes, name)) - set(getattr(was, name))
    removed = set(getattr(was, name)) - set(getattr(becomes, name))
    if becomes.excluded:
        return Effect.WIDENS if removed else Effect.NARROWS
    if added or (name == "domains" and _fall_to_another(removed, after)):
        return Effect.WIDENS
    return Effect.NARROWS


def _effect_of_removal(gone: Application, after: Snapshot) -> Effect:
    if gone.excluded or _fall_to_another(gone.domains, after):
        return Effect.WIDENS
    return Effect.NARROWS


def _fall_to_another(domains: Iterable[str], after: Snapshot) -> bool:
    """Whether a collected application has an address that one of these lies beneath."""
    collected = {
        domain for row in after.applications.values() if not row.excluded for domain in row.domains
    }
    return any(
        domain == other or domain.endswith(f".{other}") for domain in domains for other in collected
    )


def _safeguards(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for key in sorted(before.safeguards.keys() | after.safeguards.keys()):
        was, becomes = before.safeguards.get(key), after.safeguards.get(key)
        if was is None or becomes is None:
            effect = Effect.NARROWS if was is None else Effect.WIDENS
            present = was or becomes
            assert present is not None  # noqa: S101 (the id stands in one of the two)
            said = described.safeguard(present)
            yield _whole(Part.SAFEGUARDS, key, key, said, is_added=was is None, effect=effect)
            continue
        what_it_does = {
            "protects": "Protects",
            "detector": "Looks at",
            "pattern": "Pattern",
            "validator": "Check",
            "action": "Action",
        }
        yield from _texts(Part.SAFEGUARDS, (key, key), was, becomes, what_it_does, Effect.WIDENS)
        explained = {"explanation": "Explanation"}
        yield from _texts(Part.SAFEGUARDS, (key, key), was, becomes, explained, Effect.NEITHER)


def _notice(before: NoticeFields, after: NoticeFields) -> Iterator[Change]:
    for name in NoticeFields.model_fields:
        was, becomes = getattr(before, name), getattr(after, name)
        if was != becomes:
            yield Change(Part.NOTICE, name, title_of(name), "", was, becomes, Effect.WORDS)


def _texts(
    part: Part,
    thing: tuple[str, str],
    was: object,
    becomes: object,
    titles: Mapping[str, str],
    effect: Effect,
) -> Iterator[Change]:
    """Compare the text fields that `titles` names of one thing, given as (key, name)."""
    for name, title in titles.items():
        old, new = getattr(was, name), getattr(becomes, name)
        if old != new:
            yield Change(part, *thing, title, old, new, effect)


def _whole(part: Part, key: str, name: str, said: str, *, is_added: bool, effect: Effect) -> Change:
    """Return the change that adds or takes out one thing; `said` is all that it says."""
    before, after = ("", said) if is_added else (said, "")
    return Change(part, key, name, "", before, after, effect)
