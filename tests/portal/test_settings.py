"""Settings from the environment: typed, loud, and clean under `check --deploy`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portal import environment
from portal.celery import app
from portal.environment import EnvironmentInvalid
from portal.lib.keys import create_keys

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "PORTAL_MODE": "production",
    "PORTAL_ORIGIN": "https://consent.example.com",
    "ALLOWED_HOSTS": "consent.example.com",
    "SECRET_KEY": "b9Xz7-nQ2w_Lk4Vt8-Rm6Yp1c_Ds3Hj5G-Fa0Xe7Ti2-Wo9Xq4Zb8N",
    "DATABASE_URL": "postgresql://portal:secret@db.example.com/consent_portal",
    "CELERY_BROKER_URL": "amqp://portal:secret@mq.example.com//",
    "EMAIL_HOST": "mail.example.com",
    "BEHIND_PROXY": "yes",
}


def manage(*arguments, **environ):
    """Run manage.py with exactly these variables set, besides what a process needs."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def production(tmp_path):
    return PRODUCTION | {"KEYS_DIR": str(tmp_path / "keys"), "VAR_DIR": str(tmp_path)}


def test_production_settings_pass_the_deploy_check_without_a_warning(production):
    done = manage("check", "--deploy", "--fail-level", "WARNING", **production)

    assert "no issues (0 silenced)" in done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    "name", ["PORTAL_ORIGIN", "SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "EMAIL_HOST"]
)
def test_production_does_not_start_without(production, name):
    del production[name]

    done = manage("check", **production)

    assert done.returncode != 0
    assert f"{name}: must be set" in done.stderr


BAD_COMBINATIONS = {
    "portal.E001": {"PORTAL_MODE": "demo", "PORTAL_ORIGIN": "https://consent.example.com"},
    "portal.E002": {"PORTAL_MODE": "development"},
    "portal.E003": {"PORTAL_ORIGIN": "http://consent.example.com"},
}


@pytest.mark.parametrize("check", BAD_COMBINATIONS)
def test_refuses_bad_combinations(production, check):
    done = manage("check", "--deploy", **production | BAD_COMBINATIONS[check])

    assert done.returncode != 0
    assert check in done.stderr


def test_refuses_a_programme_key_within_reach(production, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "programme.key").touch()

    done = manage("check", "--deploy", **production)

    assert "portal.E004" in done.stderr


def python(program, **environ):
    return subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", program],
        cwd=ROOT, env={"PATH": os.environ["PATH"]} | environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("interface", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("name", ["programme.key", "programme.next.key"])
def test_no_process_serves_that_can_read_a_programme_key(production, tmp_path, interface, name):
    """T22."""
    (tmp_path / "keys").mkdir()
    started = python(f"import portal.{interface}", **production)
    (tmp_path / "keys" / name).touch()

    refused = python(f"import portal.{interface}", **production)

    assert started.returncode == 0, started.stderr
    assert refused.returncode != 0
    assert "ProgrammeKeyWithinReach" in refused.stderr


NOBODY = 65534
AS_ANOTHER_ACCOUNT = f"""
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from portal.lib.keys import KeysMissing, refuse_programme_key, signing_key
signing_key("checkpoint")  # loads what is loaded late, while everything can be read
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
refuse_programme_key()
print(signing_key("policy").role)
try:
    signing_key("programme")
except KeysMissing:
    print("no programme key")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two accounts")
def test_a_process_serves_beside_a_programme_key_of_another_account(production, tmp_path_factory):
    """T22: the key is root's, in the folder of keys that the server uses."""
    keys = tmp_path_factory.mktemp("keys")
    create_keys(keys)
    for folder in (keys, *list(keys.parents)[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    for path in keys.iterdir():
        if not path.name.startswith("programme"):
            os.chown(path, NOBODY, NOBODY)

    served = python(AS_ANOTHER_ACCOUNT, **production | {"KEYS_DIR": str(keys)})

    assert served.stdout.split("\n") == ["policy", "no programme key", ""], served.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_MODE", "staging"),
        ("FRESHNESS_MINUTES", "61"),
        ("FRESHNESS_MINUTES", "0"),
        ("FRESHNESS_MINUTES", "soon"),
        ("BEHIND_PROXY", "perhaps"),
        ("PORTAL_ORIGIN", "consent.example.com"),
        ("PORTAL_ORIGIN", "https://consent.example.com/path"),
        ("DATABASE_URL", "mysql://root@db/consent"),
        ("DATABASE_URL", "postgresql://db"),
    ],
)
def test_names_the_variable_that_can_not_be_meant(production, name, value):
    done = manage("check", **production | {name: value})

    assert done.returncode != 0
    assert f"EnvironmentInvalid: {name}:" in done.stderr
    assert "secret" not in done.stderr.split("EnvironmentInvalid")[-1]


def test_reads_an_address_with_escaped_characters(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://po%40rtal:p%2Fw@h:5433/d%20b?sslmode=require")

    read = environment.postgresql("DATABASE_URL")

    assert (read["USER"], read["PASSWORD"], read["NAME"]) == ("po@rtal", "p/w", "d b")
    assert (read["HOST"], read["PORT"], read["OPTIONS"]) == ("h", "5433", {"sslmode": "require"})


def test_missing_variable_is_named(monkeypatch):
    monkeypatch.delenv("SOMETHING", raising=False)

    with pytest.raises(EnvironmentInvalid, match="SOMETHING: must be set"):
        environment.text("SOMETHING")


def test_example_lists_every_variable_and_no_other():
    read = set()
    for path in ROOT.glob("portal/**/*.py"):
        source = path.read_text()
        read |= set(re.findall(r"""environment\.\w+\(\s*"([A-Z_]+)\"""", source))
        read |= set(re.findall(r"""environ(?:\.get)?[\[(]"([A-Z_]+)\"""", source))

    example = (ROOT / ".env.example").read_text()

    listed = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    assert listed == read - {"PATH", "DJANGO_SETTINGS_MODULE"}


def test_beat_starts_only_tasks_that_exist(settings):
    app.loader.import_default_modules()

    started = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert started <= app.tasks.keys()
    assert {"exemptions.keep_time", "exemptions.send_digests"} <= started
