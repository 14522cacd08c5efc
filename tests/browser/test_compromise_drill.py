"""The drill for stolen keys and tokens, and rotation, with a real server and a real agent.

The thief of these tests sits in the web server: has its keys and may write what it may write.
Source: docs/operations.md, section 5; threats T15, T21, T22 and S30.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.core.management import call_command

from consent_agent.acceptance import MAX_VERSION_STEP
from consent_agent.gate import Gate
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.decision import Reason
from consent_agent.protocol.jws import public_key_jwk, sign
from consent_app.devices.actions import issue_enrolment_code, sign_ceilings
from consent_app.devices.actions.keys import sign_keys
from consent_app.devices.announcements import announce_device
from consent_app.devices.key_sets import payload_of
from consent_app.devices.models import Device, DevicePolicy
from consent_app.people.models import CollectionDefault, Employee
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import start_pause
from portal.lib.keys import signing_key
from tests.browser.agents import WorkComputer, may_capture, wait_until
from tests.device_fixtures import new_key

EXCLUDED, COLLECTED = "1password", "7-zip"


@pytest.fixture
def signed_keys(published_register):
    """Have the programme key vouch for the keys before anybody enrols."""
    sign_keys(by=system_user())


@pytest.fixture
def laptop(signed_keys, agent) -> WorkComputer:
    """A device that enrolled with a signed key set, and collects."""
    return agent


def device_of(employee) -> Device:
    return Device.objects.get(employee=employee)


def version_held(computer: WorkComputer) -> int:
    return computer.status().get("version", 0)


def forge(device: Device, key, *, version: int, **changes) -> None:
    """Put a policy in the portal's tables that no decision led to, signed with a stolen key."""
    told = payload_of(device.policies.get(version=device.policy_version).jws)
    payload = told | {"version": version, "state": "collecting", "deny": []} | changes
    jws = sign(payload, typ="device-policy+jws", key=key)
    now = datetime.now(UTC)
    DevicePolicy.objects.create(
        device=device, version=version, state="collecting", jws=jws,
        digest=content_digest(jws.encode()), requested_at=now, signed_at=now,
    )  # fmt: skip
    Device.objects.filter(pk=device.pk).update(policy_version=version)
    announce_device(device.pk)


def unforge(device: Device) -> None:
    """Clear up as the drill's last step does: what no entry of the log names goes."""
    true = device.policies.filter(version__lt=MAX_VERSION_STEP).latest("version")
    device.policies.filter(version__gt=true.version).update(version=2**62 - device.pk.node)
    Device.objects.filter(pk=device.pk).update(policy_version=true.version)
    announce_device(device.pk)


class Watcher:
    """Asks a computer's gate all the time, in a thread."""

    def __init__(self, computer: WorkComputer) -> None:
        self.answers: list[bool] = []
        self._state, self._over = computer.state, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.05):
            self.answers.append(may_capture(Gate.from_state(self._state)))


def test_a_rotation_leaves_no_gap(laptop, newcomer, live_portal):
    """S30: neither server nor agent is restarted, and no question is answered with a "no"."""
    device = device_of(newcomer)
    first = signing_key("policy").kid
    with Watcher(laptop) as watcher:
        call_command("rotate_key", "policy", now=True)
        call_command("sign_keys")
        time.sleep(1)
        call_command("rotate_key", "policy", retire=True, now=True)
        call_command("sign_keys")
        device.refresh_from_db()
        wait_until(lambda: version_held(laptop) == device.policy_version, what="it holds the new")
        wait_until(lambda: len(watcher.answers) > 20, what="asked often enough")

    assert all(watcher.answers)
    assert signing_key("policy").kid != first
    assert "unknown_key" not in laptop.said()


def test_a_pause_holds_through_a_rotation(laptop, newcomer, live_portal):
    """S30: collection never resumes because keys changed."""
    start_pause(employee=newcomer, by=newcomer, minutes=15)
    wait_until(lambda: not laptop.collects(), what="paused")

    with Watcher(laptop) as watcher:
        call_command("rotate_key", "policy", now=True)
        call_command("sign_keys")
        call_command("rotate_key", "policy", retire=True, now=True)
        call_command("sign_keys")
        device = device_of(newcomer)
        wait_until(lambda: version_held(laptop) == device.policy_version, what="it holds the new")

    assert not any(watcher.answers)


def test_a_device_that_was_away_comes_back_to_other_keys(laptop, newcomer, live_portal):
    laptop.stop()
    for _ in range(2):
        call_command("rotate_key", "policy", now=True)
        call_command("sign_keys")
        call_command("rotate_key", "policy", retire=True, now=True)
        call_command("sign_keys")

    laptop.start()

    device = device_of(newcomer)
    wait_until(lambda: version_held(laptop) == device.policy_version, what="it holds the new")
    assert laptop.collects()


def test_a_stolen_policy_key_widens_nothing(laptop, newcomer, live_portal):
    """T22: the device takes the thief's policy, and the ceiling and register still say no."""
    device, key = device_of(newcomer), signing_key("policy")

    forge(device, key, version=device.policy_version + 1, deny=[])
    wait_until(lambda: version_held(laptop) == device.policy_version + 1, what="it took the policy")
    gate = laptop.gate()

    assert gate.may_capture(application=COLLECTED, kind="mouse_click").allowed
    for application, kind, reason in (
        (EXCLUDED, "keystrokes", Reason.EXCLUDED),
        (COLLECTED, "screen_content", None),
        ("never-registered", "keystrokes", Reason.NOT_IN_REGISTER),
    ):
        verdict = gate.may_capture(application=application, kind=kind)
        assert not verdict.allowed
        assert reason in (None, verdict.reason)


def test_a_stolen_policy_key_takes_nobody_to_the_ceiling_of_another_place(
    signed_keys, live_portal, make_jurisdiction, make_employee, make_agent
):
    """T22: the ceiling of that place is a true one, and would collect from those who work there."""
    nowhere = make_jurisdiction("DE", collection_default=CollectionDefault.NOT_IN_SCOPE)
    sign_ceilings(by=system_user())
    lena = make_employee("Lena Vogt", jurisdiction="DE")
    laptop = make_agent()
    laptop.enrol(live_portal.url, issue_enrolment_code(employee=lena, by=lena))
    laptop.start()
    wait_until(lambda: "confirmed" in laptop.said(), what="the first policy is confirmed")
    device, key = device_of(lena), signing_key("policy")
    assert laptop.status()["cohort"] == nowhere.cohort

    Employee.objects.filter(pk=lena.pk).update(jurisdiction=make_jurisdiction("US-CA"))
    forge(device, key, version=device.policy_version + 1, cohort="us-ca")
    wait_until(lambda: laptop.status()["cohort"] == "us-ca", what="it took the policy")

    def reason() -> Reason:
        return laptop.gate().may_capture(application=COLLECTED, kind="mouse_click").reason

    assert reason() is Reason.COHORT_UNCONFIRMED
    laptop.stop()
    laptop.start()
    wait_until(lambda: "(cohort_unconfirmed)  stored" in laptop.said(), what="it began again")
    assert reason() is Reason.COHORT_UNCONFIRMED
    word = device.acknowledgements.latest("sequence")
    assert (word.policy.version, word.effect) == (device.policy_version + 1, "not_collecting")


def test_the_drill_ends_what_a_stolen_key_can_do(laptop, newcomer, live_portal):
    """T21: the fast-forward locks the device until its key is withdrawn."""
    device, stolen = device_of(newcomer), signing_key("policy")
    true = device.policy_version
    highest = true + MAX_VERSION_STEP
    forge(device, stolen, version=highest)
    wait_until(lambda: version_held(laptop) == highest, what="it was led away")
    unforge(device)
    live_portal.kill()  # what it remembers was the thief's
    live_portal.start()
    wait_until(lambda: "rollback" in laptop.said(), what="it refuses the true policy")

    call_command("rotate_key", "policy", stolen=True)
    call_command("sign_keys")
    call_command("rotate_key", "policy", now=True)
    call_command("rotate_key", "policy", retire=True, now=True)
    call_command("sign_keys")

    wait_until(lambda: version_held(laptop) == true + 1, what="it recovered")
    assert laptop.collects()

    device.refresh_from_db()
    forge(device, stolen, version=true + 2)
    wait_until(lambda: "unknown_key" in laptop.said(), what="it refuses the thief")
    assert version_held(laptop) == true + 1


def test_a_stolen_token_opens_nothing_of_another_device(
    laptop, newcomer, live_portal, make_employee
):
    """T15: with the token of A, every call is about A, whatever it says of B."""
    victim = device_of(newcomer)
    thief = make_employee("Jonas Lindqvist")
    key, url = new_key(), f"{live_portal.url}/agent/v1/"
    body = {
        "code": issue_enrolment_code(employee=thief, by=thief),
        "public_key": public_key_jwk(key.private.public_key()),
        "hostname": "LAPTOP-2", "platform": "linux", "agent_version": "1",
    }  # fmt: skip
    token = httpx.post(f"{url}enrolments", json=body).json()["token"]
    as_thief = {"headers": {"Authorization": f"Bearer {token}"}}
    policy = victim.policies.latest("version")
    word = {
        "device": str(victim.pk), "device_version": policy.version,
        "device_digest": policy.digest, "ceiling_digest": policy.digest,
        "applied_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "effect": "collecting", "sequence": 900,
    }  # fmt: skip
    before = [victim.acknowledgements.count(), victim.policies.count()]

    polled = httpx.get(f"{url}policy?device={victim.pk}", **as_thief).json()
    forged = {"jws": sign(word, typ="acknowledgement+jws", key=key)}
    acknowledged = httpx.post(f"{url}acknowledgements", json=forged, **as_thief)
    pause = {"minutes": 5, "idempotency_key": "a-key-of-the-thief"}
    paused = httpx.post(f"{url}pauses", json=pause | {"device": str(victim.pk)}, **as_thief)
    assert httpx.post(f"{url}pauses", json=pause, **as_thief).status_code == 201
    ended = httpx.delete(f"{url}pauses/current?device={victim.pk}", **as_thief)
    hour = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:00:00Z")
    cost = {"hour": hour, "cpu_seconds": 1, "bytes": 1, "battery_mwh": None}
    counted = httpx.post(f"{url}ledger", json={"reports": [], "cost": [cost]}, **as_thief)

    assert payload_of(polled["device"])["device"] != str(victim.pk)
    assert payload_of(polled["freshness"])["device"] != str(victim.pk)
    assert acknowledged.status_code == 404
    assert paused.status_code == 422
    assert ended.status_code == 204
    assert counted.status_code == 202
    assert [victim.acknowledgements.count(), victim.policies.count()] == before
    assert laptop.collects()
