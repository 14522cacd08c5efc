"""People with a device each, as many as a measurement needs, and the file that the fleet reads.

Made by COPY rather than by 100,000 enrolments (`enrolling` measures those): keys, tokens and signed
policies are real. What decides the policies is gathered for one device, and is the same for all:
nobody has any restriction yet. The audit entries of an enrolment are left out.
"""

import http.client
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched, count
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.utils import timezone

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.jws import public_key_jwk, sign
from consent_app.devices.actions import token_hash
from consent_app.devices.models import Device, DevicePolicy
from consent_app.devices.policy import DeviceFacts, compile_device_policy
from consent_app.devices.poll import PATH
from consent_app.devices.queries import device_facts
from consent_app.people.models import Employee
from consent_app.people.queries import jurisdiction_for
from consent_fleet.devices import Device as FleetDevice
from consent_fleet.devices import encoded_key, write_devices
from portal.lib.keys import signing_key
from tests.bench.copying import copy_models

JURISDICTION = "US-CA"
BATCH = 5000
numbers = count(1)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Somebody's device: the row's keys, and what the device knows."""

    employee: UUID
    device: FleetDevice


def enrol_fleet(size: int) -> list[Enrolled]:
    """Make `size` people with a device each, its first policy signed."""
    enrolled: list[Enrolled] = []
    for batch in batched(range(size), BATCH, strict=False):
        enrolled += _enrol(len(batch))
    return enrolled


@transaction.atomic
def _enrol(size: int) -> list[Enrolled]:
    jurisdiction = jurisdiction_for(JURISDICTION)
    now = timezone.now()
    employees = [
        Employee(
            name=f"Person {number}", email=f"person{number}@example.com", password="!",
            employee_number=f"B{number:06}", jurisdiction=jurisdiction,
        )
        for number, _ in zip(numbers, range(size), strict=False)
    ]  # fmt: skip
    copy_models(employees)
    keys = [Ed25519PrivateKey.generate() for _ in employees]
    tokens = [f"device_{secrets.token_urlsafe(32)}" for _ in employees]
    devices = [
        Device(
            employee=employee, hostname=f"LAPTOP-{employee.employee_number}", platform="linux",
            agent_version="bench", token_hash=token_hash(token), enrolled_at=now, policy_version=1,
            public_key=public_key_jwk(key.public_key())["x"],
        )
        for employee, token, key in zip(employees, tokens, keys, strict=True)
    ]  # fmt: skip
    copy_models(devices)
    facts = device_facts(devices[0], at=now)
    copy_models([_first_policy(device, facts, at=now) for device in devices])
    return [
        Enrolled(
            device.employee_id, FleetDevice(str(device.pk), token, key=encoded_key(key))
        )
        for device, token, key in zip(devices, tokens, keys, strict=True)
    ]  # fmt: skip


def _first_policy(device: Device, facts: DeviceFacts, *, at: datetime) -> DevicePolicy:
    payload = compile_device_policy(replace(facts, device=device.pk), version=1, issued_at=at)
    jws = sign(payload, typ="device-policy+jws", key=signing_key("policy"))
    return DevicePolicy(
        device=device, version=1, state=str(payload["state"]), jws=jws,
        digest=content_digest(jws.encode()), requested_at=at, signed_at=at,
    )  # fmt: skip


def write_fleet(file: Path, fleet: Sequence[Enrolled], *, confirming: int = 0) -> Path:
    """Write the file of the simulated fleet; the first `confirming` devices get their keys."""
    write_devices(
        file,
        (
            replace(one.device, key=one.device.key if number < confirming else "")
            for number, one in enumerate(fleet)
        ),
    )
    return file


def learn_etags(port: int, fleet: Sequence[Enrolled]) -> None:
    """Let each device poll once, so that it knows what it was given.

    Raises:
        RuntimeError: an answer other than 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for one in fleet:
            headers = {"Authorization": f"Bearer {one.device.token}"}
            connection.request("GET", PATH, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"a first poll was answered with {answer.status}")
            one.device.etag = answer.headers["ETag"]
    finally:
        connection.close()
