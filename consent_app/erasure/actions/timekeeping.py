"""Tells people what is late. Nothing here decides: what is late is so by its date."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.erasure import events
from consent_app.erasure.actions.completion import close_if_done
from consent_app.erasure.models import DataStore, DeviceErasure, ErasureOrder, StoreErasure
from consent_app.erasure.rules import ESCALATED_EVERY, ESCALATED_TO, KEPT_IN_POLICY
from consent_app.notifications.actions import owe, owe_each
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person, people_with_role, system_user


def keep_time() -> None:
    """Give up devices whose time is over, tell owners once, and staff once a day for each store."""
    now = timezone.now()
    over = DeviceErasure.objects.awaited().filter(order__ordered_at__lte=now - KEPT_IN_POLICY)
    for row in over.select_related("order__employee"):
        _give_up(row, at=now)
    for order in _newly_late(now):
        _tell_owner(order, at=now)
    for store in _late_stores(now):
        _tell_staff(store, at=now)


def _newly_late(now: datetime) -> list[ErasureOrder]:
    stores = StoreErasure.objects.overdue(now).values("order")
    devices = DeviceErasure.objects.awaited().filter(due_at__lte=now).values("order")
    orders = ErasureOrder.objects.open().filter(escalated_at__isnull=True)
    late = orders.filter(Q(pk__in=stores) | Q(pk__in=devices))
    return list(late.select_related("employee"))


def _late_stores(now: datetime) -> list[DataStore]:
    """Return the late ones of which nobody was told for a day."""
    late = DataStore.objects.filter(pk__in=StoreErasure.objects.overdue(now).values("store"))
    return list(late.exclude(escalated_at__gt=now - ESCALATED_EVERY))


@transaction.atomic
def _give_up(row: DeviceErasure, *, at: datetime) -> None:
    """No policy names the order any more, so the device can't confirm it."""
    lock_person(row.order.employee)
    if DeviceErasure.objects.awaited().filter(pk=row.pk).update(gone_at=at):
        close_if_done(row.order, at=at)


@transaction.atomic
def _tell_owner(order: ErasureOrder, *, at: datetime) -> None:
    if (
        not ErasureOrder.objects.open()
        .filter(pk=order.pk, escalated_at__isnull=True)
        .update(escalated_at=at)
    ):
        return
    record(
        events.ERASURE_ESCALATED,
        actor=system_user(),
        subject=order,
        at=at,
        person=order.employee,
    )
    owe("erasure_overdue", to=order.employee, context={"order": str(order.pk)})


@transaction.atomic
def _tell_staff(store: DataStore, *, at: datetime) -> None:
    """Say which store is late, and nothing of whose orders or how many."""
    unchanged = DataStore.objects.filter(pk=store.pk, escalated_at=store.escalated_at)
    if not unchanged.update(escalated_at=at):
        return  # somebody else was first
    record(
        events.STORE_ESCALATED,
        actor=system_user(),
        subject=store,
        at=at,
        details={"name": store.name},
    )
    people: set[Employee] = {person for role in ESCALATED_TO for person in people_with_role(role)}
    owe_each("store_overdue", {person: {"store": store.name} for person in people})
