"""Two clocks must agree: setting one neither ends a restriction early nor keeps a policy alive."""

import pytest

from conformance.device import Device
from conformance.documents import deny

FAR = [{"minutes": 90}, {"days": 3650}]
FAR_NAMES = ["90 minutes", "10 years"]


def denying(source: str, first: str, last: str | None) -> dict[str, object]:
    return {"version": 18, "deny": [deny(source=source, **{"from": first, "until": last})]}


NOON, TEN_PAST = "2026-11-23T12:00:00Z", "2026-11-23T12:10:00Z"
FIVE_PAST = "2026-11-23T12:05:00Z"


def test_a_policy_is_fresh_for_its_window_and_no_longer(working: Device) -> None:
    working.clock.pass_time(minutes=14, seconds=59)
    working.allows()

    working.clock.pass_time(seconds=1)
    working.denies("not_fresh")

    working.takes_policy()
    working.allows()


@pytest.mark.parametrize("sign", [-1, 1], ids=["back", "forward"])
@pytest.mark.parametrize("step", FAR, ids=FAR_NAMES)
def test_a_clock_set_far(working: Device, step: dict[str, float], sign: int) -> None:
    """Nothing while it is wrong, not by a new answer either; all as before when it is right."""
    away = {name: sign * value for name, value in step.items()}
    back = {name: -value for name, value in away.items()}
    working.clock.set_wall(**away)

    working.denies("not_fresh")
    working.refuses("issued_in_future" if sign < 0 else "expired")
    working.denies("not_fresh")
    working.restart()
    working.denies("not_fresh")

    working.clock.set_wall(**back)
    working.takes_policy()
    working.allows()


@pytest.mark.parametrize("sign", [-1, 1], ids=["back", "forward"])
@pytest.mark.parametrize("step", FAR, ids=FAR_NAMES)
def test_a_clock_wrong_from_the_start(device: Device, step: dict[str, float], sign: int) -> None:
    device.clock.set_wall(**{name: sign * value for name, value in step.items()})
    device.refuses("issued_in_future" if sign < 0 else "expired")
    device.denies("no_policy")

    device.clock.set_wall(**{name: -sign * value for name, value in step.items()})
    device.takes_policy()
    device.allows()


def test_a_wall_clock_that_stands_still_does_not_keep_a_policy(working: Device) -> None:
    """As when somebody sets it back every minute."""
    working.clock.set_steady(minutes=14)
    working.allows()

    working.clock.set_steady(minutes=1)
    working.denies("not_fresh")
    working.restart()
    working.denies("not_fresh")


def test_a_steady_clock_that_stands_still_does_not_keep_a_policy(working: Device) -> None:
    """As on a system whose steady clock does not count sleep."""
    working.clock.set_wall(minutes=15)

    working.denies("not_fresh")


def test_a_steady_clock_that_went_back_is_another_boot(working: Device) -> None:
    working.clock.set_steady(seconds=-30)

    working.denies("not_fresh")


def test_a_wall_clock_set_back_a_little_closes_too(working: Device) -> None:
    working.clock.set_wall(seconds=-30)

    working.denies("not_fresh")


@pytest.mark.parametrize("up_seconds", [5.0, 1010.0], ids=["just started", "longer than before"])
def test_after_a_reboot_nothing_is_fresh_until_the_first_answer(
    working: Device, up_seconds: float
) -> None:
    working.clock.pass_time(seconds=1)
    working.reboot(up_seconds=up_seconds)

    working.denies("not_fresh")

    working.takes_policy()
    working.allows()


def test_a_pause_ends_by_the_devices_own_clocks(device: Device) -> None:
    device.portal.publish(**denying("pause", NOON, TEN_PAST))
    device.takes_policy()
    device.denies("pause")

    device.portal.stop()
    device.clock.pass_time(minutes=9, seconds=59)
    device.denies("pause")
    device.clock.pass_time(seconds=1)
    device.allows()


def test_quiet_times_begin_by_the_devices_own_clocks(device: Device) -> None:
    device.portal.publish(**denying("preference", FIVE_PAST, TEN_PAST))
    device.takes_policy()
    device.allows()

    device.portal.stop()
    device.clock.pass_time(minutes=5)
    device.denies("preference")
    device.clock.pass_time(minutes=5)
    device.allows()


def test_a_wall_clock_set_forward_does_not_end_a_pause(device: Device) -> None:
    device.portal.publish(**denying("pause", NOON, TEN_PAST))
    device.takes_policy()

    device.clock.set_wall(minutes=11)
    device.denies("pause")

    device.clock.set_steady(minutes=11)
    device.allows()


def test_a_wall_clock_that_lags_does_not_delay_a_restriction(device: Device) -> None:
    """The portal's own time, carried on by the steady clock, says that it began."""
    device.portal.publish(**denying("preference", FIVE_PAST, TEN_PAST))
    device.takes_policy()

    device.clock.set_steady(minutes=6)
    device.denies("preference")


def test_a_clock_that_is_behind_does_not_delay_a_restriction_either(device: Device) -> None:
    """50 s behind the portal is not too far to take a policy."""
    device.clock.set_wall(seconds=-50)
    device.portal.publish(**denying("pause", "2026-11-23T11:59:30Z", TEN_PAST))
    device.takes_policy()

    device.denies("pause")


def test_sleep_during_a_pause(device: Device) -> None:
    device.portal.publish(**denying("pause", NOON, TEN_PAST))
    device.takes_policy()

    device.clock.pass_time(minutes=20)
    device.denies("not_fresh")

    device.takes_policy()
    device.allows()


def test_a_short_sleep_during_a_pause(device: Device) -> None:
    device.portal.publish(**denying("pause", NOON, TEN_PAST))
    device.takes_policy()

    device.clock.pass_time(minutes=8)
    device.denies("pause")
    device.clock.pass_time(minutes=4)
    device.allows()


def test_sleep_that_the_steady_clock_does_not_count(device: Device) -> None:
    """Nothing is collected during what is left of the pause by either clock."""
    device.portal.publish(**denying("pause", NOON, TEN_PAST))
    device.takes_policy()

    device.clock.true = device.clock.wall
    device.clock.set_wall(minutes=12)
    device.denies("pause")


def test_a_pause_on_the_device_holds_at_once_and_ends(working: Device) -> None:
    working.pause(10)
    working.denies("local_pause")

    working.restart()
    working.denies("local_pause")
    working.clock.pass_time(minutes=9)
    working.denies("local_pause")
    working.clock.pass_time(minutes=1)
    working.allows()


def test_a_pause_on_the_device_can_be_ended(working: Device) -> None:
    working.pause(10)

    working.resume()

    working.allows()


def test_a_wall_clock_set_forward_does_not_end_a_pause_on_the_device(working: Device) -> None:
    working.pause(10)

    working.clock.set_wall(minutes=11)

    working.denies("local_pause")


def test_a_pause_on_the_device_survives_a_reboot(working: Device) -> None:
    working.pause(10)
    working.clock.pass_time(minutes=2)
    working.reboot()
    working.takes_policy()
    working.denies("local_pause")

    working.clock.pass_time(minutes=8)
    working.allows()


def test_a_pause_on_the_device_is_never_longer_than_its_minutes(working: Device) -> None:
    """Not even where the wall clock is set back within one boot."""
    working.pause(10)
    working.clock.set_wall(days=-1)
    working.clock.set_steady(minutes=10)
    working.clock.set_wall(days=1)

    working.allows()


def test_a_policy_does_not_end_a_pause_on_the_device(working: Device) -> None:
    working.pause(10)
    working.portal.publish(version=18)

    working.takes_policy()

    working.denies("local_pause")
    assert working.acknowledgements()[-1]["effect"] == "not_collecting"
