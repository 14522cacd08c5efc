"""Beginning, writing and giving up the next version of the register."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from consent_app.register import events
from consent_app.register.errors import (
    DraftExists,
    DraftWithLegal,
    NotProgrammeOwner,
    RegisterNotPublished,
    SomebodyWroteMeanwhile,
)
from consent_app.register.models import RegisterVersion, VersionState

# What a draft takes over from the version it changes.
_COPIED = ("purpose", "limits", "readers", "never_collected", "notice_fields")
_PARTS = ("applications", "kinds", "safeguards")


@transaction.atomic
def start_draft(*, by: Employee) -> RegisterVersion:
    """Begin the next version with everything that the last published one says.

    Raises:
        NotProgrammeOwner: only the programme owner writes.
        RegisterNotPublished: the first version comes with the files.
        DraftExists: one is being prepared already.
    """
    check_owner(by)
    published = RegisterVersion.objects.published().order_by("-number")
    # Whoever else begins one waits here; what follows is read after the lock.
    if published.select_for_update(no_key=True).values("pk").first() is None:
        raise RegisterNotPublished
    if RegisterVersion.objects.unpublished().exists():
        raise DraftExists
    newest = published.defer("document")[0]
    now = timezone.now()
    draft = RegisterVersion.objects.create(
        number=newest.number + 1,
        based_on=newest,
        drafted_by=by,
        drafted_at=now,
        **{name: getattr(newest, name) for name in _COPIED},
    )
    for part in _PARTS:
        _copy(getattr(newest, part).all(), to=draft)
    record(events.DRAFT_STARTED, actor=by, subject=draft, at=now)
    return draft


@transaction.atomic
def discard_draft(*, draft: RegisterVersion, by: Employee, seen: datetime) -> None:
    """Give a draft up; its number is free again.

    Raises:
        NotProgrammeOwner, DraftWithLegal, SomebodyWroteMeanwhile.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        record(events.DRAFT_DISCARDED, actor=by, subject=locked, at=timezone.now())
    for part in _PARTS:
        getattr(locked, part).all().delete()
    locked.delete()


@contextmanager
def editing(*, draft: RegisterVersion, by: Employee, seen: datetime) -> Iterator[RegisterVersion]:
    """Lock a draft while `by` writes to it; `seen` is its `drafted_at` on the writer's screen.

    Belongs into a transaction. Single edits are not in the log: what legal is shown is.

    Raises:
        NotProgrammeOwner: only the programme owner writes.
        DraftWithLegal: it is no draft any more.
        SomebodyWroteMeanwhile: another edit, or the end of the draft, came first.
    """
    check_owner(by)
    locked = RegisterVersion.objects.select_for_update(no_key=True).filter(pk=draft.pk).first()
    if locked is None:
        raise SomebodyWroteMeanwhile
    if locked.state != VersionState.DRAFT:
        raise DraftWithLegal
    if locked.drafted_at != seen:
        raise SomebodyWroteMeanwhile
    yield locked
    locked.drafted_by, locked.drafted_at = by, timezone.now()
    locked.save()


def check_owner(person: Employee) -> None:
    if not person.has_role(Role.PROGRAMME_OWNER):
        raise NotProgrammeOwner


def _copy(rows: QuerySet[Any], *, to: RegisterVersion) -> None:
    copies = list(rows)
    for copy in copies:
        copy.pk = None
        copy._state.adding = True  # noqa: SLF001 (Django's documented way to copy a row)
        copy.version = to
    rows.bulk_create(copies)
