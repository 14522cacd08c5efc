"""When to ask the portal next, so that a fleet that does the same at once does not topple it.

Failures back off with full jitter, and believe `Retry-After`; so do held polls that are answered
before their time without news, as by a portal that hands over to its successor. A service that
starts, as all do after a roll-out or a power cut, may spread its first question over some seconds,
which costs nothing: until the answer nothing is collected. Where long polls do not get through, the
agent asks every so many seconds. What is asked, and what an answer means, is left to `loop`.
"""

import random
from dataclasses import dataclass
from typing import Final

LONG_POLL_SECONDS: Final = 50
# Below that the portal's limits would answer, above it a window of freshness would often lapse.
MIN_EVERY_SECONDS: Final = 5
MAX_EVERY_SECONDS: Final = 300
MAX_SPREAD_SECONDS: Final = 300
FIRST_DELAY_SECONDS: Final = 4.0
MAX_DELAY_SECONDS: Final = 60.0
# A machine that did not run its timers for so long was asleep: connections are likely dead.
SLEPT_SECONDS: Final = 10.0


class BackOff:
    """Delays in seconds: full jitter below a bound that doubles from 4 to 60.

    Four, because the first failure is often everybody's, as when a portal is restarted: 100,000
    devices then come back at 25,000 a second, which a portal of one core can take.
    """

    def __init__(self) -> None:
        self._bound = FIRST_DELAY_SECONDS

    def next_delay(self, retry_after: float | None = None) -> float:
        delay = (retry_after or 0.0) + random.uniform(0, self._bound)  # noqa: S311
        self._bound = min(MAX_DELAY_SECONDS, self._bound * 2)
        return delay

    def reset(self) -> None:
        self._bound = FIRST_DELAY_SECONDS


@dataclass(frozen=True)
class Pace:
    """How often to ask: `every_seconds`, or None to hold long polls; see the module for `spread`.

    All in seconds.
    """

    every_seconds: float | None = None
    spread_seconds: float = 0.0

    def first_delay(self) -> float:
        return random.uniform(0, self.spread_seconds)  # noqa: S311

    def wait_seconds(self, fresh_seconds: float) -> int:
        """Return how long the portal may hold a poll: at most half of what is left of freshness."""
        if self.every_seconds is not None:
            return 0
        return min(LONG_POLL_SECONDS, int(fresh_seconds / 2))

    def delay_after_answer(self, fresh_seconds: float) -> float:
        """Return how long to sleep after an answer: a tenth more or less, so that fleets mix."""
        if self.every_seconds is None:
            return 0.0
        interval = self.every_seconds * random.uniform(0.9, 1.1)  # noqa: S311
        return min(interval, fresh_seconds / 2)
