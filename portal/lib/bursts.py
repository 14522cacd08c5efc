"""How much one device or address may ask at once, counted by each process for itself, in memory.

These limits protect the process, and decide nothing else. What has to hold across processes is
counted by `portal.lib.rate_limits`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass
class BurstLimit:
    """`burst` of each key at once, and `per_second` from then on; forgets who came longest ago."""

    burst: float
    per_second: float
    most_keys: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _spent: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, key: Hashable) -> bool:
        """Tell whether one more may come, without counting it."""
        with self._lock:
            return self._count(key) + 1 <= self.burst

    def count(self, key: Hashable) -> None:
        """Count one."""
        with self._lock:
            self._note(key)

    def take(self, key: Hashable) -> bool:
        """Count one if it may come, and tell whether it may."""
        with self._lock:
            if self._count(key) + 1 > self.burst:
                return False
            self._note(key)
            return True

    def _note(self, key: Hashable) -> None:
        self._spent[key] = (self._count(key) + 1, self.clock())
        self._spent.move_to_end(key)
        if len(self._spent) > self.most_keys:
            self._spent.popitem(last=False)

    def _count(self, key: Hashable) -> float:
        count, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, count - (self.clock() - at) * self.per_second)
