"""Keys on disk: private ones for their owner alone, and none made twice."""

import json

import pytest
from django.core.management import call_command

from consent_agent.protocol.jws import KeySet
from consent_app.restrictions.models import Restriction
from portal.lib.keys import KeysMissing, create_keys, published_keys, signing_key


def names(folder):
    return sorted(path.name for path in folder.glob("*.key"))


def test_private_keys_are_readable_by_their_owner_alone(keys):
    assert names(keys) == [
        "checkpoint.key", "checkpoint.next.key", "policy.key", "policy.next.key", "programme.key",
        "programme.next.key",
    ]  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in keys.glob("*.key")} == {0o600}


def test_second_run_changes_nothing(keys):
    before = {path.name: path.read_bytes() for path in keys.iterdir()}

    assert create_keys(keys) == []

    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


def test_keys_that_were_moved_away_are_not_replaced(keys):
    published = json.loads((keys / "jwks.json").read_text())
    for name in ("programme.key", "programme.next.key"):
        (keys / name).unlink()

    assert create_keys(keys) == []

    assert json.loads((keys / "jwks.json").read_text()) == published
    assert "programme.key" not in names(keys)


def test_run_that_was_cut_off_is_completed(keys):
    signing = (keys / "policy.key").read_bytes()
    (keys / "jwks.json").unlink()
    (keys / "checkpoint.key").unlink()

    assert create_keys(keys) == ["checkpoint.key"]

    assert (keys / "policy.key").read_bytes() == signing
    assert KeySet.from_jwks(published_keys()).find(signing_key("policy").kid).role == "policy"


def test_replaced_key_is_used_at_once(keys):
    before = signing_key("policy").kid
    (keys / "policy.next.key").rename(keys / "policy.key")

    assert signing_key("policy").kid != before


def test_missing_key_is_said_to_be_missing(keys):
    (keys / "policy.key").unlink()

    with pytest.raises(KeysMissing, match="create_keys"):
        signing_key("policy")


def test_command_names_what_it_made(settings, tmp_path, capsys):
    settings.KEYS_DIR = tmp_path / "keys"

    call_command("create_keys")
    call_command("create_keys")
    call_command("create_keys", if_missing=True)

    first, second = capsys.readouterr().out.splitlines()
    assert "programme.key" in first
    assert "none was changed" in second


def test_pause_without_the_policy_key_is_answered_503_and_not_kept(
    sign_in, make_device, settings, tmp_path
):
    person = make_device().device.employee
    client = sign_in(person)
    client.raise_request_exception = False
    settings.KEYS_DIR = tmp_path

    response = client.post("/pause", {"minutes": 15})

    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert not Restriction.objects.exists()
