"""What the worker does: makes copies, and deletes those that are over."""

import logging
import uuid

from celery import shared_task
from django.utils import timezone

from consent_app.access import actions, queries
from consent_app.access.tasks import PREPARE

logger = logging.getLogger(__name__)

# Large attachments take their time. A second worker that is given the task meanwhile finds the
# copy claimed, for longer than this.
SOFT_TIME_LIMIT = 10 * 60
TIME_LIMIT = SOFT_TIME_LIMIT + 30


@shared_task(name=PREPARE, soft_time_limit=SOFT_TIME_LIMIT, time_limit=TIME_LIMIT)
def prepare(copy_id: str) -> None:
    """Make one copy, unless that was done or somebody is at it."""
    actions.prepare_copy(copy_id=uuid.UUID(copy_id))


@shared_task(name="access.sweep", soft_time_limit=SOFT_TIME_LIMIT, time_limit=TIME_LIMIT)
def sweep() -> None:
    """Delete what is over, and make what a worker left; a fault does not hold up the others."""
    actions.delete_copies()
    for copy_id in queries.waiting(at=timezone.now(), limit=20):
        try:
            actions.prepare_copy(copy_id=copy_id)
        except Exception:  # the outermost edge of each copy's own making
            logger.exception("copy %s is at fault", copy_id)
