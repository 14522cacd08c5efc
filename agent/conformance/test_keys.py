"""The portal's keys change: with the next one known before, and without."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from conformance.device import DENIED, USUAL_POLICY, Device
from conformance.documents import NOON, SigningDesk, deny
from consent_agent.protocol.jws import SigningKey
from consent_agent.protocol.times import format_time


@pytest.fixture
def next_keys(desk: SigningDesk, monkeypatch: pytest.MonkeyPatch) -> dict[str, SigningKey]:
    """Have the portal publish the keys that come next, beside those in use."""
    keys = {role: desk.make_key(role) for role in ("programme", "policy", "checkpoint")}
    published = desk.jwks["keys"]
    coming = [key.public_jwk() for key in keys.values()]
    monkeypatch.setattr(SigningDesk, "jwks", {"keys": [*published, *coming]})
    return keys


def test_takes_the_next_policy_key(
    next_keys: dict[str, SigningKey], desk: SigningDesk, working: Device
) -> None:
    desk.policy = next_keys["policy"]
    working.portal.publish(version=18)

    working.takes_policy()
    working.allows()
    working.restart()
    working.allows(DENIED)


def test_takes_a_freshness_by_the_next_key_for_a_policy_by_the_last(
    next_keys: dict[str, SigningKey], desk: SigningDesk, working: Device
) -> None:
    """The same version keeps its bytes, and so the signature it had."""
    signed = working.portal.sign_current()
    desk.policy = next_keys["policy"]
    freshness = desk.sign_freshness(signed.device, signed.ceiling, issued_at=working.clock.true)
    working.portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"Policy-Freshness": freshness}
    )

    working.takes_policy()

    working.allows()


def test_takes_the_next_programme_key(
    next_keys: dict[str, SigningKey], desk: SigningDesk, working: Device
) -> None:
    desk.programme = next_keys["programme"]
    working.portal.ceiling_changes = {"version": 4}

    working.takes_policy()

    working.allows()
    assert working.show()["ceiling_version"] == 4


@pytest.mark.parametrize("role", ["programme", "policy"])
def test_a_next_key_has_its_own_role_only(
    next_keys: dict[str, SigningKey], desk: SigningDesk, working: Device, role: str
) -> None:
    other = "policy" if role == "programme" else "programme"
    desk.programme = desk.policy = next_keys[role]
    right = SigningKey(desk.policy.kid, other, desk.policy.private)
    setattr(desk, other, right)
    working.portal.publish(version=18)
    working.portal.ceiling_changes = {"version": 4}

    working.refuses("wrong_key_role")

    working.denies("preference", DENIED)


def test_a_portal_with_other_keys_altogether_is_not_believed(
    working: Device, make_device: Callable[[], Device]
) -> None:
    """A rotation without overlap: only another enrolment brings such a portal's policy."""
    portal = working.portal
    stranger = SigningDesk()
    portal.desk = stranger
    portal.publish(version=18)

    working.refuses("unknown_key")
    working.allows()
    working.denies("preference", DENIED)
    working.clock.pass_time(minutes=15)
    working.refuses("unknown_key")
    working.denies("not_fresh")

    again = make_device()
    assert again.enrol()["ok"]
    again.takes_policy()
    again.allows(DENIED)


def test_the_former_keys_come_back(working: Device, desk: SigningDesk) -> None:
    working.portal.desk = SigningDesk()
    working.portal.publish(version=18)
    working.refuses("unknown_key")

    working.portal.desk = desk
    working.portal.publish(**USUAL_POLICY | {"version": 19})
    working.takes_policy()
    working.allows()
    working.denies("preference", DENIED)


def offer(device: Device, *keys: SigningKey, version: int = 2, **changes: Any) -> None:
    """Have the portal offer a signed key set with these policy keys, good for 30 days."""
    last_day = device.clock.true + timedelta(days=30)
    device.portal.key_set = device.portal.desk.sign_keys(
        *keys, version=version, **{"expires_at": format_time(last_day)} | changes
    )


@pytest.fixture
def signed_keys(make_device: Callable[[], Device], desk: SigningDesk) -> Device:
    """Return a device that was given a signed key set when it enrolled, and has a policy."""
    device = make_device()
    offer(device, desk.policy, version=1)
    assert device.enrol()["ok"]
    device.portal.publish(**USUAL_POLICY)
    device.takes_policy()
    return device


def test_a_set_of_another_programme_key_is_no_enrolment(
    make_device: Callable[[], Device], desk: SigningDesk
) -> None:
    device = make_device()
    offer(device, desk.policy, by=desk.make_key("programme"))

    answer = device.enrol()

    assert (answer["ok"], answer["code"]) == (False, "bad_enrolment")
    assert not device.show()["enrolled"]


def test_keys_of_the_enrolment_that_the_set_does_not_name_do_not_hold(
    make_device: Callable[[], Device], desk: SigningDesk
) -> None:
    device = make_device()
    offer(device, desk.make_key("policy"), version=1)
    assert device.enrol()["ok"]

    device.refuses("unknown_key")

    device.denies("no_policy")


def test_rotation_without_overlap_by_a_signed_set(signed_keys: Device, desk: SigningDesk) -> None:
    """The device learns of the key by the document that it can't verify yet."""
    desk.policy = desk.make_key("policy")
    offer(signed_keys, desk.policy)
    signed_keys.portal.publish(version=18)

    signed_keys.takes_policy()
    signed_keys.allows(DENIED)
    signed_keys.restart()
    signed_keys.allows(DENIED)


def test_what_a_withdrawn_key_signed_is_not_in_force(
    signed_keys: Device, desk: SigningDesk
) -> None:
    stolen, desk.policy = desk.policy, desk.make_key("policy")
    offer(signed_keys, desk.policy)
    signed_keys.portal.publish(version=18)
    signed_keys.takes_policy()

    desk.policy = stolen
    signed_keys.portal.publish(version=19)
    signed_keys.refuses("unknown_key")
    signed_keys.restart()
    signed_keys.refuses("unknown_key")
    assert signed_keys.show()["device_version"] == 18


def test_a_key_that_is_withdrawn_ends_what_it_signed_at_once(
    signed_keys: Device, desk: SigningDesk
) -> None:
    """Before there is a successor: the device learns of it by the freshness of another key."""
    signed = signed_keys.portal.sign_current()
    desk.policy = desk.make_key("policy")
    offer(signed_keys, desk.policy)
    freshness = desk.sign_freshness(signed.device, signed.ceiling, issued_at=signed_keys.clock.true)
    signed_keys.portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"Policy-Freshness": freshness}
    )

    signed_keys.refuses(None)
    signed_keys.denies("no_policy")
    signed_keys.restart()
    signed_keys.denies("no_policy")

    signed_keys.portal.wrong_answers.clear()
    signed_keys.portal.publish(version=18)
    signed_keys.takes_policy()
    signed_keys.allows()


def has_its_successor(device: Device) -> None:
    device.portal.publish(version=18, **USUAL_POLICY)
    device.takes_policy()


def learned_of_it_alone(device: Device) -> None:
    """By a freshness, which belongs to no policy that it could take."""
    signed, desk = device.portal.sign_current(), device.portal.desk
    freshness = desk.sign_freshness(signed.device, signed.ceiling, issued_at=device.clock.true)
    device.portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"Policy-Freshness": freshness}
    )
    device.refuses(None)
    device.portal.wrong_answers.clear()


@pytest.mark.parametrize("learn", [has_its_successor, learned_of_it_alone])
def test_a_withdrawn_key_does_not_come_back_whichever_one_file_was_lost(
    signed_keys: Device, desk: SigningDesk, learn: Callable[[Device], None]
) -> None:
    """The set before is a true document, too."""
    before, stolen = signed_keys.portal.key_set, desk.policy
    desk.policy = desk.make_key("policy")
    offer(signed_keys, desk.policy)
    learn(signed_keys)

    desk.policy, signed_keys.portal.key_set = stolen, before
    signed_keys.portal.publish(version=19)
    for path in signed_keys.losing_each_file():
        for _ in range(2):
            signed_keys.poll()
            assert not signed_keys.ask(DENIED).allowed, f"without {path.name}"
            signed_keys.restart()


def test_versions_of_a_stolen_key_do_not_lock_the_device(
    signed_keys: Device, desk: SigningDesk
) -> None:
    right, version = desk.policy, 900_000
    signed_keys.portal.publish(version=version, deny=[deny(source="pause")])
    signed_keys.takes_policy()
    signed_keys.denies("pause")

    desk.policy = desk.make_key("policy")
    offer(signed_keys, desk.policy)
    signed_keys.portal.publish(version=19)
    signed_keys.takes_policy()

    signed_keys.allows()
    assert right.kid != desk.policy.kid


WRONG_SETS: Final[dict[str, Callable[[SigningDesk, SigningKey], dict[str, Any]]]] = {
    "by a stranger": lambda desk, key: {"by": desk.make_key("programme")},
    "by a policy key": lambda desk, key: {"by": SigningKey(key.kid, "programme", key.private)},
    "of an older version": lambda desk, key: {"version": 2},
    "of the same version": lambda desk, key: {"version": 3},
    "of no version": lambda desk, key: {"version": "4"},
    "with a programme key": lambda desk, key: {"also": [desk.make_key("programme")]},
    "with a key twice": lambda desk, key: {"also": [key]},
    "without an end": lambda desk, key: {"expires_at": None},
    "of another schema": lambda desk, key: {"schema": "keys/2"},
    "that is over": lambda desk, key: {"expires_at": format_time(NOON)},
}


@pytest.mark.parametrize("name", list(WRONG_SETS))
def test_refuses_a_key_set(signed_keys: Device, desk: SigningDesk, name: str) -> None:
    offer(signed_keys, desk.policy, version=2)
    desk.policy, former = desk.make_key("policy"), desk.policy
    offer(signed_keys, former, desk.policy, version=3)
    signed_keys.portal.publish(version=18, **USUAL_POLICY)
    signed_keys.takes_policy()

    stolen = desk.make_key("policy")
    desk.policy, right = stolen, desk.policy
    offer(signed_keys, stolen, **{"version": 4} | WRONG_SETS[name](desk, stolen))
    signed_keys.portal.publish(version=19)
    signed_keys.refuses(None)
    signed_keys.denies(None, DENIED)
    signed_keys.restart()
    signed_keys.denies(None, DENIED)

    desk.policy = right
    offer(signed_keys, right, version=9)
    signed_keys.portal.publish(version=20)
    signed_keys.takes_policy()
    signed_keys.allows(DENIED)


def test_after_the_set_is_over_no_document_is_taken(
    make_device: Callable[[], Device], desk: SigningDesk
) -> None:
    device = make_device()
    offer(device, desk.policy, expires_at=format_time(device.clock.true + timedelta(minutes=5)))
    assert device.enrol()["ok"]
    device.takes_policy()

    device.clock.pass_time(minutes=6)
    device.refuses("keys_expired")
    device.clock.pass_time(minutes=9)
    device.denies("not_fresh")

    offer(device, desk.policy, version=3)
    device.takes_policy()
    device.allows()
