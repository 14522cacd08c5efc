"""A clock for the invented history of the demo; everything else goes by the real one.

Actions read the time themselves and can't be told another. So that the demo has a past whose times
only go forwards, in the log too, the whole process goes by this clock while that past is made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.utils import timezone


class Clock:
    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def move_to(self, at: datetime) -> None:
        """Raises ValueError rather than go backwards."""
        if at < self._at:
            raise ValueError(f"It is {self._at} already; {at} is past.")
        self._at = at


@contextmanager
def demo_clock(at: datetime) -> Iterator[Clock]:
    """Let it be `at`, or whatever the clock is moved to, for this process until the end.

    Raises:
        RuntimeError: this is not the demo.
    """
    if not settings.DEMO:
        raise RuntimeError("Only the demo invents its past.")
    clock, real = Clock(at), timezone.now
    timezone.now = clock.now
    try:
        yield clock
    finally:
        timezone.now = real
