"""How often a device may poll, and how often an address may come with a wrong token.

Kept by each server process for itself, in memory: these limits protect the process, and decide
nothing else. Source: docs/policy.md, section 6.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from consent_app.devices.told import Known


@dataclass(frozen=True)
class DeviceLimit:
    """`burst` polls at once, and `per_second` from then on."""

    burst: float = 60
    per_second: float = 1

    def take(self, known: Known, now: float) -> float | None:
        """Count one poll; return the seconds since the one before, None where it is too many."""
        idle = now - known.polled_at
        left = min(self.burst, known.polls_left + max(0.0, idle) * self.per_second)
        if left < 1:
            return None
        known.polls_left = left - 1
        known.polled_at = now
        return idle


@dataclass
class AddressLimit:
    """Wrong tokens of one address: `burst` at once, and `per_second` from then on."""

    burst: float = 30
    per_second: float = 1
    most_addresses: int = 10_000
    _spent: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allows(self, address: str) -> bool:
        return self._count(address) + 1 <= self.burst

    def count(self, address: str) -> None:
        """Count one wrong token."""
        self._spent[address] = (self._count(address) + 1, time.monotonic())
        self._spent.move_to_end(address)
        if len(self._spent) > self.most_addresses:
            self._spent.popitem(last=False)

    def _count(self, address: str) -> float:
        count, at = self._spent.get(address, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - at) * self.per_second)
