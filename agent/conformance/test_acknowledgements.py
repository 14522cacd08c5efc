"""What the device confirms: what is in force, signed, once, and not before it holds."""

from datetime import timedelta

import pytest

from conformance.device import Device
from conformance.documents import NOON, deny
from conformance.portal import Handler
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.times import format_time, parse_time


def test_confirms_what_is_in_force(device: Device) -> None:
    signed = device.portal.sign_current()
    device.portal.wrong_answers["policy"] = lambda handler: handler.send(
        200, vars(signed), {"ETag": '"1"'}
    )

    device.takes_policy()

    (statement,) = device.acknowledgements()
    assert statement["device"] == device.id
    assert statement["device_version"] == 17
    assert statement["device_digest"] == content_digest(signed.device.encode())
    assert statement["ceiling_digest"] == content_digest(signed.ceiling.encode())
    assert statement["effect"] == "collecting"
    assert abs(parse_time(statement["applied_at"]) - device.clock.wall) < timedelta(seconds=60)
    assert statement["sequence"] == 1


def test_says_nothing_twice(working: Device) -> None:
    working.takes_policy()
    working.restart()
    working.takes_policy()

    assert len(working.acknowledgements()) == 1


def test_counts_its_statements(working: Device) -> None:
    working.portal.publish(version=18, state="paused", deny=[deny()])
    working.takes_policy()
    working.restart()
    working.portal.publish(version=19)
    working.takes_policy()

    said = [(each["sequence"], each["effect"]) for each in working.acknowledgements()]
    assert said == [(1, "collecting"), (2, "not_collecting"), (3, "collecting")]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_keeps_a_statement_until_it_is_taken(device: Device, status: int) -> None:
    device.portal.wrong_answers["acknowledgements"] = lambda handler: handler.send(
        status, {"code": "later"}
    )
    device.takes_policy()
    device.allows()
    device.restart()
    device.portal.wrong_answers.clear()
    device.takes_policy()

    bodies = device.portal.bodies("POST", "acknowledgements")
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_does_not_repeat_a_statement_that_is_never_taken(device: Device) -> None:
    device.portal.wrong_answers["acknowledgements"] = lambda handler: handler.send(
        422, {"code": "policy_never_issued"}
    )
    device.takes_policy()
    device.takes_policy()
    device.restart()
    device.takes_policy()

    assert len(device.acknowledgements()) == 1


HOUR_AGO, HALF_HOUR_AGO = NOON - timedelta(minutes=60), NOON - timedelta(minutes=30)


def erase(**changes: object) -> dict[str, object]:
    return {"id": "1", "from": format_time(HOUR_AGO), "until": format_time(NOON)} | changes


def test_drops_what_was_erased_before_it_confirms(working: Device) -> None:
    later = working.hold("editor", NOON, NOON)
    without = len(working.files())
    kept = working.hold("editor", HALF_HOUR_AGO, HALF_HOUR_AGO)
    assert working.show()["held"] == kept + later
    before = len(working.files())
    at_confirmation = []

    def count(handler: Handler) -> None:
        at_confirmation.append(len(working.files()))
        handler.send(202, {})

    working.portal.wrong_answers["acknowledgements"] = count
    working.portal.publish(version=18, erase=[erase()])
    working.takes_policy()

    assert working.show()["held"] == later
    assert working.acknowledgements()[-1]["device_version"] == 18
    assert len(at_confirmation) == 1
    # Where a batch is a file: that is one fewer, what is remembered of the erasure may be one more.
    assert at_confirmation[0] <= before or before == without


def test_drops_of_the_applications_that_are_named(working: Device) -> None:
    kept = working.hold("editor", HALF_HOUR_AGO, HALF_HOUR_AGO)
    other = working.hold("wiki", HALF_HOUR_AGO, HALF_HOUR_AGO)
    assert working.show()["held"] == kept + other

    working.portal.publish(version=18, erase=[erase(applications=["editor"])])
    working.takes_policy()

    assert working.show()["held"] == other


def test_keeps_nothing_that_was_erased_and_is_written_late(working: Device) -> None:
    working.portal.publish(version=18, erase=[erase()])
    working.takes_policy()
    working.portal.publish(version=19)
    working.takes_policy()
    working.restart()

    working.hold("editor", HALF_HOUR_AGO, HALF_HOUR_AGO)

    assert working.show()["held"] == 0


def test_drops_a_batch_of_which_a_moment_is_covered(working: Device) -> None:
    working.hold("editor", NOON - timedelta(seconds=1), NOON + timedelta(minutes=5))
    working.portal.publish(version=18, erase=[erase()])

    working.takes_policy()

    assert working.show()["held"] == 0
