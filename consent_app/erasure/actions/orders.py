"""Ordering that something be forgotten."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.erasure import events, queries, rules, tasks
from consent_app.erasure.actions.completion import close_if_done
from consent_app.erasure.errors import ApplicationUnknown, OrderCovered
from consent_app.erasure.models import DeviceErasure, ErasureOrder, StoreErasure
from consent_app.erasure.rules import STORE_DEADLINE, KnownDevice, Scope
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.restrictions.signals import restrictions_changed


@transaction.atomic
def order_erasure(
    *, employee: Employee, by: Employee, scope: Scope, devices: Iterable[KnownDevice]
) -> ErasureOrder:
    """Order that devices and stores forget what was collected from `employee` in `scope`.

    `devices` is gone through once the person is locked: until then one may still be removed.
    Policies that say so are signed in the same transaction; stores are told after it.

    Raises:
        PeriodInFuture, PeriodBackwards, PeriodTooOld, ApplicationsTooMany, ApplicationUnknown,
        OrdersTooMany.
        OrderCovered: an open order asks for all of it already.
    """
    now = timezone.now()
    rules.check_scope(scope, now=now, kept_for=queries.longest_kept())
    if scope.applications and not scope.applications <= queries.collected_slugs():
        raise ApplicationUnknown
    employee = lock_person(employee)
    pending = list(queries.orders_of(employee).open())
    if any(order.scope.covers(scope) for order in pending):
        raise OrderCovered
    rules.check_open_orders(len(pending))
    order = ErasureOrder.objects.create(
        employee=employee,
        starts_at=scope.starts_at,
        ends_at=scope.ends_at,
        applications=None if scope.applications is None else sorted(scope.applications),
        ordered_at=now,
    )
    DeviceErasure.objects.bulk_create(
        DeviceErasure(
            order=order, device=device.id, hostname=device.hostname, is_awaited=device.is_active
        )
        for device in devices
    )
    messages = StoreErasure.objects.bulk_create(
        StoreErasure(order=order, store=store, due_at=now + STORE_DEADLINE, next_attempt_at=now)
        for store in queries.active_stores()
    )
    details = {
        "from": scope.starts_at.isoformat(),
        "until": scope.ends_at.isoformat(),
        "applications": order.applications,
    }
    record(
        events.ERASURE_ORDERED,
        actor=by,
        subject=order,
        at=now,
        person=employee,
        details=details,
    )
    restrictions_changed.send(sender=ErasureOrder, employees=[employee], everyone=False, at=now)
    close_if_done(order, at=now)
    for message in messages:
        transaction.on_commit(partial(tasks.hint, message.pk))
    return order
