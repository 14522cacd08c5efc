"""Rotating keys: nothing is used that devices can't learn of, nothing retired that they need."""

import json
from datetime import timedelta
from itertools import islice

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, key_id, public_key_jwk, sign, verify
from consent_agent.protocol.keys import read_key_set
from consent_agent.protocol.receipts import Entry, Inclusion, verify_receipt, write_receipt
from consent_app.audit import queries
from consent_app.audit.models import Leaf
from consent_app.audit.receipts import receipt_for
from consent_app.devices.actions import (
    enrol_device,
    issue_enrolment_code,
    issue_rollout,
    revoke_device,
    sign_ceilings,
)
from consent_app.devices.actions.keys import (
    ANNOUNCED_FOR,
    OVERLAP,
    keep_signed_keys,
    keys_to_sign,
    policies_by_old_keys,
    retire_keys,
    rotate_key,
    sign_keys,
    withdraw_key,
)
from consent_app.devices.errors import (
    KeyAnnouncedLately,
    KeyKeptForEver,
    KeyNotAnnounced,
    KeySetNotWanted,
    KeySetUnsigned,
    KeyStillInUse,
)
from consent_app.devices.key_sets import SIGNED_AGAIN_AFTER, VALID_FOR
from consent_app.devices.models import SignedKeySet
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing, listed_keys, published_keys, signing_key

pytestmark = pytest.mark.django_db


def kid_of(role: str, status: str) -> str:
    return next(key.kid for key in listed_keys() if (key.role, key.status) == (role, status))


def believed() -> KeySet:
    """Return the keys that a device believes which took the newest set."""
    newest = SignedKeySet.objects.latest("version")
    return read_key_set(newest.jws, pinned=KeySet.from_jwks(published_keys()))


def events() -> list[str]:
    written = Leaf.objects.filter(event__startswith="key").order_by("index")
    return list(written.values_list("event", flat=True))


@pytest.fixture
def announced(keys, frozen_time):
    """The keys of a new portal, named by a set that was signed long enough ago."""
    sign_keys(by=system_user())
    frozen_time.shift(ANNOUNCED_FOR)
    return keys


# The set


def test_the_set_names_policy_and_checkpoint_keys_and_no_programme_key(keys):
    sign_keys(by=system_user())

    named = believed()
    assert named.of_role("policy").keys() == {kid_of("policy", "current"), kid_of("policy", "next")}
    assert len(named.of_role("checkpoint")) == 2
    assert kid_of("programme", "next") in named  # pinned, not named
    assert events() == ["keys.signed"]


def test_it_is_signed_again_when_it_changed_or_grew_old(keys, frozen_time):
    first = sign_keys(by=system_user())
    frozen_time.shift(SIGNED_AGAIN_AFTER - timedelta(seconds=1))
    assert sign_keys(by=system_user()) is None

    frozen_time.shift(1)
    again = sign_keys(by=system_user())

    assert again.version > first.version
    assert again.expires_at - timezone.now() == VALID_FOR


def test_its_version_is_higher_than_any_that_a_restored_backup_forgot(keys, frozen_time):
    forgotten = sign_keys(by=system_user())
    SignedKeySet.objects.all().delete()
    frozen_time.shift(1)

    assert sign_keys(by=system_user()).version > forgotten.version


def test_without_the_programme_key_nothing_is_signed(keys):
    (keys / "programme.key").unlink()

    with pytest.raises(KeysMissing):
        sign_keys(by=system_user())

    assert not SignedKeySet.objects.exists()


def test_files_carry_it_to_the_programme_key_and_back(keys, tmp_path, capsys, settings):
    there, back = tmp_path / "unsigned.json", tmp_path / "signed.json"
    call_command("sign_keys", out=there)
    offline = tmp_path / "offline"
    offline.mkdir()
    (keys / "programme.key").rename(offline / "programme.key")

    settings.KEYS_DIR = offline
    call_command("sign_keys", sign=there, out=back)
    settings.KEYS_DIR = keys
    call_command("sign_keys", back=back)
    call_command("sign_keys", back=back)
    call_command("sign_keys", out=there)

    assert f"policy current {kid_of('policy', 'current')}\n" in (said := capsys.readouterr().out)
    assert "The key set is signed and young. No file was written." in said
    assert SignedKeySet.objects.count() == 1


def test_a_set_of_other_keys_is_not_kept(keys):
    payload = keys_to_sign(at=timezone.now())
    stranger = {**payload, "keys": payload["keys"][1:]}
    signed = sign(stranger, typ="keys+jws", key=signing_key("programme"))

    with pytest.raises(KeySetNotWanted):
        keep_signed_keys(jws=signed, by=system_user())

    assert not SignedKeySet.objects.exists()


def test_a_set_that_another_key_signed_is_not_kept(keys, make_key):
    payload = keys_to_sign(at=timezone.now())
    thief = make_key()
    signed = sign(payload, typ="keys+jws", key=type(thief)(thief.kid, "programme", thief.private))

    with pytest.raises(KeySetUnsigned):
        keep_signed_keys(jws=signed, by=system_user())

    assert not SignedKeySet.objects.exists()


def test_devices_are_given_it(keys, client):
    assert client.get("/agent/v1/keys").status_code == 404

    kept = sign_keys(by=system_user())
    answer = client.get("/agent/v1/keys")

    assert answer.json() == {"keys": kept.jws}
    assert answer["Cache-Control"] == "no-store"


def test_a_device_is_given_it_with_its_enrolment(
    ceilings, make_employee, make_key, post_json, client
):

    person = make_employee()
    kept = sign_keys(by=system_user())
    body = {
        "code": issue_enrolment_code(employee=person, by=person),
        "public_key": {
            name: value
            for name, value in make_key().public_jwk().items()
            if name in ("kty", "crv", "x")
        },
        "hostname": "LAPTOP-1", "platform": "linux", "agent_version": "1.0.0",
    }  # fmt: skip

    assert post_json("enrolments", body).json()["keys"] == kept.jws


# Rotation


@pytest.mark.parametrize("role", ["policy", "checkpoint"])
def test_a_key_that_no_set_names_is_not_put_to_use(keys, role):
    used = signing_key(role).kid

    with pytest.raises(KeyNotAnnounced):
        rotate_key(role=role, by=system_user(), in_haste=True)

    assert signing_key(role).kid == used
    assert events() == []


def test_a_key_is_announced_for_two_days_unless_it_is_urgent(keys, frozen_time):
    following = kid_of("policy", "next")
    sign_keys(by=system_user())
    frozen_time.shift(ANNOUNCED_FOR - timedelta(seconds=1))

    with pytest.raises(KeyAnnouncedLately, match="25 November 2026 12:00 UTC"):
        rotate_key(role="policy", by=system_user())

    rotate_key(role="policy", by=system_user(), in_haste=True)
    assert signing_key("policy").kid == following


def test_after_a_rotation_old_and_new_policies_both_hold(announced, make_device):
    device = make_device()
    by_the_old = device.newest().jws

    rotate_key(role="policy", by=system_user())
    sign_keys(by=system_user())
    by_the_new = make_device(hostname="LAPTOP-2").newest().jws

    assert key_id(by_the_old) != key_id(by_the_new)
    for jws in (by_the_old, by_the_new):
        assert verify(jws, typ="device-policy+jws", keys=believed())
    assert events() == ["keys.signed", "key.rotated", "keys.signed"]


def test_the_old_key_is_not_retired_while_a_policy_is_signed_with_it(
    announced, make_device, frozen_time
):
    make_device()
    rotate_key(role="policy", by=system_user())
    frozen_time.shift(OVERLAP * 2)

    with pytest.raises(KeyStillInUse, match="1 devices"):
        retire_keys(role="policy", by=system_user(), in_haste=True)

    assert kid_of("policy", "old")


def test_policies_are_signed_again_and_then_the_old_key_goes(announced, make_device, frozen_time):
    devices = [make_device(hostname=name) for name in ("LAPTOP-1", "LAPTOP-2", "LAPTOP-3")]
    before = {device.device.pk: device.newest() for device in devices}
    rotate_key(role="policy", by=system_user())
    old = kid_of("policy", "old")
    frozen_time.shift(OVERLAP * 2)

    assert list(policies_by_old_keys()) == [3, 0]
    assert retire_keys(role="policy", by=system_user()) == [old]
    sign_keys(by=system_user())

    for device in devices:
        policy = device.newest()
        assert policy.version == before[device.device.pk].version + 1
        assert policy.state == before[device.device.pk].state
        assert verify(policy.jws, typ="device-policy+jws", keys=believed())
    assert old not in believed()
    assert events()[-2:] == ["key.retired", "keys.signed"]


def test_a_device_that_waits_for_its_owner_keeps_no_key_alive(
    announced, ceilings, make_employee, make_key
):
    person, administrator = make_employee(), make_employee("Samuel Adeyemi")
    _, code = issue_rollout(label="Berlin", days=14, uses=1, by=administrator)
    device, _ = enrol_device(
        code=code,
        public_key=public_key_jwk(make_key().private.public_key()),
        hostname="LAPTOP-7",
        platform="linux",
        agent_version="1.0.0",
        employee_email=person.email,
    )
    rotate_key(role="policy", by=system_user(), in_haste=True)
    old = kid_of("policy", "old")

    assert list(islice(policies_by_old_keys(), 3)) == [1, 0]
    assert retire_keys(role="policy", by=system_user(), in_haste=True) == [old]

    policy = device.policies.latest("version")
    assert (policy.version, policy.state) == (2, "unacknowledged")
    assert key_id(policy.jws) == signing_key("policy").kid


def test_the_overlap_is_waited_for_unless_it_is_urgent(announced, frozen_time):
    rotate_key(role="policy", by=system_user())
    old = kid_of("policy", "old")
    frozen_time.shift(OVERLAP - timedelta(seconds=1))

    with pytest.raises(KeyStillInUse, match="UTC"):
        retire_keys(role="policy", by=system_user())

    assert retire_keys(role="policy", by=system_user(), in_haste=True) == [old]


def test_removed_devices_keep_no_key_alive(announced, make_device):

    device = make_device()
    revoke_device(device=device.device, by=device.device.employee)
    rotate_key(role="policy", by=system_user())

    assert list(policies_by_old_keys()) == [0]


# Checkpoints and receipts


def test_receipts_of_an_old_checkpoint_key_hold_for_ever(announced, frozen_time):
    receipt = receipt_for(Leaf.objects.first())

    rotate_key(role="checkpoint", by=system_user())
    frozen_time.shift(timedelta(days=10 * 365))
    sign_keys(by=system_user())

    assert verify_receipt(receipt, keys=believed()).withdrawn_at is None
    assert verify_receipt(receipt, keys=KeySet.from_jwks(published_keys()))
    with pytest.raises(KeyKeptForEver):
        retire_keys(role="checkpoint", by=system_user(), in_haste=True)


def test_kept_checkpoints_of_an_old_key_still_verify_the_log(announced, tmp_path, capsys):
    call_command("audit", "checkpoint")
    kept = tmp_path / "kept.jws"
    kept.write_text(capsys.readouterr().out)

    rotate_key(role="checkpoint", by=system_user())
    call_command("audit", "verify", against=[kept])

    assert "Nothing was altered since the kept checkpoint" in capsys.readouterr().out


def test_an_old_checkpoint_key_signs_nothing_new(announced, frozen_time, keys):
    """Whoever kept a copy of it can't write receipts of today."""
    old = signing_key("checkpoint")
    rotate_key(role="checkpoint", by=system_user())
    sign_keys(by=system_user())
    frozen_time.shift(timedelta(days=1))

    forged = _receipt_by(old)

    with pytest.raises(DocumentRefused, match="key_retired"):
        verify_receipt(forged, keys=believed())


def test_a_receipt_of_a_withdrawn_key_says_so(announced, frozen_time):
    receipt = receipt_for(Leaf.objects.first())
    frozen_time.shift(timedelta(days=1))
    stolen = signing_key("checkpoint")

    withdraw_key(role="checkpoint", by=system_user())
    sign_keys(by=system_user())

    assert verify_receipt(receipt, keys=believed()).withdrawn_at is not None
    assert signing_key("checkpoint").kid != stolen.kid
    fresh = receipt_for(Leaf.objects.first())
    assert verify_receipt(fresh, keys=believed()).withdrawn_at is None


def _receipt_by(key) -> bytes:

    leaf, head = Leaf.objects.first(), queries.tree_head()
    return write_receipt(
        Entry(json.loads(leaf.content()), None, None),
        Inclusion(
            leaf.index, head.size, head.root, tuple(queries.inclusion_proof(leaf.index, head.size))
        ),
        issued_at=timezone.now(),
        key=key,
        published=published_keys(),
    )


# Theft


def test_a_stolen_key_is_named_no_more_and_signs_until_another_does(announced, make_device):
    device = make_device()
    stolen = signing_key("policy").kid

    withdrawn = withdraw_key(role="policy", by=system_user())
    sign_keys(by=system_user())

    assert stolen in withdrawn
    assert len(withdrawn) == 2
    assert not set(withdrawn) & believed().of_role("policy").keys()
    assert signing_key("policy").kid == stolen
    rotate_key(role="policy", by=system_user(), in_haste=True)
    assert list(policies_by_old_keys()) == [1, 0]
    assert retire_keys(role="policy", by=system_user(), in_haste=True) == [stolen]
    assert verify(device.newest().jws, typ="device-policy+jws", keys=believed())
    assert stolen not in {key.kid for key in listed_keys()}


# The command


def test_the_command_says_each_step(announced, make_device, capsys):
    make_device()
    sign_ceilings(by=system_user())

    call_command("rotate_key", "policy")
    call_command("sign_keys")
    call_command("rotate_key", "policy", retire=True, now=True)
    call_command("rotate_key", list=True)

    said = capsys.readouterr().out
    assert f"The policy key {signing_key('policy').kid} is in use." in said
    assert "Policies by an old key: 1.\nPolicies by an old key: 0.\nOff the list: " in said
    assert f"policy     current   {signing_key('policy').kid} since 2026-11-25 12:00 UTC" in said


@pytest.mark.parametrize("arguments", [["policy"], [], ["checkpoint", "--retire"]])
def test_the_command_says_what_it_can_not_do(keys, arguments):
    with pytest.raises(CommandError):
        call_command("rotate_key", *arguments)
