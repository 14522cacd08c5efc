"""Celery tasks. The broker is only a hint: the sweeper finds every mail that a worker left."""

import logging
import uuid

from celery import shared_task
from kombu.exceptions import OperationalError

from consent_app.contacts import delivery, queries

logger = logging.getLogger(__name__)


def hint(mail_id: uuid.UUID) -> None:
    """Tell a worker, if the broker is there; if not, the sweeper will."""
    try:
        deliver.delay(str(mail_id))
    except OperationalError:
        logger.warning("broker away; mail %s waits for the sweeper", mail_id)


@shared_task(name="contacts.deliver")
def deliver(mail_id: str) -> None:
    """Send one mail, unless that was done."""
    delivery.mail(uuid.UUID(mail_id))


@shared_task(name="contacts.sweep")
def sweep() -> None:
    """Send what is owed and nobody is at; one that can't be made does not hold up the others."""
    for mail_id in queries.waiting(limit=500):
        try:
            delivery.mail(mail_id)
        except Exception:  # the outermost edge of each mail's own delivery
            logger.exception("mail %s is at fault", mail_id)
