"""Sends one order to one store: claims the row, sends, notes what became of it.

May run twice, and sends at least once: the message has the same id and the same body each time. No
transaction is open while a store takes its time.
"""

import logging
import random
import uuid
from datetime import timedelta

from django.db.models import F
from django.utils import timezone
from pydantic import ValidationError

from consent_agent.protocol.errors import DocumentRefused
from consent_app.erasure import queries, rules, sending, webhooks
from consent_app.erasure.actions.replies import confirm_at_store
from consent_app.erasure.messages import order_message, read_confirmation
from consent_app.erasure.models import StoreErasure, StoreErasureQuerySet
from consent_app.erasure.sending import Answer, Undelivered
from portal.lib.refusals import Refusal

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)


def deliver(*, erasure_id: uuid.UUID) -> bool:
    """Send the order if it is still to be sent and nobody else is at it; say whether it arrived."""
    erasure = _claimed(erasure_id)
    if erasure is None:
        return False
    try:
        answer = _send(erasure)
    except Undelivered as undelivered:
        logger.warning("erasure %s not delivered: %s", erasure_id, undelivered.failure)
        _put_back(erasure, undelivered.failure)
        return False
    _unconfirmed(erasure).update(
        received_at=timezone.now(), next_attempt_at=None, given_up_at=None, last_failure=""
    )
    if "webhook-signature" in answer.headers:
        _take_confirmation(erasure, answer)
    return True


def _claimed(erasure_id: uuid.UUID) -> StoreErasure | None:
    now = timezone.now()
    claimed = (
        StoreErasure.objects.to_send(now)
        .filter(pk=erasure_id)
        .update(next_attempt_at=now + CLAIM, attempts=F("attempts") + 1)
    )
    if not claimed:
        return None
    return StoreErasure.objects.select_related("order__employee", "store").get(pk=erasure_id)


def _send(erasure: StoreErasure) -> Answer:
    now = timezone.now()
    body = order_message(erasure)
    headers = webhooks.signed_headers(
        body, message_id=str(erasure.pk), at=now, keys=queries.keys_of(erasure.store, at=now)
    )
    answer = sending.post(erasure.store.endpoint, headers=headers, body=body)
    if not answer.is_received:
        raise Undelivered(f"status_{answer.status}")
    return answer


def _put_back(erasure: StoreErasure, failure: str) -> None:
    """Try again later, each time after twice as long; in the end give up visibly."""
    now = timezone.now()
    wait = rules.wait_after(erasure.attempts, jitter=random.random())  # noqa: S311 (spreads load)
    _unconfirmed(erasure).update(
        last_failure=failure,
        next_attempt_at=now + wait if wait else None,
        given_up_at=None if wait else now,
    )


def _unconfirmed(erasure: StoreErasure) -> StoreErasureQuerySet:
    """Leave the row alone if the store has confirmed meanwhile."""
    return StoreErasure.objects.unconfirmed().filter(pk=erasure.pk)


def _take_confirmation(erasure: StoreErasure, answer: Answer) -> None:
    """Take a signed answer as the confirmation. One that is wrong leaves the order received."""
    try:
        message_id = queries.verified_message(
            erasure.store, body=answer.body, headers=dict(answer.headers)
        )
        said = read_confirmation(answer.body)
        if (said.store, said.order) != (erasure.store_id, erasure.order_id):
            logger.warning("erasure %s: the answer is about another order", erasure.pk)
            return
        confirm_at_store(store=erasure.store, said=said, message_id=message_id)
    except (Refusal, DocumentRefused, ValidationError) as refused:
        logger.warning("erasure %s: answer not taken: %s", erasure.pk, type(refused).__name__)
