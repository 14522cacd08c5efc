"""Counts attempts in the shared cache, over the time just past."""

from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac


class RateLimited(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


def check_rate(action: str, who: str, *, most: int, per_seconds: int, counts: bool = True) -> None:
    """Count one attempt of `who` (kept as a hash). One that is refused does not count.

    With `counts` false, only look whether one more would be refused.

    Raises:
        RateLimited: there were `most` in the last `per_seconds`.
    """
    name = salted_hmac("portal.lib.rate_limits", who, algorithm="sha256").hexdigest()[:32]
    key = f"rate:{action}:{name}"
    now = timezone.now().timestamp()
    with transaction.atomic():
        _wait_for_others(key)
        recent = [at for at in cache.get(key, []) if at > now - per_seconds]
        if len(recent) < most:
            if counts:
                cache.set(key, [*recent, now], per_seconds)
            return
    raise RateLimited(max(1, round(recent[-most] + per_seconds - now)))


def _wait_for_others(key: str) -> None:
    """Let one after the other count: many at once would otherwise count as one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
