"""What devices say of orders, told by their own room."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from consent_app.audit.actions import record
from consent_app.erasure import events
from consent_app.erasure.actions.completion import close_if_done
from consent_app.erasure.models import DeviceErasure
from consent_app.erasure.rules import DEVICE_DEADLINE, LastGiven
from consent_app.people.models import Employee


@transaction.atomic
def confirm_on_device(
    *, device: uuid.UUID, owner: Employee, orders: Collection[str], at: datetime
) -> None:
    """Keep the device's word that it applied a policy that lists these orders.

    The caller holds the owner's lock. What it does not have to confirm is passed over.
    """
    rows = DeviceErasure.objects.awaited().filter(
        device=device, order__in=[uuid.UUID(order) for order in orders], order__employee=owner
    )
    for row in rows.select_related("order__employee"):
        row.confirmed_at = at
        row.save(update_fields=["confirmed_at"])
        details = {"device": str(device), "hostname": row.hostname}
        record(
            events.ERASURE_DEVICE_CONFIRMED,
            actor=owner,
            subject=row.order,
            at=at,
            person=owner,
            details=details,
        )
        close_if_done(row.order, at=at)


@transaction.atomic
def forget_device(*, device: uuid.UUID, at: datetime) -> None:
    """Await nothing more of a device that was removed. The caller holds its owner's lock."""
    rows = DeviceErasure.objects.awaited().filter(device=device)
    for row in rows.select_related("order__employee"):
        row.gone_at = at
        row.save(update_fields=["gone_at"])
        close_if_done(row.order, at=at)


def note_told(given: Mapping[uuid.UUID, LastGiven]) -> None:
    """Begin the time of devices that were given a policy with an order in it."""
    rows = DeviceErasure.objects.awaited().filter(told_at__isnull=True, device__in=list(given))
    for row in rows.select_related("order"):
        last = given[row.device]
        if last.signed_at < row.order.ordered_at:
            continue
        # Conditional, for the device may confirm meanwhile.
        DeviceErasure.objects.awaited().filter(pk=row.pk).update(
            told_at=last.given_at, due_at=last.given_at + DEVICE_DEADLINE
        )
