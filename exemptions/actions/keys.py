"""Wrapping every request's key anew, after a new sealing key came into use."""

import uuid

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from exemptions import events
from exemptions.models import ExemptionRequest
from portal.lib import sealing

BATCH = 500


def rewrap_keys(*, by: Employee) -> int:
    """Wrap all request keys by the sealing key in use; return how many were changed.

    May be stopped and run again: each batch is a transaction of its own, and what is done is
    left alone. What was written stays as it is; only the small keys change.
    """
    changed = 0
    last: uuid.UUID | None = None
    while batch := _batch_after(last):
        last = batch[-1]
        changed += _rewrap(batch)
    if changed:
        with transaction.atomic():
            record(
                events.KEYS_REWRAPPED, actor=by, subject=by, at=timezone.now(),
                details={"rewrapped": changed},
            )  # fmt: skip
    return changed


def key_ids_in_use() -> set[str]:
    """Return the sealing keys that some request's key is wrapped by."""
    stored = ExemptionRequest.objects.exclude(sealing_key=None)
    wrapped = stored.values_list("sealing_key", flat=True).iterator(chunk_size=BATCH)
    return {sealing.key_id_of(bytes(key)) for key in wrapped if key is not None}


def _batch_after(last: uuid.UUID | None) -> list[uuid.UUID]:
    rows = ExemptionRequest.objects.exclude(sealing_key=None).order_by("pk")
    if last is not None:
        rows = rows.filter(pk__gt=last)
    return list(rows.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _rewrap(ids: list[uuid.UUID]) -> int:
    changed = 0
    # Two rotations at once would otherwise put back what the other replaced.
    for request in ExemptionRequest.objects.select_for_update(no_key=True).filter(pk__in=ids):
        if request.sealing_key is None:
            continue
        rewrapped = sealing.rewrap(bytes(request.sealing_key))
        if rewrapped is not None:
            request.sealing_key = rewrapped
            request.save(update_fields=["sealing_key"])
            changed += 1
    return changed
