"""Tells a worker that a message waits. The broker is only a hint: the sweeper finds every row.

The task itself stands in `schedule`, above the actions that it calls.
"""

import logging
import uuid

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

DELIVER = "erasure.deliver"


def hint(erasure_id: uuid.UUID) -> bool:
    """Tell a worker, if the broker is there; if not, the sweeper will. Say whether it was there."""
    try:
        current_app.send_task(DELIVER, [str(erasure_id)])
    except OperationalError:
        logger.warning("broker away; erasure %s waits for the sweeper", erasure_id)
        return False
    return True
