"""Asking for a copy of everything, making it, giving it out, and deleting it."""

import logging
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from consent_app.access import events, queries, rules, tasks
from consent_app.access.archive import write_archive
from consent_app.access.errors import CopyInTheMaking
from consent_app.access.models import DataCopy, DataCopyQuerySet
from consent_app.access.parts import SealedParts
from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person, system_user
from portal.lib import sealing

logger = logging.getLogger(__name__)

# Longer than a worker may take (schedule.TIME_LIMIT): who finds it over knows that nobody is there.
CLAIM = timedelta(minutes=15)
MAX_ATTEMPTS = 3


@transaction.atomic
def request_copy(*, employee: Employee, by: Employee) -> DataCopy:
    """Ask for a copy of everything that is held about somebody; a worker makes it.

    Raises:
        CopyInTheMaking: one is being made.
        AskedToday: the last was asked for less than a day ago.
    """
    now = timezone.now()
    lock_person(employee)
    if DataCopy.objects.in_the_making().filter(employee=employee).exists():
        raise CopyInTheMaking
    rules.check_not_asked_today(last=queries.last_request_at(employee), at=now)
    copy = DataCopy.objects.create(employee=employee, requested_at=now)
    # Only now: the lock of this row keeps the portal's key that wraps it from being retired.
    copy.sealing_key = sealing.new_data_key()
    copy.save(update_fields=["sealing_key"])
    record(events.COPY_REQUESTED, actor=by, subject=copy, at=now, person=employee)
    transaction.on_commit(lambda: tasks.hint(copy.pk))
    return copy


def prepare_copy(*, copy_id: uuid.UUID) -> bool:
    """Make a copy unless that was done or a worker is at it; say whether it was made now.

    What a worker that was killed had written is gone with its transaction, and it is made again
    once its claim is over; after MAX_ATTEMPTS it is given up.
    """
    now = timezone.now()
    claimed = (
        DataCopy.objects.unclaimed(now)
        .filter(pk=copy_id)
        .update(claimed_until=now + CLAIM, attempts=F("attempts") + 1)
    )
    if not claimed:
        return False
    copy = DataCopy.objects.select_related("employee__jurisdiction").get(pk=copy_id)
    if copy.attempts > MAX_ATTEMPTS:
        _give_up(copy)
        return False
    try:
        _make(copy)
    except Exception:
        _still_in_the_making(copy).update(claimed_until=None)
        raise
    return True


@transaction.atomic
def note_download(*, copy: DataCopy, by: Employee) -> None:
    """Record that a copy was given out."""
    record(
        events.COPY_DOWNLOADED, actor=by, subject=copy, at=timezone.now(), person=copy.employee
    )  # fmt: skip


def delete_copies() -> int:
    """Delete the copies that are over; return how many."""
    deleted = 0
    for copy in queries.over(at=timezone.now()).select_related("employee"):
        _delete(copy)
        deleted += 1
    return deleted


@transaction.atomic
def rewrap_keys() -> int:
    """Wrap all copies' keys by the sealing key in use; return how many were changed."""
    changed = 0
    for copy in DataCopy.objects.select_for_update(no_key=True).exclude(sealing_key=None):
        rewrapped = sealing.rewrap(bytes(copy.sealing_key or b""))
        if rewrapped is not None:
            copy.sealing_key = rewrapped
            copy.save(update_fields=["sealing_key"])
            changed += 1
    return changed


def key_ids_in_use() -> set[str]:
    """Return the sealing keys that some copy's key is wrapped by."""
    stored = DataCopy.objects.exclude(sealing_key=None)
    return {
        sealing.key_id_of(bytes(key)) for key in stored.values_list("sealing_key", flat=True) if key
    }


@transaction.atomic
def _make(copy: DataCopy) -> None:
    person = copy.employee
    parts = SealedParts(copy)
    write_archive(parts, person=person, made_at=timezone.now())
    parts.finish()
    now = timezone.now()
    _still_in_the_making(copy).update(
        prepared_at=now,
        expires_at=now + rules.KEPT_FOR,
        claimed_until=None,
        part_count=parts.count,
        size_bytes=parts.size,
    )
    for older in DataCopy.objects.filter(employee=person).exclude(pk=copy.pk):
        _delete(older)
    record(
        events.COPY_PREPARED, actor=system_user(), subject=copy, at=now, person=person,
        details={"size_bytes": parts.size},
    )  # fmt: skip
    owe("access_ready", to=person)


@transaction.atomic
def _give_up(copy: DataCopy) -> None:
    now = timezone.now()
    _still_in_the_making(copy).update(failed_at=now, claimed_until=None)
    logger.error("copy %s was given up", copy.pk)
    record(events.COPY_FAILED, actor=system_user(), subject=copy, at=now, person=copy.employee)
    owe("access_failed", to=copy.employee)


@transaction.atomic
def _delete(copy: DataCopy) -> None:
    record(
        events.COPY_DELETED, actor=system_user(), subject=copy, at=timezone.now(),
        person=copy.employee,
    )  # fmt: skip
    copy.delete()


def _still_in_the_making(copy: DataCopy) -> DataCopyQuerySet:
    return DataCopy.objects.in_the_making().filter(pk=copy.pk)
