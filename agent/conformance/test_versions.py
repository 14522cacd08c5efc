"""Versions never go back: not at once, not after a restart, not when files are gone."""

from typing import Any

import pytest

from conformance.device import DENIED, Device

JUMP = 1_000_001


@pytest.fixture
def later(device: Device) -> Device:
    """Return a device at versions 20 and 5, which denies one application."""
    denied = {"id": "1", "from": "2026-11-23T12:00:00Z", "until": None, "source": "exemption"}
    device.portal.publish(version=20, deny=[denied | {"applications": [DENIED]}])
    device.portal.ceiling_changes = {"version": 5}
    device.takes_policy()
    device.denies("exemption", DENIED)
    return device


def offer(device: Device, *, policy: dict[str, Any], ceiling: dict[str, Any]) -> None:
    """Publish documents that open everything."""
    device.portal.publish(**policy)
    device.portal.ceiling_changes = ceiling


OLDER = [
    ({"version": 19}, {"version": 5}, "rollback"),
    ({"version": 1}, {"version": 5}, "rollback"),
    ({"version": 21}, {"version": 4}, "rollback"),
    ({"version": 20}, {"version": 5}, "version_reused"),
    ({"version": 21}, {"version": 5, "max_pause_minutes": 29}, "version_reused"),
    ({"version": 20 + JUMP}, {"version": 5}, "version_jump"),
    ({"version": 21}, {"version": 5 + JUMP}, "version_jump"),
]
NAMES = [
    "policy one below",
    "policy 1",
    "ceiling below",
    "policy reused",
    "ceiling reused",
    "policy jump",
    "ceiling jump",
]


@pytest.mark.parametrize(("policy", "ceiling", "code"), OLDER, ids=NAMES)
@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "after a restart"])
def test_refuses_a_version(
    later: Device, policy: dict[str, Any], ceiling: dict[str, Any], code: str, restarts: bool
) -> None:
    offer(later, policy=policy, ceiling=ceiling)
    if restarts:
        later.restart()

    later.refuses(code)
    later.denies("exemption", DENIED)
    later.allows()

    offer(later, policy={"version": 21}, ceiling={"version": 6})
    later.takes_policy()
    later.allows(DENIED)
    shown = later.show()
    assert (shown["device_version"], shown["ceiling_version"]) == (21, 6)


def test_takes_a_version_far_above(later: Device) -> None:
    offer(later, policy={"version": 20 + JUMP - 1}, ceiling={"version": 5})

    later.takes_policy()


def test_refuses_a_version_when_the_last_one_ran_out(later: Device) -> None:
    later.clock.pass_time(minutes=60)
    offer(later, policy={"version": 19}, ceiling={"version": 5})

    later.refuses("rollback")

    later.denies("not_fresh")


def test_refuses_a_version_after_a_reboot(later: Device) -> None:
    later.reboot()
    offer(later, policy={"version": 19}, ceiling={"version": 5})

    later.refuses("rollback")

    later.denies("not_fresh")


def test_refuses_a_version_whichever_one_file_was_deleted(later: Device) -> None:
    """Where the enrolment is gone, nothing can be asked for at all."""
    for path in later.losing_each_file():
        offer(later, policy={"version": 19}, ceiling={"version": 4})

        later.refuses(None)

        verdict = later.ask(DENIED)
        assert not verdict.allowed, f"without {path.name}"


def test_a_successor_without_its_register_counts_as_seen(later: Device) -> None:
    missing = "sha256:" + "0" * 64
    offer(later, policy={"version": 21}, ceiling={"version": 6, "register": missing})
    later.refuses(None)
    later.restart()

    offer(later, policy={"version": 20}, ceiling={"version": 5})
    later.refuses("rollback")

    later.denies(None)
