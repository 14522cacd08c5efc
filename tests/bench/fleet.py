"""Devices as many as are wanted, and what an agent makes of the portal's answers.

The rows are written in bulk; keys, tokens, compiling and signing are the real ones. The audit
entries of an enrolment are left out.
"""

import http.client
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from consent_agent.acceptance import AcceptedPolicy, Floors, SignedDocuments, accept
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.jws import KeySet, SigningKey, public_key_jwk, sign
from consent_app.devices.actions import token_hash
from consent_app.devices.models import Device, DevicePolicy
from consent_app.devices.policy import compile_device_policy
from consent_app.devices.poll import PATH
from consent_app.devices.queries import device_facts
from consent_app.people.models import Employee
from consent_app.people.queries import jurisdiction_for
from portal.lib.keys import published_keys, signing_key

JURISDICTION = "US-CA"
BATCH = 1000


@dataclass
class Agent:
    """One device with what only it knows, and what it was last told."""

    employee: Employee
    device: str
    token: str
    key: SigningKey
    etag: str = "-"
    accepted: AcceptedPolicy | None = None

    def request(self, *, wait: int = 0, conditional: bool = True) -> dict[str, str]:
        """Return the headers of its next poll."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if conditional:
            headers["If-None-Match"] = self.etag
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return headers

    def take(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        """Check an answer as the reference agent does, and keep it.

        Raises:
            DocumentRefused: a document is not what it must be.
            ValueError: another status than 200 and 304.
        """
        if status == 200:
            signed = SignedDocuments(**json.loads(body))
        elif status == 304 and self.accepted is not None:
            held = self.accepted.signed
            signed = SignedDocuments(held.device, held.ceiling, headers["Policy-Freshness"])
        else:
            raise ValueError(f"an answer of {status}")
        floors = self.accepted.raise_floors(Floors()) if self.accepted else Floors()
        keys = KeySet.from_jwks(published_keys())
        self.accepted = accept(
            signed, keys=keys, device=self.device, floors=floors, now=datetime.now(UTC)
        )
        self.etag = headers["ETag"]


def enrol_fleet(count: int, *, first: int = 0) -> list[Agent]:
    """Make `count` people with a device each, its first policy signed; `first` is their number."""
    jurisdiction = jurisdiction_for(JURISDICTION)
    now = timezone.now()
    employees = Employee.objects.bulk_create(
        Employee(
            name=f"Person {number}", email=f"person{number}@example.com", password="!",
            employee_number=f"B{number:06}", jurisdiction=jurisdiction,
        )
        for number in range(first, first + count)
    )  # fmt: skip
    tokens = [f"device_{secrets.token_urlsafe(32)}" for _ in employees]
    keys = [SigningKey.from_private(Ed25519PrivateKey.generate(), role="device") for _ in employees]
    devices = [
        Device(
            employee=employee, hostname=f"LAPTOP-{employee.employee_number}", platform="linux",
            agent_version="bench", token_hash=token_hash(token), enrolled_at=now, policy_version=1,
            public_key=public_key_jwk(key.private.public_key())["x"],
        )
        for employee, token, key in zip(employees, tokens, keys, strict=True)
    ]  # fmt: skip
    Device.objects.bulk_create(devices, batch_size=BATCH)
    DevicePolicy.objects.bulk_create(
        (_first_policy(device, at=now) for device in devices), batch_size=BATCH
    )
    return [
        Agent(device.employee, str(device.pk), token, key)
        for device, token, key in zip(devices, tokens, keys, strict=True)
    ]


def _first_policy(device: Device, *, at: datetime) -> DevicePolicy:
    payload = compile_device_policy(device_facts(device, at=at), version=1, issued_at=at)
    jws = sign(payload, typ="device-policy+jws", key=signing_key("policy"))
    return DevicePolicy(
        device=device, version=1, state=str(payload["state"]), jws=jws,
        digest=content_digest(jws.encode()), requested_at=at, signed_at=at,
    )  # fmt: skip


def meet(port: int, agents: list[Agent], *, conditional: bool) -> None:
    """Let each agent poll once and check what it is told.

    Raises:
        DocumentRefused, ValueError: see `Agent.take`.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for agent in agents:
            connection.request("GET", PATH, headers=agent.request(conditional=conditional))
            answer = connection.getresponse()
            agent.take(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def write_requests(agents: list[Agent], file: Path, *, conditional: bool) -> Path:
    """Write the tokens (and ETags) that the load generator goes through in turn."""
    lines = [f"{agent.token} {agent.etag if conditional else '-'}\n" for agent in agents]
    file.write_text("".join(lines), encoding="ascii")
    file.chmod(0o600)
    return file
