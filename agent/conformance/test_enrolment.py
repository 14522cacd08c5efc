"""Enrolling: a key of the device's own, and a portal that may lie about its own."""

import base64
from collections.abc import Callable
from typing import Any, Final

import pytest

from conformance.device import Device
from conformance.documents import SigningDesk
from consent_agent.protocol.jws import read_public_jwk

type Change = Callable[[dict[str, Any], SigningDesk], dict[str, Any]]
# The neutral point: it signs anything, for anybody.
SMALL_ORDER = base64.urlsafe_b64encode(b"\x01" + b"\x00" * 31).rstrip(b"=").decode()


def members(**changes: Any) -> Change:
    return lambda answer, _: answer | changes


def keys(change: Callable[[list[dict[str, Any]]], Any]) -> Change:
    return lambda answer, desk: answer | {"jwks": {"keys": change(desk.jwks["keys"])}}


def first_key(**changes: Any) -> Change:
    return keys(lambda found: [found[0] | changes, *found[1:]])


WRONG: Final[dict[str, Change]] = {
    "no device": members(device_id=None),
    "no token": members(token=""),
    "token for two lines": members(token="a\r\nX: y"),
    "token that no header holds": members(token="tok\u00e9n"),
    "no keys": members(jwks={"keys": []}),
    "keys of another type": members(jwks=[]),
    "polls on another server": members(policy_url="https://evil.test/agent/v1/policy"),
    "polls on another port": members(policy_url="http://127.0.0.1:1/agent/v1/policy"),
    "polls without a server": members(policy_url="http://[bad/"),
    "key of another curve": first_key(crv="X25519"),
    "key of another algorithm": first_key(alg="EdDSA"),
    "key for encryption": first_key(use="enc"),
    "key of an unknown role": first_key(use_role="anything"),
    "key without a role": first_key(use_role=None),
    "key without a name": first_key(kid=None),
    "private key": first_key(d="AAAA"),
    "key of small order": first_key(x=SMALL_ORDER),
    "key of 31 bytes": first_key(x="A" * 42),
    "name twice": keys(lambda found: [*found, found[0]]),
    "key twice": keys(lambda found: [*found, found[0] | {"kid": "another"}]),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_refuses_an_enrolment(make_device: Callable[[], Device], name: str) -> None:
    device = make_device()
    portal = device.portal
    portal.wrong_answers["enrolments"] = lambda handler: handler.send(
        201, WRONG[name](portal.enrol(portal.requests[-1].body), portal.desk)
    )

    answer = device.enrol()

    assert not answer["ok"]
    assert answer["code"] == "bad_enrolment"
    assert not device.show()["enrolled"]
    assert not device.poll()["ok"]
    device.denies("no_policy")
    portal.wrong_answers.clear()
    assert device.enrol()["ok"]


def test_takes_no_enrolment_that_the_portal_refuses(make_device: Callable[[], Device]) -> None:
    device = make_device()
    device.portal.wrong_answers["enrolments"] = lambda handler: handler.send(
        422, {"code": "enrolment_code_invalid"}
    )

    answer = device.enrol()

    assert (answer["ok"], answer["code"]) == (False, "enrolment_code_invalid")
    assert not device.show()["enrolled"]


def test_follows_no_redirect_while_enrolling(make_device: Callable[[], Device]) -> None:
    device = make_device()
    device.portal.wrong_answers["enrolments"] = lambda handler: handler.send(
        307, b"", {"Location": "/agent/v1/elsewhere"}
    )

    answer = device.enrol()

    assert (answer["ok"], answer["code"]) == (False, "redirect")
    assert [request.path for request in device.portal.requests] == ["enrolments"]


@pytest.mark.parametrize(
    "url", ["http://portal.example", "http://127.0.0.1.example", "ftp://127.0.0.1"]
)
def test_sends_nothing_without_tls_but_to_loopback(
    make_device: Callable[[], Device], url: str
) -> None:
    device = make_device()

    assert not device.enrol(url)["ok"]

    assert not device.show()["enrolled"]


def test_sends_what_the_protocol_asks_for(device: Device) -> None:
    body = device.portal.bodies("POST", "enrolments")[0]

    assert sorted(body) == ["agent_version", "code", "hostname", "platform", "public_key"]
    assert sorted(body["public_key"]) == ["crv", "kty", "x"]
    assert body["platform"] in {"macos", "windows", "linux"}
    assert body["code"] == "R75E-9EMS"
    assert read_public_jwk(body["public_key"])
    assert "authorization" not in device.portal.requests[0].headers


def test_each_device_makes_a_key_of_its_own(make_device: Callable[[], Device]) -> None:
    first, second = make_device(), make_device()
    assert first.enrol()["ok"]
    assert second.enrol()["ok"]

    sent = first.portal.bodies("POST", "enrolments")

    assert sent[0]["public_key"] != sent[1]["public_key"]
    assert first.id != second.id


def test_an_enrolled_device_keeps_its_enrolment(device: Device) -> None:
    assert not device.enrol()["ok"]

    device.takes_policy()
    device.allows()
