"""A published register, signed rules for it, and devices that follow them."""

import base64
import csv
import secrets
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_app.people.queries import system_user
from consent_app.register.actions import DATA, load_register

PORTAL_HOST = "consent.example.com"


def csv_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def published(db):
    """Publish the register that ships, and return its version."""
    return load_register(by=system_user(), portal_host=PORTAL_HOST)


@pytest.fixture
def files(tmp_path) -> Path:
    """Return a folder with a copy of the files that ship, to be spoilt."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


@pytest.fixture
def sign_rules(published, settings, tmp_path):
    """Return a function that signs ceilings for every jurisdiction there is."""
    from consent_app.devices.actions import sign_ceilings
    from portal.lib.keys import create_keys

    settings.KEYS_DIR = tmp_path / "keys"
    create_keys(settings.KEYS_DIR)
    return lambda: sign_ceilings(by=system_user())


@pytest.fixture
def enrol(sign_rules):
    """Return a function that enrols one more device of a person."""
    from consent_app.devices.actions import enrol_device, issue_enrolment_code

    def enrol(employee, hostname: str = "LAPTOP-1"):
        sign_rules()
        public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        device, _token = enrol_device(
            code=issue_enrolment_code(employee=employee, by=employee),
            public_key={"kty": "OKP", "crv": "Ed25519", "x": x},
            hostname=hostname,
            platform="linux",
            agent_version=f"1.0.{secrets.randbelow(100)}",
        )
        return device

    return enrol


@pytest.fixture
def mira(make_employee):
    return make_employee("Mira Okafor", time_zone="America/Los_Angeles")
