"""Reads of copies: one's own, and those that wait for a worker or for their end."""

import uuid
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables

from consent_app.access import rules
from consent_app.access.models import CopyPart, DataCopy, DataCopyQuerySet
from consent_app.people.models import Employee
from portal.lib import sealing


def newest_copy(employee: Employee, *, at: datetime) -> DataCopy | None:
    """Return the copy that this person asked for last; one that is over is there no more."""
    is_over = Q(expires_at__isnull=False, expires_at__lte=at)
    return DataCopy.objects.filter(employee=employee).exclude(is_over).first()


def copy_for(employee: Employee, copy_id: uuid.UUID, *, at: datetime) -> DataCopy:
    """Return a copy of one's own data that is ready; 404 also hides those of others."""
    return get_object_or_404(DataCopy.objects.ready(at), pk=copy_id, employee=employee)


def last_request_at(employee: Employee) -> datetime | None:
    """Return when this person last asked for a copy that did not fail."""
    asked = DataCopy.objects.filter(employee=employee, failed_at__isnull=True)
    return asked.values_list("requested_at", flat=True).first()


def content_of(copy: DataCopy) -> Iterator[bytes]:
    """Yield the ZIP of a ready copy, part by part.

    Raises:
        KeysMissing, Unreadable: it can't be opened here, or was altered.
    """
    for number in range(copy.part_count):
        yield _opened(copy, number)


def waiting(*, at: datetime, limit: int) -> list[uuid.UUID]:
    """Return copies that nobody is at, the longest asked for first."""
    found = DataCopy.objects.unclaimed(at).order_by("requested_at")
    return list(found.values_list("pk", flat=True)[:limit])


def over(*, at: datetime) -> DataCopyQuerySet:
    """Return what is to be deleted: copies past their end, and those that failed as long ago."""
    has_failed = Q(failed_at__lte=at - rules.KEPT_FOR)
    return DataCopy.objects.filter(Q(expires_at__lte=at) | has_failed)


@sensitive_variables()
def _opened(copy: DataCopy, number: int) -> bytes:
    part = CopyPart.objects.get(copy=copy, number=number)
    key = bytes(copy.sealing_key or b"")
    return sealing.unseal(key, bytes(part.content), purpose=copy.purpose(number))
