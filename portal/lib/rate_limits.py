"""Counts attempts in the shared cache, in fixed windows. Two at once may count as one: that is fine
for what it guards, guesses at 40-bit codes."""

from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import salted_hmac


class RateLimited(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


def check_rate(action: str, who: str, *, most: int, per_seconds: int) -> None:
    """Count one attempt of `who` (kept as a hash).

    Raises:
        RateLimited: this was more than `most` in the window of `per_seconds`.
    """
    window, elapsed = divmod(int(timezone.now().timestamp()), per_seconds)
    name = salted_hmac("portal.lib.rate_limits", who, algorithm="sha256").hexdigest()[:32]
    key = f"rate:{action}:{name}:{window}"
    count = (cache.get(key) or 0) + 1
    cache.set(key, count, per_seconds)
    if count > most:
        raise RateLimited(per_seconds - elapsed)
