"""What every wrong answer is put to: before there is a policy, beside one, and after both."""

from conformance.device import DENIED, OPEN, USUAL_POLICY, Device
from conformance.portal import WrongAnswer


def check_refusal(
    device: Device, wrong: WrongAnswer, code: str | None, *, deadline_seconds: float = 10.0
) -> None:
    """Answer polls wrongly and rightly by turns; `wrong` would open what the person denied.

    Nothing opens by it, what is in force stays and runs out by itself, nothing is confirmed, and
    the next right answer brings the device back.
    """
    portal = device.portal
    portal.publish(**USUAL_POLICY)

    portal.wrong_answers["policy"] = wrong
    device.refuses(code, deadline_seconds=deadline_seconds)
    device.denies("no_policy")
    assert not device.acknowledgements()

    portal.wrong_answers.clear()
    device.takes_policy()
    device.allows(OPEN)
    device.denies("preference", DENIED)

    portal.wrong_answers["policy"] = wrong
    device.refuses(code, deadline_seconds=deadline_seconds)
    device.allows(OPEN)
    device.denies("preference", DENIED)
    device.clock.pass_time(minutes=16)
    device.denies("not_fresh")
    assert len(device.acknowledgements()) == 1

    portal.wrong_answers.clear()
    device.takes_policy()
    device.allows(OPEN)
    device.denies("preference", DENIED)
