"""Reads of orders and stores.

An order is its owner's alone: `orders_of`, `order_for`. Staff see stores and how many confirmations
are late, never whose. What stores and devices say arrives through the functions named for them.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Max, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.audit.models import Leaf
from consent_app.audit.queries import events_about
from consent_app.erasure import events, webhooks
from consent_app.erasure.models import (
    DataStore,
    DeviceErasure,
    ErasureOrder,
    ErasureOrderQuerySet,
    StoreErasure,
)
from consent_app.erasure.rules import MAY_SEE_STORES, shown_count
from consent_app.people.models import Employee
from consent_app.register.models import Application, VersionState
from consent_app.register.queries import current_version
from portal.lib import sealing

# A hint sent after the commit gets this long before the sweeper takes the row itself.
HINT_HEAD_START = timedelta(seconds=10)


# Of one's own


def orders_of(employee: Employee) -> ErasureOrderQuerySet:
    """Return this person's own orders, the latest first."""
    return ErasureOrder.objects.filter(employee=employee)


def order_for(employee: Employee, order_id: uuid.UUID) -> ErasureOrder:
    """Return one of this person's own, with devices and stores; 404 also hides others'."""
    return get_object_or_404(_whole_orders(), pk=order_id, employee=employee)


def completion_of(order: ErasureOrder) -> Leaf | None:
    """Return the log's entry that an order of one's own was completed: its certificate."""
    found = events_about(order.employee.pseudonym)
    subject = f"erasureorder:{order.pk}"
    return found.filter(event=events.ERASURE_COMPLETED, subject=subject).first()


def longest_kept() -> timedelta:
    """Return for how long the register lets anything be kept; nothing before the first."""
    version = current_version()
    kinds = version.kinds.aggregate(days=Max("retention_days")) if version else {"days": None}
    return timedelta(days=kinds["days"] or 0)


def collected_applications() -> list[Application]:
    """Return what any published version collects or collected from, by name."""
    listed = Application.objects.captured().filter(version__state=VersionState.PUBLISHED)
    newest = listed.order_by("slug", "-version__number").distinct("slug")
    return sorted(newest, key=lambda application: application.name.casefold())


def collected_slugs() -> frozenset[str]:
    return frozenset(application.slug for application in collected_applications())


# Devices


def orders_for_device(device: uuid.UUID, *, at: datetime) -> list[ErasureOrder]:
    """Return what a policy signed at `at` tells this device to drop."""
    told = DeviceErasure.objects.to_tell(at=at).filter(device=device).select_related("order")
    return [row.order for row in told]


def untold_devices() -> set[uuid.UUID]:
    """Return the devices of which it is not known yet that they were given an order."""
    rows = DeviceErasure.objects.awaited().filter(told_at__isnull=True)
    return set(rows.values_list("device", flat=True))


# Stores


def active_stores() -> QuerySet[DataStore]:
    """Return who is given new orders, by name."""
    return DataStore.objects.filter(retired_at__isnull=True)


def all_stores() -> QuerySet[DataStore]:
    return DataStore.objects.all()


def store_by_id(store_id: uuid.UUID) -> DataStore | None:
    """Return a store, also a retired one: it may still confirm."""
    return DataStore.objects.filter(pk=store_id).first()


@sensitive_variables()
def keys_of(store: DataStore, *, at: datetime) -> list[bytes]:
    """Return the keys that count: the one in use, and the former while it does.

    Raises:
        KeysMissing, Unreadable: they can't be opened here.
    """
    sealed = [bytes(store.secret)]
    if store.former_secret is not None and store.former_until and at < store.former_until:
        sealed.append(bytes(store.former_secret))
    wrapped = bytes(store.sealing_key)
    return [sealing.unseal(wrapped, secret, purpose=store.purpose) for secret in sealed]


def verified_message(store: DataStore | None, *, body: bytes, headers: dict[str, str]) -> str:
    """Return the id of a message that this store signed.

    Raises:
        SignatureInvalid: or there is no such store.
        TimestampOutOfRange.
    """
    now = timezone.now()
    keys = keys_of(store, at=now) if store else []
    return webhooks.verify(body, headers, keys=keys, at=now)


def waiting_messages(*, at: datetime, limit: int) -> list[uuid.UUID]:
    """Return what is to be sent by now and nobody is at, the longest due first."""
    due = StoreErasure.objects.to_send(at - HINT_HEAD_START).order_by("next_attempt_at")
    return list(due.values_list("pk", flat=True)[:limit])


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store as staff see it; counts of small groups are not given."""

    store: DataStore
    open: str
    overdue: str

    @property
    def has_overdue(self) -> bool:
        return self.overdue != "none"


def stores_for(person: Employee) -> list[StoreView]:
    """Return every store with how many confirmations it owes. Raises PermissionDenied."""
    if not person.has_role(*MAY_SEE_STORES):
        raise PermissionDenied
    late = Q(erasures__due_at__lte=timezone.now())
    owed = Q(erasures__isnull=False, erasures__confirmed_at__isnull=True)
    whose = "erasures__order__employee"
    stores = DataStore.objects.annotate(
        open_count=Count("erasures", filter=owed, distinct=True),
        open_people=Count(whose, filter=owed, distinct=True),
        late_count=Count("erasures", filter=owed & late, distinct=True),
        late_people=Count(whose, filter=owed & late, distinct=True),
    ).order_by(F("retired_at").asc(nulls_first=True), "name")
    return [
        StoreView(
            store=store,
            open=shown_count(store.open_count, people=store.open_people),
            overdue=shown_count(store.late_count, people=store.late_people),
        )
        for store in stores
    ]


def _whole_orders() -> QuerySet[ErasureOrder]:
    return ErasureOrder.objects.select_related("employee").prefetch_related(
        "devices", "stores__store"
    )
