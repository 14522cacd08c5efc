"""Wrapping the stores' keys anew, after a new sealing key came into use."""

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.erasure import events
from consent_app.erasure.models import DataStore
from consent_app.people.models import Employee
from portal.lib import sealing


@transaction.atomic
def rewrap_keys(*, by: Employee) -> int:
    """Wrap all stores' data keys by the sealing key in use; return how many were changed."""
    changed = 0
    for store in DataStore.objects.select_for_update(no_key=True):
        rewrapped = sealing.rewrap(bytes(store.sealing_key))
        if rewrapped is not None:
            store.sealing_key = rewrapped
            store.save(update_fields=["sealing_key"])
            changed += 1
    if changed:
        details = {"rewrapped": changed}
        record(events.KEYS_REWRAPPED, actor=by, subject=by, at=timezone.now(), details=details)
    return changed


def sealing_key_ids() -> set[str]:
    """Return the sealing keys that some store's key is wrapped by."""
    wrapped = DataStore.objects.values_list("sealing_key", flat=True)
    return {sealing.key_id_of(bytes(key)) for key in wrapped}
