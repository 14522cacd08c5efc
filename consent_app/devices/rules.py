"""What roll-outs may be, and how many devices may wait for one person. Source: docs/policy.md,
section 17.
"""

from consent_app.devices.errors import RolloutOutOfRange

LONGEST_ROLLOUT_DAYS = 90
MOST_USES = 1_000_000
# Of one person at once: whoever has a code can let devices in under any name.
MOST_WAITING = 5


def check_rollout(*, days: int, uses: int | None) -> None:
    """Accept 1 to LONGEST_ROLLOUT_DAYS days, and 1 to MOST_USES devices or None for any number.

    Raises:
        RolloutOutOfRange: it lasts longer, or lets nothing in.
    """
    if not 1 <= days <= LONGEST_ROLLOUT_DAYS:
        raise RolloutOutOfRange
    if uses is not None and not 1 <= uses <= MOST_USES:
        raise RolloutOutOfRange
