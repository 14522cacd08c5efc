"""Every edit of a draft: words, kinds of data, applications, safeguards, notices."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from consent_app.people.models import Employee
from consent_app.register import rules
from consent_app.register.actions.drafts import editing
from consent_app.register.errors import (
    ApplicationWrong,
    IdentifierTaken,
    KindInUse,
    NoSuchEntry,
    PasswordsStayProtected,
    PortalStaysExcluded,
    SafeguardWrong,
)
from consent_app.register.models import Application, DataKind, RegisterVersion
from consent_app.register.notice_fields import NoticeFields
from consent_app.register.programme import KindWords, NeverCollectedWords, ReaderWords
from consent_app.register.queries.drafts import category_of, kept_safeguards
from consent_app.register.rules import Row
from consent_app.register.source import application_of, identifiers_of, safeguard_of
from consent_app.register.tables import row_of


@transaction.atomic
def save_words(
    *,
    draft: RegisterVersion,
    by: Employee,
    seen: datetime,
    purpose: str,
    limits: str,
    readers: Sequence[ReaderWords],
    never_collected: Sequence[NeverCollectedWords],
) -> None:
    """Write what it is for, what it is not used for, who reads it and what is never collected.

    Raises:
        NotProgrammeOwner, DraftWithLegal, SomebodyWroteMeanwhile.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        locked.purpose, locked.limits = purpose, limits
        locked.readers = [reader.model_dump() for reader in readers]
        locked.never_collected = [entry.model_dump() for entry in never_collected]


@transaction.atomic
def save_notice_fields(
    *, draft: RegisterVersion, by: Employee, seen: datetime, fields: NoticeFields
) -> None:
    """Write what laws ask of notices; what is empty keeps the version from being published."""
    with editing(draft=draft, by=by, seen=seen) as locked:
        locked.notice_fields = fields.model_dump()


@transaction.atomic
def save_kinds(
    *,
    draft: RegisterVersion,
    by: Employee,
    seen: datetime,
    kinds: Sequence[KindWords],
    everywhere: Collection[str] = (),
) -> None:
    """Write the kinds of data. One that is left out is taken from every application.

    Those `everywhere` are given to every application that is collected from.

    Raises:
        KindInUse: an application that is collected from would have no kind any more.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        codes = [kind.code for kind in kinds]
        applications = list(locked.applications.captured())
        for application in applications:
            wanted = {*application.kinds, *everywhere}
            application.kinds = [code for code in codes if code in wanted]
            if not application.kinds:
                raise KindInUse(f"{application.name} would be collected from without any kind.")
        Application.objects.bulk_update(applications, ["kinds"])
        locked.kinds.all().delete()
        DataKind.objects.bulk_create(
            DataKind(version=locked, position=position, **kind.model_dump())
            for position, kind in enumerate(kinds)
        )


@transaction.atomic
def save_application(
    *,
    draft: RegisterVersion,
    by: Employee,
    seen: datetime,
    row: Row,
    kinds: Sequence[str],
    replaces: str | None,
) -> None:
    """Add an application, or write one anew that is called `replaces`; `row` is as in the table.

    Raises:
        ApplicationWrong: with everything that is wrong.
        IdentifierTaken: another application has one of its names; it says which.
        PortalStaysExcluded: the portal's own entry stays as it is.
        NoSuchEntry: `replaces` is not in the draft any more.
    """
    problems = list(rules.check_application(row))
    if row["default_scope"] == "captured" and not kinds:
        problems.append("kinds is empty: nothing would be collected from it")
    if problems:
        raise ApplicationWrong(problems)
    with editing(draft=draft, by=by, seen=seen) as locked:
        others = locked.applications.all()
        if replaces is not None:
            _remove(locked, replaces)
        _check_names(row, list(others))
        application = application_of(row, list(kinds))
        application.version = locked
        application.save()


@transaction.atomic
def remove_application(*, draft: RegisterVersion, by: Employee, seen: datetime, slug: str) -> None:
    """Take an application out: what is not listed is not collected.

    Raises:
        PortalStaysExcluded, NoSuchEntry.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        _remove(locked, slug)


@transaction.atomic
def save_safeguard(
    *, draft: RegisterVersion, by: Employee, seen: datetime, row: Row, replaces: str | None
) -> None:
    """Add a safeguard, or write one anew; `row` has examples that its pattern is tried on.

    Raises:
        SafeguardWrong: with everything that is wrong.
        PasswordsStayProtected: what protects password fields stays as it is.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        if replaces is not None:
            _remove_safeguard(locked, replaces)
        problems = [
            *rules.check_safeguard(row),
            *rules.check_category_examples(row, category_of(locked)),
        ]
        if locked.safeguards.filter(safeguard_id=row["id"]).exists():
            problems.append(f"id {row['id']!r} is another safeguard's")
        if problems:
            raise SafeguardWrong(problems)
        safeguard = safeguard_of(row)
        safeguard.version = locked
        safeguard.save()


@transaction.atomic
def remove_safeguard(
    *, draft: RegisterVersion, by: Employee, seen: datetime, safeguard_id: str
) -> None:
    """Take a safeguard out. It widens what is collected, and the diff says so.

    Raises:
        PasswordsStayProtected, NoSuchEntry.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        _remove_safeguard(locked, safeguard_id)


def _remove(draft: RegisterVersion, slug: str) -> None:
    if slug == rules.PORTAL_SLUG:
        raise PortalStaysExcluded
    removed, _ = draft.applications.filter(slug=slug).delete()
    if not removed:
        raise NoSuchEntry


def _remove_safeguard(draft: RegisterVersion, safeguard_id: str) -> None:
    if safeguard_id in kept_safeguards(draft):
        raise PasswordsStayProtected
    removed, _ = draft.safeguards.filter(safeguard_id=safeguard_id).delete()
    if not removed:
        raise NoSuchEntry


def _check_names(row: Row, others: Sequence[Application]) -> None:
    taken = {name: other.name for other in others for name in identifiers_of(row_of(other))}
    for name in identifiers_of(row):
        if name in taken:
            raise IdentifierTaken(f"{name[0]} {name[1]!r} belongs to {taken[name]}.")
