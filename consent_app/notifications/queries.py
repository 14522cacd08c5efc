"""Which messages wait for delivery."""

import uuid
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from consent_app.notifications.models import Notification

# A hint sent after the commit gets this long before the sweeper takes the row itself.
HINT_HEAD_START = timedelta(seconds=10)


def waiting(*, limit: int) -> list[uuid.UUID]:
    """Return unsent rows that nobody has claimed, oldest first."""
    now = timezone.now()
    return list(
        Notification.objects.unsent()
        .filter(owed_at__lte=now - HINT_HEAD_START)
        .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now))
        .order_by("owed_at")
        .values_list("pk", flat=True)[:limit]
    )
