"""Ceilings signed on a machine of its own, carried there and back in files."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command

from consent_agent.protocol.jws import sign
from consent_app.devices.actions import sign_ceilings
from consent_app.devices.models import Ceiling
from consent_app.devices.queries import ceiling_document, newest_ceiling
from consent_app.people.models import CollectionDefault
from consent_app.people.queries import system_user
from portal.lib.keys import create_keys, signing_key


def run(**options) -> str:
    out = StringIO()
    call_command("sign_ceilings", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def changed(ceilings, make_jurisdiction):
    """Let the rule of one place change, so that there is one ceiling to sign."""
    place = make_jurisdiction()
    place.collection_default = CollectionDefault.OPT_IN
    place.save()
    return place


@pytest.fixture
def unsigned(changed, tmp_path):
    run(out=tmp_path / "unsigned.json")
    return tmp_path / "unsigned.json"


@pytest.fixture
def signed(unsigned, tmp_path):
    run(sign=unsigned, out=tmp_path / "signed.json")
    return tmp_path / "signed.json"


def test_goes_to_the_key_and_back(changed, unsigned, tmp_path):
    before = newest_ceiling(changed)

    said = run(sign=unsigned, out=tmp_path / "signed.json")
    kept = run(back=tmp_path / "signed.json")

    after = newest_ceiling(changed)
    assert f"us-ca version {before.version + 1}: collection opt_in" in said
    assert kept == "Ceilings kept: 1.\n"
    assert after.version == before.version + 1
    assert ceiling_document(changed).collection == "opt_in"
    assert sign_ceilings(by=system_user()) == []


def test_the_key_needs_no_database(unsigned, tmp_path, keys):
    nowhere = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "KEYS_DIR": str(keys),
        "VAR_DIR": str(tmp_path),
        "PORTAL_MODE": "development",
    }
    command = [sys.executable, "manage.py", "sign_ceilings", "--sign", str(unsigned)]

    done = subprocess.run(
        [*command, "--out", str(tmp_path / "signed.json")],
        cwd=configured.BASE_DIR, env=os.environ | nowhere, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert run(back=tmp_path / "signed.json") == "Ceilings kept: 1.\n"


def test_keeping_twice_is_keeping_once(signed):
    run(back=signed)

    assert run(back=signed) == "Ceilings kept: 0.\n"


def test_nothing_to_sign_writes_no_file(ceilings, tmp_path):
    assert "Every ceiling is signed." in run(out=tmp_path / "unsigned.json")
    assert not (tmp_path / "unsigned.json").exists()


def test_what_is_not_wanted_any_more_is_refused_by_name(changed, signed):
    changed.collection_default = CollectionDefault.NOT_IN_SCOPE
    changed.save()

    with pytest.raises(CommandError, match="us-ca version 2 is not what is to be signed now"):
        run(back=signed)
    assert ceiling_document(changed).collection == "allowed"


def test_what_was_changed_on_the_way_is_refused(changed, unsigned, signed):
    content = json.loads(unsigned.read_text())
    content["ceilings"][0]["payload"]["deny"] = []
    unsigned.write_text(json.dumps(content))
    run(sign=unsigned, out=signed)

    with pytest.raises(CommandError, match="is not what is to be signed now"):
        run(back=signed)


@pytest.mark.parametrize("role", ["policy", "checkpoint"])
def test_another_key_signs_no_ceiling(signed, unsigned, role):
    payload = json.loads(unsigned.read_text())["ceilings"][0]["payload"]
    with pytest.raises(ValueError, match="may not sign"):
        sign(payload, typ="ceiling+jws", key=signing_key(role))


def test_a_key_that_we_did_not_publish_is_refused(unsigned, tmp_path, settings, keys):
    create_keys(tmp_path / "foreign")
    settings.KEYS_DIR = tmp_path / "foreign"
    run(sign=unsigned, out=tmp_path / "signed.json")
    settings.KEYS_DIR = keys

    with pytest.raises(CommandError, match="unknown_key"):
        run(back=tmp_path / "signed.json")
    assert Ceiling.objects.filter(version=2).count() == 0


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"file": "signed-ceilings/1", "ceilings": []}', "\x00"]
)
def test_what_is_no_such_file_is_refused(ceilings, tmp_path, text):
    (tmp_path / "file.json").write_text(text)

    with pytest.raises(CommandError, match="no file of ceilings"):
        run(back=tmp_path / "file.json")
    with pytest.raises(CommandError, match="no file of ceilings"):
        run(sign=tmp_path / "file.json", out=tmp_path / "out.json")


def test_a_ceiling_from_the_future_is_refused(changed, unsigned, signed, frozen_time):
    frozen_time.shift(timedelta(days=-300))

    with pytest.raises(CommandError):
        run(back=signed)


def test_what_is_not_there_is_said_plainly(ceilings, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        run(back=tmp_path / "missing.json")
    with pytest.raises(CommandError, match="--sign needs --out"):
        run(sign=tmp_path / "missing.json")
    with pytest.raises(CommandError, match="stands alone"):
        run(back=tmp_path / "missing.json", out=tmp_path / "out.json")
