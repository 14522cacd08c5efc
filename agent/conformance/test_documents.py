"""Signed documents that are wrong in one way: each refused by the code of its check."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from conformance.checks import check_refusal
from conformance.device import Device
from conformance.documents import COHORT, deny
from conformance.forge import NEXT_VERSION, OTHER_DEVICE, Forge
from conformance.portal import Handler, WrongAnswer
from consent_agent.acceptance import SignedDocuments
from consent_agent.protocol.jws import encode_base64url
from consent_agent.protocol.times import format_time

type Make = Callable[[Forge], SignedDocuments]
LATER: Final = "2026-11-23T13:00:00Z"


def answering(device: Device, make: Make) -> WrongAnswer:
    """Answer polls with what `make` forges at that moment."""

    def answer(handler: Handler) -> None:
        forge = Forge(device.portal.desk, device.clock.true)
        handler.send(200, vars(make(forge)), {"ETag": '"forged"'})

    return answer


def flip(place: float) -> Callable[[str], str]:
    """Change one character of a part of a JWS, at a place from 0 to 1 of the whole."""

    def change(jws: str) -> str:
        position = int((len(jws) - 1) * place)
        other = "A" if jws[position] != "A" else "B"
        return jws[:position] + other + jws[position + 1 :]

    return change


def unsigned(jws: str) -> str:
    return jws.rpartition(".")[0] + "."


def with_header(**changes: Any) -> Make:
    return lambda forge: forge.bind(forge.policy(header=changes))


def with_policy(**changes: Any) -> Make:
    return lambda forge: forge.bind(forge.policy(**changes))


def with_ceiling(**changes: Any) -> Make:
    return lambda forge: forge.bind(None, forge.ceiling(**changes))


def with_freshness(**changes: Any) -> Make:
    return lambda forge: forge.bind(**changes)


def with_text(old: str, new: str) -> Make:
    return lambda forge: forge.policy_with(old, new)


def issued(*, minutes: float = 0, seconds: float = 0, **changes: Any) -> Make:
    """Make a freshness that was issued at another time than now."""
    shift = timedelta(minutes=minutes, seconds=seconds)
    return lambda forge: forge.bind(issued_at=forge.now + shift, **changes)


def by_stranger(forge: Forge) -> SignedDocuments:
    return forge.bind(forge.policy(key=replace(forge.stranger, kid=forge.desk.policy.kid)))


def with_key_in_header(forge: Forge) -> SignedDocuments:
    key = forge.stranger
    return forge.bind(forge.policy(key=key, header={"jwk": key.public_jwk()}))


def with_key_of_the_page_in_header(forge: Forge) -> SignedDocuments:
    return forge.bind(forge.policy(header={"jwk": forge.desk.policy.public_jwk()}))


def unsigned_with_alg_none(forge: Forge) -> SignedDocuments:
    return forge.bind(unsigned(forge.policy(header={"alg": "none"})))


def with_s_and_the_order(forge: Forge) -> SignedDocuments:
    """Add the group's order to the second half of a signature, which some verifiers forgive."""
    signed = forge.policy()
    head, _, signature = signed.rpartition(".")
    raw = bytearray(forge.desk.policy.private.sign(head.encode()))
    order = 2**252 + 27742317777372353535851937790883648493
    raw[32:] = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert encode_base64url(bytes(raw)) != signature
    return forge.bind(f"{head}.{encode_base64url(bytes(raw))}")


def header_with_two_kids(forge: Forge) -> SignedDocuments:
    key = forge.desk.policy
    kid = f'"kid":"{key.kid}"'
    header = f'{{"alg":"Ed25519",{kid},{kid},"typ":"device-policy+jws"}}'
    return forge.bind(forge.policy(header=header.encode()))


def swapped(forge: Forge) -> SignedDocuments:
    right = forge.bind()
    return SignedDocuments(right.freshness, right.ceiling, right.device)


def checkpoint_for_ceiling(forge: Forge) -> SignedDocuments:
    jws = forge.jws({"schema": "ceiling/1"}, forge.desk.checkpoint, "checkpoint+jws")
    return forge.bind(None, jws)


def freshness_of_the_former_policy(forge: Forge) -> SignedDocuments:
    return replace(forge.bind(), freshness=forge.bind(forge.policy(state="exempt")).freshness)


def ceiling_that_freshness_does_not_name(forge: Forge) -> SignedDocuments:
    return replace(forge.bind(), ceiling=forge.ceiling(version=4))


SIGNATURES: Final[dict[str, tuple[str, Make]]] = {
    "unsigned policy": ("bad_signature", lambda f: f.altered("device", unsigned)),
    "unsigned ceiling": ("bad_signature", lambda f: f.altered("ceiling", unsigned)),
    "unsigned freshness": ("bad_signature", lambda f: f.altered("freshness", unsigned)),
    "two parts": ("not_a_jws", lambda f: f.altered("device", lambda j: j.rpartition(".")[0])),
    "four parts": ("not_a_jws", lambda f: f.altered("device", lambda j: j + ".e30")),
    "padding": ("not_a_jws", lambda f: f.altered("device", lambda j: j + "==")),
    "line end": ("not_a_jws", lambda f: f.altered("device", lambda j: j + "\n")),
    "unused bits set": ("not_a_jws", lambda f: f.altered("device", lambda j: j[:-1] + "B")),
    "longer than 64 KiB": ("too_large", with_policy(padding="x" * 50_000)),
    "alg none": ("alg_not_accepted", unsigned_with_alg_none),
    "alg none with a signature": ("alg_not_accepted", with_header(alg="none")),
    "alg EdDSA": ("alg_not_accepted", with_header(alg="EdDSA")),
    "alg HS256 with the public key": ("alg_not_accepted", lambda f: f.confused()),
    "no alg": ("alg_not_accepted", with_header(alg=None)),
    "no kid": ("bad_header", with_header(kid=None)),
    "kid of another type": ("bad_header", with_header(kid=7)),
    "no typ": ("bad_header", with_header(typ=None)),
    "jwk in the header": ("bad_header", with_key_in_header),
    "the right jwk in the header": ("bad_header", with_key_of_the_page_in_header),
    "jku in the header": ("bad_header", with_header(jku="http://127.0.0.1:1/jwks.json")),
    "x5u in the header": ("bad_header", with_header(x5u="http://127.0.0.1:1/certificate")),
    "crit in the header": ("bad_header", with_header(crit=["exp"], exp=1)),
    "b64 in the header": ("bad_header", with_header(b64=False)),
    "two kids in the header": ("bad_json", header_with_two_kids),
    "header is a list": ("bad_header", lambda f: f.bind(f.policy(header=b"[]"))),
    "header is no JSON": ("bad_json", lambda f: f.bind(f.policy(header=b"{"))),
    "unknown key": ("unknown_key", lambda f: f.bind(f.policy(key=f.stranger))),
    "a stranger under the portal's key id": ("bad_signature", by_stranger),
    "policy by the programme key": (
        "wrong_key_role",
        lambda f: f.bind(f.policy(key=f.desk.programme)),
    ),
    "ceiling by the policy key": (
        "wrong_key_role",
        lambda f: f.bind(None, f.ceiling(key=f.desk.policy)),
    ),
    "freshness by the checkpoint key": (
        "wrong_key_role",
        lambda f: f.bind(key=f.desk.checkpoint),
    ),
    "typ of no document": ("wrong_typ", with_header(typ="JWT")),
    "typ of another document": ("wrong_typ", with_header(typ="freshness+jws")),
    "policy and freshness swapped": ("wrong_typ", swapped),
    "checkpoint for ceiling": ("wrong_typ", checkpoint_for_ceiling),
    "signature altered": ("bad_signature", lambda f: f.altered("device", flip(0.97))),
    "payload altered": ("bad_signature", lambda f: f.altered("device", flip(0.6))),
    "signature with the order added": ("bad_signature", with_s_and_the_order),
    "signature cut short": ("bad_signature", lambda f: f.altered("ceiling", lambda j: j[:-2])),
}

PAYLOADS: Final[dict[str, tuple[str, Make]]] = {
    "member twice": ("bad_json", with_text('"deny":[]', '"deny":[],"deny":[]')),
    "number that is none": ("bad_json", with_text('"version":18', '"version":18,"n":NaN')),
    "number too large": ("bad_json", with_text('"version":18', '"version":18,"n":1e999')),
    "lone surrogate": ("bad_json", with_text('"version":18', '"version":18,"n":"\\ud800"')),
    "17 levels": ("bad_json", with_text('"deny":[]', f'"deny":[],"n":{"[" * 17}{"]" * 17}')),
    "byte order mark": ("bad_json", with_text("{", "\ufeff{")),
    "two documents": ("bad_json", with_text('"version":18}', '"version":18}{}')),
    "not UTF-8": ("bad_json", lambda f: f.bind(f.policy_bytes(b'{"schema":"\xff"}'))),
    "a list": ("bad_field", lambda f: f.bind(f.policy_bytes(b"[]"))),
    "another schema": ("wrong_schema", with_policy(schema="device-policy/2")),
    "schema of the ceiling": ("wrong_schema", with_policy(schema="ceiling/1")),
    "ceiling of another schema": ("wrong_schema", with_ceiling(schema="ceiling/2")),
    "freshness of another schema": ("wrong_schema", with_freshness(schema="freshness/2")),
    "version as text": ("bad_version", with_policy(version="18")),
    "version with a fraction": ("bad_version", with_policy(version=18.5)),
    "version written as 18.0": ("bad_version", with_text('"version":18', '"version":18.0')),
    "version written as 1.8e1": ("bad_version", with_text('"version":18', '"version":1.8e1')),
    "version of 2^53": ("bad_version", with_text('"version":18', f'"version":{2**53}')),
    "version of 2^53 + 1": ("bad_version", with_text('"version":18', f'"version":{2**53 + 1}')),
    "version of zero": ("bad_version", with_policy(version=0)),
    "negative version": ("bad_version", with_policy(version=-18)),
    "version true": ("bad_version", with_policy(version=True)),
    "version null": ("bad_version", with_policy(version=None)),
    "ceiling's version as text": ("bad_version", with_ceiling(version="3")),
    "freshness' version as text": ("bad_version", with_freshness(device_version="18")),
    "no state": ("bad_field", with_text('"state":"collecting",', "")),
    "state of another type": ("bad_field", with_policy(state=None)),
    "deny of another type": ("bad_field", with_policy(deny={})),
    "deny without until": ("bad_field", with_policy(deny=[{"id": "1", "from": LATER}])),
    "deny for no application": ("bad_field", with_policy(deny=[deny(applications=[])])),
    "deny for no kind": ("bad_field", with_policy(deny=[deny(kinds=[])])),
    "deny that ends before it begins": (
        "bad_field",
        with_policy(deny=[deny(**{"from": LATER, "until": "2026-11-23T12:00:00Z"})]),
    ),
    "time with an offset": (
        "bad_field",
        with_policy(deny=[deny(**{"from": "2026-11-23T12:00:00+00:00"})]),
    ),
    "time without a zone": (
        "bad_field",
        with_policy(deny=[deny(**{"from": "2026-11-23T12:00:00"})]),
    ),
    "no such day": ("bad_field", with_policy(issued_at="2026-02-30T12:00:00Z")),
    "conditions null": ("bad_field", with_policy(conditions=None)),
    "a condition null": ("bad_field", with_policy(conditions={"private_window": None})),
    "battery as text": ("bad_field", with_policy(conditions={"battery_below_percent": "30"})),
    "battery over 100": ("bad_field", with_policy(conditions={"battery_below_percent": 101})),
    "erase without end": (
        "bad_field",
        with_policy(erase=[{"id": "1", "from": LATER, "until": None}]),
    ),
    "pause of 31 minutes": ("bad_field", with_ceiling(max_pause_minutes=31)),
    "no register": ("bad_field", with_ceiling(register=None)),
    "register by another hash": ("bad_field", with_ceiling(register="md5:" + "0" * 32)),
    "no budget": ("bad_field", with_ceiling(budget=None)),
    "programme null": ("bad_field", with_freshness(programme=None)),
    "freshness without deny": ("bad_field", with_freshness(deny=None)),
    "freshness without end": ("bad_field", with_freshness(expires_at=None)),
}

BELONGING: Final[dict[str, tuple[str, Make]]] = {
    "policy of another device": ("wrong_device", with_policy(device=OTHER_DEVICE)),
    "freshness of another device": ("wrong_device", with_freshness(device=OTHER_DEVICE)),
    "policy of another cohort": ("wrong_cohort", with_policy(cohort="us-ca")),
    "ceiling of another cohort": ("wrong_cohort", with_ceiling(cohort="us-ca")),
    "freshness of another policy": ("freshness_mismatch", freshness_of_the_former_policy),
    "freshness of another ceiling": ("freshness_mismatch", ceiling_that_freshness_does_not_name),
    "right digest, other version": ("freshness_mismatch", with_freshness(device_version=17)),
    "right version, other digest": (
        "freshness_mismatch",
        with_freshness(ceiling_digest="sha256:" + "0" * 64),
    ),
}

WINDOWS: Final[dict[str, tuple[str, Make]]] = {
    "issued 61 s ahead": ("issued_in_future", issued(seconds=61)),
    "issued a day ahead": ("issued_in_future", issued(minutes=24 * 60)),
    "a window of 61 minutes": ("bad_window", with_freshness(minutes=61)),
    "a window of ten years": ("bad_window", with_freshness(expires_at="2036-11-23T12:00:00Z")),
    "a window of nothing": ("bad_window", with_freshness(minutes=0)),
    "a window that ends before it begins": ("bad_window", with_freshness(minutes=-5)),
}


def check(device: Device, code: str, make: Make) -> None:
    check_refusal(device, answering(device, make), code)


def cases(table: dict[str, tuple[str, Make]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", list(table))


@cases(SIGNATURES)
def test_refuses_a_signature(device: Device, name: str) -> None:
    check(device, *SIGNATURES[name])


@cases(PAYLOADS)
def test_refuses_a_payload(device: Device, name: str) -> None:
    check(device, *PAYLOADS[name])


@cases(BELONGING)
def test_refuses_what_does_not_belong_together(device: Device, name: str) -> None:
    check(device, *BELONGING[name])


@cases(WINDOWS)
def test_refuses_a_window(device: Device, name: str) -> None:
    check(device, *WINDOWS[name])


@pytest.mark.parametrize("name", ["device", "ceiling", "freshness"])
def test_refuses_a_document_with_any_character_altered(device: Device, name: str) -> None:
    changes = [flip(step / 39) for step in range(40)]
    device.portal.wrong_answers["policy"] = answering(
        device, lambda forge: forge.altered(name, changes.pop())
    )
    while changes:
        device.refuses(None)
        device.denies("no_policy")


def test_takes_a_freshness_at_its_limits(device: Device) -> None:
    portal = device.portal
    portal.freshness_changes = {"issued_at": device.clock.true + timedelta(seconds=59)}
    device.takes_policy()
    device.allows()

    device.clock.pass_time(minutes=2)
    portal.freshness_changes = {"minutes": 60}
    device.takes_policy()
    device.clock.pass_time(minutes=59)
    device.allows()
    device.clock.pass_time(minutes=1)
    device.denies("not_fresh")


def test_ignores_members_that_it_does_not_know(device: Device) -> None:
    portal = device.portal
    portal.publish(version=18, later={"any": ["thing"]})
    portal.ceiling_changes = {"later": None}
    portal.freshness_changes = {"later": 1, "checkpoint": None}

    device.takes_policy()

    device.allows()


def test_a_frozen_answer_runs_out(device: Device) -> None:
    frozen = Forge(device.portal.desk, device.clock.true).bind()
    device.portal.wrong_answers["policy"] = lambda handler: handler.send(
        200, vars(frozen), {"ETag": '"frozen"'}
    )
    device.takes_policy()

    device.clock.pass_time(minutes=14)
    device.takes_policy()
    device.allows()
    device.clock.pass_time(minutes=1)
    device.denies("not_fresh")
    device.refuses("expired")

    device.portal.wrong_answers.clear()
    device.portal.publish(version=NEXT_VERSION + 1)
    device.takes_policy()
    device.allows()


def test_a_freshness_from_before_the_last_one_is_refused(working: Device) -> None:
    portal, clock = working.portal, working.clock
    earlier = portal.sign_current()
    clock.pass_time(minutes=5)
    working.takes_policy()

    portal.wrong_answers["policy"] = lambda handler: handler.send(
        200, vars(earlier), {"ETag": '"earlier"'}
    )
    working.refuses("freshness_replayed")
    working.allows()
    working.restart()
    working.refuses("freshness_replayed")

    portal.wrong_answers.clear()
    working.takes_policy()


def test_another_cohort_counts_its_ceilings_for_itself(working: Device) -> None:
    portal = working.portal
    portal.publish(version=18, cohort="us-ca")
    portal.ceiling_changes = {"version": 1, "cohort": "us-ca"}
    working.takes_policy()
    assert working.show()["ceiling_version"] == 1

    portal.publish(version=19, cohort=COHORT)
    portal.ceiling_changes = {"version": 2}
    working.refuses("rollback")

    portal.ceiling_changes = {"version": 4}
    working.takes_policy()
    working.allows()
    assert working.show()["ceiling_version"] == 4


def test_dates_of_documents_do_not_matter(device: Device) -> None:
    """Freshness says that they hold now; how old they are is nobody's business."""
    device.portal.publish(version=18, issued_at="2020-01-01T00:00:00Z")
    device.portal.ceiling_changes = {"issued_at": format_time(device.clock.true)}

    device.takes_policy()

    device.allows()
