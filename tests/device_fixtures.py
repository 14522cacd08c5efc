"""Enrolled devices with their keys, and requests as an agent makes them."""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.protocol.documents import Acknowledgement, DevicePolicy
from consent_agent.protocol.jws import SigningKey, public_key_jwk, sign
from consent_app.devices.actions import enrol_device, issue_enrolment_code, sign_ceilings
from consent_app.devices.models import Device
from consent_app.devices.queries import newest_ceiling, policy_document
from consent_app.people.queries import system_user
from consent_app.register.actions import DATA, load_register
from tests.beginnings import begin_with

# Before any time at which a test stops the clock.
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class Enrolled:
    """A device as the portal knows it, with what only the device itself has."""

    device: Device
    token: str
    key: SigningKey

    @property
    def authorization(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Bearer {self.token}"}

    def newest(self):
        self.device.refresh_from_db()
        return self.device.policies.get(version=self.device.policy_version)

    def newest_document(self) -> DevicePolicy:
        return policy_document(self.newest())

    def acknowledgement(self, **changes) -> str:
        """Return the signed word that the newest policy was applied."""
        policy = self.newest()
        told = policy_document(policy)
        facts = {
            "device": str(self.device.pk),
            "device_version": policy.version,
            "device_digest": policy.digest,
            "ceiling_digest": newest_ceiling(self.device.employee.jurisdiction).digest,
            "applied_at": policy.signed_at,
            "effect": "not_collecting" if told.deny else "collecting",
            "sequence": 1,
        } | changes
        payload = Acknowledgement(**facts).to_payload()
        return sign(payload, typ="acknowledgement+jws", key=self.key)


def new_key() -> SigningKey:
    return SigningKey.from_private(Ed25519PrivateKey.generate(), role="device")


def enrol(employee, *, hostname: str = "LAPTOP-1") -> Enrolled:
    """Enrol one more device as its agent does."""
    key = new_key()
    device, token = enrol_device(
        code=issue_enrolment_code(employee=employee, by=employee),
        public_key=public_key_jwk(key.private.public_key()),
        hostname=hostname,
        platform="linux",
        agent_version="1.0.0",
    )
    return Enrolled(device, token, key)


@pytest.fixture
def make_key():
    return new_key


@pytest.fixture(scope="session")
def register_folder(tmp_path_factory):
    """A register of every twentieth application: as real as the whole one, and quick to load."""
    folder = tmp_path_factory.mktemp("register")
    for path in DATA.iterdir():
        shutil.copy(path, folder)
    _thin_out(folder / "applications.csv", lambda number, _row: number % 20 == 0)
    # Safeguards by category have examples among the applications left out.
    _thin_out(folder / "protected_content.csv", lambda _number, row: ",app_category," not in row)
    return folder


def _thin_out(path, keep):
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for number, row in enumerate(rows) if keep(number, row)]
    path.write_text(header + "".join(kept), encoding="utf-8")


@pytest.fixture
def ceilings(keys, make_jurisdiction, register_folder):
    """Publish the register and sign a ceiling for every cohort that exists then, long ago."""
    make_jurisdiction()
    with time_machine.travel(LONG_AGO, tick=False):
        begin_with(
            "register",
            lambda: load_register(
                by=system_user(), portal_host="portal.example.com", folder=register_folder
            ),
        )
        return sign_ceilings(by=system_user())


@pytest.fixture
def make_device(ceilings, make_employee):
    def make(employee=None, *, hostname: str = "LAPTOP-1") -> Enrolled:
        person = employee or make_employee()
        sign_ceilings(by=system_user())
        return enrol(person, hostname=hostname)

    return make


@pytest.fixture
def post_json(client):
    """Send a body as an agent does; `body` may be bytes to send just those."""

    def post(path: str, body, **options):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        options.setdefault("content_type", "application/json")
        return client.post(f"/agent/v1/{path}", data=data, **options)

    return post
