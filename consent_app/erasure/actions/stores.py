"""Registering the programs that hold recordings, their addresses and keys."""

import uuid
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.audit.actions import record
from consent_app.erasure import events, sending, tasks, webhooks
from consent_app.erasure.errors import (
    DataStoreExists,
    DataStoreRetired,
    DataStoreUnclear,
    DataStoreUnknown,
)
from consent_app.erasure.models import DataStore, StoreErasure
from consent_app.erasure.rules import FORMER_KEY_COUNTS
from consent_app.people.models import Employee
from portal.lib import sealing


@sensitive_variables()
def add_store(*, name: str, holds: str, endpoint: str, by: Employee) -> tuple[DataStore, str]:
    """Register a store and return it with its key, which is shown this once.

    Raises:
        DataStoreUnclear, EndpointUnusable, DataStoreExists.
        KeysMissing: there is no sealing key here.
    """
    name, holds = name.strip(), holds.strip()
    if not (0 < len(name) <= 80 and 0 < len(holds) <= 300):
        raise DataStoreUnclear
    sending.check_endpoint(endpoint)
    key = webhooks.new_key()
    store = DataStore(
        id=uuid.uuid4(),
        name=name,
        holds=holds,
        endpoint=endpoint,
        sealing_key=sealing.new_data_key(),
        added_at=timezone.now(),
    )
    store.secret = _sealed(store, key)
    try:
        _keep(store, by)
    except IntegrityError as error:
        raise DataStoreExists from error
    return store, key


@transaction.atomic
def _keep(store: DataStore, by: Employee) -> None:
    store.save(force_insert=True)
    details = {"name": store.name, "holds": store.holds, "endpoint": store.endpoint}
    record(events.STORE_ADDED, actor=by, subject=store, at=store.added_at, details=details)


@sensitive_variables()
@transaction.atomic
def rotate_key(*, name: str, by: Employee) -> str:
    """Give the store a new key and return it; the former one counts for another day.

    Raises:
        DataStoreUnknown.
    """
    now = timezone.now()
    store = _locked(name)
    key = webhooks.new_key()
    store.former_secret, store.former_until = store.secret, now + FORMER_KEY_COUNTS
    store.secret = _sealed(store, key)
    store.save(update_fields=["secret", "former_secret", "former_until"])
    record(events.STORE_KEY_ROTATED, actor=by, subject=store, at=now)
    return key


@transaction.atomic
def move_store(*, name: str, endpoint: str, by: Employee) -> DataStore:
    """Send orders to another address from now on. Raises DataStoreUnknown, EndpointUnusable."""
    sending.check_endpoint(endpoint)
    store = _locked(name)
    store.endpoint = endpoint
    store.save(update_fields=["endpoint"])
    details = {"endpoint": endpoint}
    record(events.STORE_MOVED, actor=by, subject=store, at=timezone.now(), details=details)
    return store


@transaction.atomic
def retire_store(*, name: str, by: Employee) -> DataStore:
    """Give it no new orders. Those that it was given it still has to confirm.

    Raises:
        DataStoreUnknown, DataStoreRetired.
    """
    now = timezone.now()
    store = _locked(name)
    if store.retired_at is not None:
        raise DataStoreRetired
    store.retired_at = now
    store.save(update_fields=["retired_at"])
    record(events.STORE_RETIRED, actor=by, subject=store, at=now, details={"name": store.name})
    return store


@transaction.atomic
def resend_orders(*, name: str, by: Employee) -> int:
    """Send everything again that the store has not confirmed; return how many orders.

    Raises:
        DataStoreUnknown.
    """
    now = timezone.now()
    store = _locked(name)
    unconfirmed = StoreErasure.objects.unconfirmed().filter(store=store)
    waiting = list(unconfirmed.values_list("pk", flat=True))
    unconfirmed.update(next_attempt_at=now, attempts=0, given_up_at=None)
    record(events.STORE_ORDERS_RENEWED, actor=by, subject=store, at=now)
    for erasure_id in waiting:
        transaction.on_commit(partial(tasks.hint, erasure_id))
    return len(waiting)


def _locked(name: str) -> DataStore:
    store = DataStore.objects.select_for_update(no_key=True).filter(name=name).first()
    if store is None:
        raise DataStoreUnknown
    return store


@sensitive_variables()
def _sealed(store: DataStore, key: str) -> bytes:
    wrapped = bytes(store.sealing_key)
    return sealing.seal(wrapped, webhooks.read_key(key), purpose=store.purpose)
