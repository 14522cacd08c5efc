"""What stores say of orders."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.erasure import events
from consent_app.erasure.actions.completion import close_if_done
from consent_app.erasure.errors import (
    ConfirmedDifferently,
    ErasedAtImpossible,
    MessageReused,
    OrderUnknown,
)
from consent_app.erasure.messages import Confirmed
from consent_app.erasure.models import DataStore, StoreErasure
from consent_app.erasure.webhooks import TOLERANCE
from consent_app.people.queries import lock_person, system_user


def confirm_at_store(*, store: DataStore, said: Confirmed, message_id: str) -> StoreErasure:
    """Keep a store's word that it erased, once; the same again changes nothing.

    The caller has verified that the store signed it.

    Raises:
        OrderUnknown: this store was given no such order.
        ErasedAtImpossible, ConfirmedDifferently, MessageReused.
    """
    try:
        return _confirm(store, said, message_id)
    except IntegrityError as error:
        if "erasure_store_message_once" not in str(error):
            raise
        raise MessageReused from error


@transaction.atomic
def _confirm(store: DataStore, said: Confirmed, message_id: str) -> StoreErasure:
    now = timezone.now()
    found = (
        StoreErasure.objects.select_related("order__employee")
        .filter(store=store, order=said.order)
        .first()
    )
    if found is None:
        raise OrderUnknown
    lock_person(found.order.employee)
    erasure = StoreErasure.objects.select_related("order__employee", "store").get(pk=found.pk)
    if erasure.confirmed_at is not None:
        if _words(erasure) != (said.erased_at, said.used_in_training, said.records):
            raise ConfirmedDifferently
        return erasure
    _check_time(said.erased_at, ordered_at=erasure.order.ordered_at, now=now)
    erasure.confirmed_at = now
    erasure.confirmation_id = message_id
    erasure.erased_at = said.erased_at
    erasure.used_in_training = said.used_in_training
    erasure.records = said.records
    # Whoever confirms has received it, whatever became of our connection.
    erasure.received_at = erasure.received_at or now
    erasure.next_attempt_at = erasure.given_up_at = None
    erasure.save()
    details = {
        "store": str(store.pk),
        "name": store.name,
        "erased_at": said.erased_at.isoformat(),
        "used_in_training": said.used_in_training,
        "records": said.records,
    }
    record(
        events.ERASURE_STORE_CONFIRMED,
        actor=system_user(),
        subject=erasure.order,
        at=now,
        person=erasure.order.employee,
        details=details,
    )
    close_if_done(erasure.order, at=now)
    return erasure


def _words(erasure: StoreErasure) -> tuple[datetime | None, str, int | None]:
    return erasure.erased_at, erasure.used_in_training, erasure.records


def _check_time(erased_at: datetime, *, ordered_at: datetime, now: datetime) -> None:
    """Clocks may differ by as much as messages may."""
    if not ordered_at - TOLERANCE <= erased_at <= now + TOLERANCE:
        raise ErasedAtImpossible
