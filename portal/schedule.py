"""What beat starts for the wiring itself: a sign of life."""

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

# When beat last started something that a worker then did.
PULSE = "service:pulse"


@shared_task(name="portal.note_pulse")
def note_pulse() -> None:
    cache.set(PULSE, timezone.now(), timeout=None)
