"""Ends an order with the last word about it."""

from datetime import datetime

from consent_app.audit.actions import record
from consent_app.erasure import events
from consent_app.erasure.messages import certificate
from consent_app.erasure.models import DeviceErasure, ErasureOrder, Outcome, StoreErasure
from consent_app.notifications.actions import owe
from consent_app.people.queries import system_user


def close_if_done(order: ErasureOrder, *, at: datetime) -> None:
    """Complete the order if nobody's word is missing; end it without if some can't come any more.

    The caller holds the lock of the order's owner. The certificate is what the log says of the
    completion; it is made of what everybody said, and of nothing else.
    """
    if (
        order.closed_at is not None
        or DeviceErasure.objects.awaited().filter(order=order).exists()
        or StoreErasure.objects.unconfirmed().filter(order=order).exists()
    ):
        return
    is_complete = not order.devices.filter(is_awaited=True, gone_at__isnull=False).exists()
    order.closed_at = at
    order.outcome = Outcome.COMPLETED if is_complete else Outcome.INCOMPLETE
    order.save(update_fields=["closed_at", "outcome"])
    record(
        events.ERASURE_COMPLETED if is_complete else events.ERASURE_CLOSED,
        actor=system_user(),
        subject=order,
        at=at,
        person=order.employee,
        details=certificate(order, at=at) if is_complete else {},
    )
    event = "erasure_completed" if is_complete else "erasure_closed"
    owe(event, to=order.employee, context={"order": str(order.pk)})
