"""Celery tasks. The broker is only a hint: the sweeper finds every row that a worker left."""

import logging
import uuid

from celery import shared_task
from kombu.exceptions import OperationalError

from consent_app.notifications import delivery, queries, retention

logger = logging.getLogger(__name__)


def hint(notification_id: uuid.UUID) -> bool:
    """Tell a worker, if the broker is there; if not, the sweeper will. Say whether it was there."""
    try:
        deliver.delay(str(notification_id))
    except OperationalError:
        logger.warning("broker away; notification %s waits for the sweeper", notification_id)
        return False
    return True


@shared_task(name="notifications.deliver")
def deliver(notification_id: str) -> None:
    """Mail one notification, unless that was done."""
    delivery.mail(uuid.UUID(notification_id))


@shared_task(name="notifications.sweep")
def sweep() -> None:
    """Deliver what is owed and nobody is at; one that can't be made does not hold up the others."""
    for notification_id in queries.waiting(limit=500):
        try:
            delivery.mail(notification_id)
        except Exception:  # the outermost edge of each message's own delivery
            logger.exception("notification %s is at fault", notification_id)


@shared_task(name="notifications.forget")
def forget() -> None:
    """Delete what has long been read and mailed."""
    retention.forget_settled()
