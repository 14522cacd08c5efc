"""All devices as IT may know them: how far each follows what is decided for many.

Nobody but a person sees their pauses, and who may see a request does not depend on devices. So
nothing here depends on a device's own policy, on when that was signed, or on its word about it: a
device lags when it has not confirmed the *ceiling* of its cohort, which nothing that one person
decides changes; and when it was last in contact is told coarsely. Source: docs/policy.md, section
17; tests/test_differential.py holds it.
"""

from consent_app.devices.fleet.figures import Overview, overview
from consent_app.devices.fleet.lists import (
    MOST_COUNTED,
    MOST_TOGETHER,
    Wanted,
    count_of,
    found,
    listed,
)
from consent_app.devices.fleet.named import (
    check_is_it,
    chosen_devices,
    device_of_fleet,
    devices_with_two_clients,
    rollout_for,
    rollouts_for,
)
from consent_app.devices.fleet.standing import Contact, InForce, Lag, Standing, in_force

__all__ = [
    "MOST_COUNTED",
    "MOST_TOGETHER",
    "Contact",
    "InForce",
    "Lag",
    "Overview",
    "Standing",
    "Wanted",
    "check_is_it",
    "chosen_devices",
    "count_of",
    "device_of_fleet",
    "devices_with_two_clients",
    "found",
    "in_force",
    "listed",
    "overview",
    "rollout_for",
    "rollouts_for",
]
