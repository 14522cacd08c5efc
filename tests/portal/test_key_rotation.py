"""Putting the next key to use, whatever happens on the way."""

import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_agent.protocol.jws import KeySet
from portal.lib import key_rotation
from portal.lib.key_rotation import put_next_to_use, withdraw
from portal.lib.keys import create_keys, listed_keys, published_keys, signing_key

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def statuses(role: str) -> dict[str, str]:
    return {key.kid: key.status for key in listed_keys() if key.role == role}


def kid_of(role: str, status: str) -> str:
    return next(kid for kid, known in statuses(role).items() if known == status)


def test_each_key_says_its_role_and_since_when(keys):
    listed = listed_keys()

    assert [(key.role, key.status) for key in listed] == [
        (role, status)
        for role in ("programme", "policy", "checkpoint")
        for status in ("current", "next")
    ]
    assert all(datetime.now(UTC) - key.since < timedelta(minutes=5) for key in listed)


def test_a_list_of_an_earlier_version_is_read_by_its_order(keys):
    entries = published_keys()["keys"]
    for entry in entries:
        for name in ("status", "since", "until"):
            del entry[name]
    (keys / "jwks.json").write_text(json.dumps({"keys": entries}))

    assert kid_of("policy", "current") == signing_key("policy").kid
    assert {key.since for key in listed_keys()} == {None}

    put_next_to_use(keys, "policy", at=NOON)
    assert sorted(statuses("policy").values()) == ["current", "next", "old"]


def test_a_key_of_the_same_moment_takes_over_too(keys):
    """Files that are made one after the other may have one time; processes must see the new one."""
    for name in ("policy.key", "policy.next.key"):
        os.utime(keys / name, ns=(10**18, 10**18))
    following = kid_of("policy", "next")
    assert signing_key("policy").kid != following

    put_next_to_use(keys, "policy", at=NOON)

    assert signing_key("policy").kid == following


def test_the_next_key_takes_over_and_another_is_announced(keys):
    used, announced = kid_of("policy", "current"), kid_of("policy", "next")

    put_next_to_use(keys, "policy", at=NOON)

    assert signing_key("policy").kid == announced == kid_of("policy", "current")
    assert statuses("policy")[used] == "old"
    assert kid_of("policy", "next") not in (used, announced)
    assert {path.stat().st_mode & 0o777 for path in keys.glob("*.key")} == {0o600}
    assert not list(keys.glob("*coming*"))


def test_the_private_key_that_was_in_use_is_gone(keys):
    content = (keys / "policy.key").read_bytes()

    put_next_to_use(keys, "policy", at=NOON)

    assert content not in [path.read_bytes() for path in keys.iterdir()]


def test_the_other_roles_stay_as_they_are(keys):
    before = statuses("checkpoint") | statuses("programme")

    put_next_to_use(keys, "policy", at=NOON)

    assert statuses("checkpoint") | statuses("programme") == before


def test_both_keys_that_a_thief_may_have_are_distrusted(keys):
    """The announced key stood beside the one in use."""
    in_use, announced = kid_of("policy", "current"), kid_of("policy", "next")

    stolen, fresh = withdraw(keys, "policy", at=NOON)

    assert stolen == [in_use, announced]
    assert statuses("policy") == {in_use: "withdrawn", fresh: "next"}
    assert signing_key("policy").kid == in_use
    put_next_to_use(keys, "policy", at=NOON)
    assert signing_key("policy").kid == fresh
    assert statuses("policy")[in_use] == "withdrawn"


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("change", [put_next_to_use, withdraw])
@pytest.mark.parametrize("renamed_before", range(4))
def test_a_run_that_was_cut_off_leaves_a_key_that_is_published(
    keys, monkeypatch, change, renamed_before
):
    """Each file is put in its place by a rename; the power goes at each of them."""
    left, rename = renamed_before, Path.replace

    def replace(path, target):
        nonlocal left
        if left == 0:
            raise PowerCut
        left -= 1
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with contextlib.suppress(PowerCut):
        change(keys, "policy", at=NOON)
    monkeypatch.undo()

    assert signing_key("policy").kid in KeySet.from_jwks(published_keys())
    put_next_to_use(keys, "policy", at=NOON)

    found = statuses("policy")
    assert found[signing_key("policy").kid] == "current"
    assert found[key_rotation.load_key(keys / "policy.next.key", "policy").kid] == "next"
    assert list(found.values()).count("current") == list(found.values()).count("next") == 1
    assert create_keys(keys) == []
