"""Letting devices in by a code, and shutting them out."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import read_public_jwk
from consent_app.audit.actions import record
from consent_app.devices import announcements, codes, events
from consent_app.devices.actions.policies import sign_policy
from consent_app.devices.errors import (
    DeviceAlreadyRevoked,
    EnrolmentCodeInvalid,
    EnrolmentCodeUsed,
    KeyAlreadyRegistered,
    KeyUnusable,
)
from consent_app.devices.models import Device, EnrolmentCode
from consent_app.erasure.actions import forget_device
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person, system_user


@transaction.atomic
def issue_enrolment_code(*, employee: Employee, by: Employee) -> str:
    """Return a new code for one device of `employee`; codes issued earlier stop working."""
    now = timezone.now()
    EnrolmentCode.objects.filter(employee=employee, used_at__isnull=True).delete()
    code = codes.new_code()
    issued = EnrolmentCode.objects.create(
        employee=employee,
        code_hash=codes.hash_of(code),
        issued_at=now,
        expires_at=now + codes.LIFETIME,
    )
    record(events.CODE_ISSUED, actor=by, subject=issued, at=now, person=employee)
    return codes.grouped(code)


def enrol_device(
    *, code: str, public_key: Mapping[str, object], hostname: str, platform: str, agent_version: str
) -> tuple[Device, str]:
    """Make a device of the code's owner; return it with its token, which is kept only as a hash.

    Raises:
        EnrolmentCodeInvalid: unknown or expired.
        EnrolmentCodeUsed: used before; the owner is told.
        KeyUnusable, KeyAlreadyRegistered: the public key (a JWK) can't be this device's.
    """
    try:
        return _enrol(
            code, public_key, hostname=hostname, platform=platform, agent_version=agent_version
        )
    except EnrolmentCodeUsed:
        _report_reuse(code)
        raise
    except IntegrityError as error:
        # Two devices with one key at the same moment: the database let one in.
        raise KeyAlreadyRegistered from error


@transaction.atomic
def _enrol(
    code: str, public_key: Mapping[str, object], *, hostname: str, platform: str, agent_version: str
) -> tuple[Device, str]:
    now = timezone.now()
    try:
        read_public_jwk(public_key)
    except DocumentRefused as refused:
        raise KeyUnusable from refused
    issued = _usable_code(code, at=now)
    x = str(public_key["x"])
    if Device.objects.filter(public_key=x).exists():
        raise KeyAlreadyRegistered
    issued.used_at = now
    issued.save(update_fields=["used_at"])
    token = f"device_{secrets.token_urlsafe(32)}"
    device = Device.objects.create(
        employee=issued.employee,
        hostname=hostname,
        platform=platform,
        agent_version=agent_version,
        public_key=x,
        token_hash=token_hash(token),
        enrolled_at=now,
    )
    details = {"hostname": hostname, "platform": platform, "public_key": x}
    record(
        events.DEVICE_ENROLLED,
        actor=issued.employee,
        subject=device,
        at=now,
        person=issued.employee,
        details=details,
    )
    sign_policy(device, at=now)
    owe("device_enrolled", to=issued.employee, context={"hostname": hostname})
    return device, token


def _usable_code(code: str, *, at: datetime) -> EnrolmentCode:
    # The lock lets one of many simultaneous uses win.
    issued = (
        EnrolmentCode.objects.select_for_update(of=("self",))
        .select_related("employee")
        .filter(code_hash=codes.hash_of(code))
        .first()
    )
    if issued is None:
        raise EnrolmentCodeInvalid
    issued.employee = lock_person(issued.employee)
    if not issued.employee.is_active:
        raise EnrolmentCodeInvalid
    if issued.used_at is not None:
        raise EnrolmentCodeUsed
    if issued.expires_at <= at:
        raise EnrolmentCodeInvalid
    return issued


@transaction.atomic
def _report_reuse(code: str) -> None:
    issued = EnrolmentCode.objects.select_related("employee").get(code_hash=codes.hash_of(code))
    record(
        events.CODE_REUSED,
        actor=system_user(),
        subject=issued,
        at=timezone.now(),
        person=issued.employee,
    )
    owe("enrolment_code_reused", to=issued.employee)


def token_hash(token: str) -> bytes:
    """Return what is kept of a device's token, which has 256 random bits of its own."""
    return hashlib.sha256(token.encode()).digest()


@transaction.atomic
def revoke_device(*, device: Device, by: Employee) -> None:
    """Shut the device out: its next call is refused, and its agent stops and forgets.

    Raises:
        DeviceAlreadyRevoked: somebody was first.
    """
    now = timezone.now()
    lock_person(device.employee)
    fresh = Device.objects.select_related("employee").get(pk=device.pk)
    if fresh.revoked_at is not None:
        raise DeviceAlreadyRevoked
    fresh.revoked_at = now
    fresh.save(update_fields=["revoked_at"])
    record(events.DEVICE_REVOKED, actor=by, subject=fresh, at=now, person=fresh.employee)
    forget_device(device=fresh.pk, at=now)
    announcements.announce_device(fresh.pk)
    owe("device_removed", to=fresh.employee, context={"hostname": fresh.hostname})
