"""Forgets messages that have long reached whom they were for."""

import logging
from datetime import timedelta

from django.utils import timezone

from consent_app.notifications.models import Notification

logger = logging.getLogger(__name__)

# Half a year: long enough to look up what was told. What is unread or could not be mailed stays.
KEPT_FOR = timedelta(days=180)
BATCH = 2_000


def forget_settled() -> int:
    """Delete old messages whose mail and inbox are both done with; return how many."""
    old = Notification.objects.settled().filter(owed_at__lt=timezone.now() - KEPT_FOR)
    forgotten = 0
    # Small statements: none comes near the time limits of the database or of the worker.
    while batch := list(old.order_by("owed_at").values_list("pk", flat=True)[:BATCH]):
        forgotten += Notification.objects.filter(pk__in=batch).delete()[0]
    logger.info("forgot %s notifications", forgotten)
    return forgotten
