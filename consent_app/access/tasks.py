"""Tells a worker that a copy is asked for. The broker is only a hint: the sweeper finds every row.

The task itself stands in `schedule`, above the actions that it calls.
"""

import logging
import uuid

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

PREPARE = "access.prepare"


def hint(copy_id: uuid.UUID) -> None:
    """Tell a worker, if the broker is there; if not, the sweeper will."""
    try:
        current_app.send_task(PREPARE, [str(copy_id)])
    except OperationalError:
        logger.warning("broker away; copy %s waits for the sweeper", copy_id)
