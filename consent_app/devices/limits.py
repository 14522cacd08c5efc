"""How often a device may poll or call, and how often an address may come with a wrong token.

Kept by each server process for itself, in memory: these limits protect the process, and decide
nothing else. Source: docs/policy.md, section 6.
"""

from dataclasses import dataclass

from consent_app.devices.told import Known
from portal.lib.bursts import BurstLimit


def wrong_tokens_limit() -> BurstLimit:
    """Return the limit of polls with a token that nobody has; keys are addresses."""
    return BurstLimit(burst=30, per_second=1)


def calls_limit() -> BurstLimit:
    """Return the limit of all calls but the poll; keys are devices.

    It remembers 20,000 of them: to be forgotten, a device that calls without end would have to be
    overtaken by so many others within a minute.
    """
    return BurstLimit(burst=60, per_second=1, most_keys=20_000)


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
