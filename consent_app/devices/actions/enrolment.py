"""Letting devices in by a code, and shutting them out."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import read_public_jwk
from consent_app.audit.actions import record
from consent_app.devices import announcements, codes, events, rules
from consent_app.devices.actions.policies import sign_policy
from consent_app.devices.errors import (
    DeviceAlreadyRevoked,
    EmployeeUnknown,
    EnrolmentCodeInvalid,
    EnrolmentCodeSpent,
    EnrolmentCodeUsed,
    KeyAlreadyRegistered,
    KeyUnusable,
    TooManyDevicesWait,
)
from consent_app.devices.models import Device, EnrolmentCode, Rollout
from consent_app.erasure.actions import forget_device
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import active_person, lock_person, system_user


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A device as its agent describes it; the key is a JWK."""

    public_key: Mapping[str, object]
    hostname: str
    platform: str
    agent_version: str


def enrol_device(
    *,
    code: str,
    public_key: Mapping[str, object],
    hostname: str,
    platform: str,
    agent_version: str,
    employee_email: str = "",
) -> tuple[Device, str]:
    """Make a device of the code's owner; return it with its token, which is kept only as a hash.

    With `employee_email` the code is one of a roll-out, and the device waits until that person says
    that it is theirs.

    Raises:
        EnrolmentCodeInvalid: unknown, expired or ended.
        EnrolmentCodeUsed: used before; the owner is told.
        EnrolmentCodeSpent, EmployeeUnknown, TooManyDevicesWait: of a roll-out.
        KeyUnusable, KeyAlreadyRegistered: the public key (a JWK) can't be this device's.
    """
    newcomer = Newcomer(
        public_key=public_key, hostname=hostname, platform=platform, agent_version=agent_version
    )
    try:
        if employee_email:
            return _enrol_by_rollout(code, employee_email, newcomer=newcomer)
        return _enrol_by_own_code(code, newcomer)
    except EnrolmentCodeUsed:
        _report_reuse(code)
        raise
    except IntegrityError as error:
        # Two devices with one key at the same moment: the database let one in.
        raise KeyAlreadyRegistered from error


@transaction.atomic
def _enrol_by_own_code(code: str, newcomer: Newcomer) -> tuple[Device, str]:
    now = timezone.now()
    _check_key(newcomer)
    issued = _usable_code(code, at=now)
    _check_key_is_new(newcomer)
    issued.used_at = now
    issued.save(update_fields=["used_at"])
    device, token = _let_in(newcomer, employee=issued.employee, by=issued.employee, at=now)
    owe("device_enrolled", to=issued.employee, context={"hostname": device.hostname})
    return device, token


@transaction.atomic
def _enrol_by_rollout(code: str, email: str, *, newcomer: Newcomer) -> tuple[Device, str]:
    now = timezone.now()
    _check_key(newcomer)
    rollout = _usable_rollout(code, at=now)
    # Before the person is looked for: a key that can't be used must not tell who works here.
    _check_key_is_new(newcomer)
    person = active_person(email)
    if person is None:
        raise EmployeeUnknown
    employee = lock_person(person)
    if Device.objects.waiting().filter(employee=employee).count() >= rules.MOST_WAITING:
        raise TooManyDevicesWait
    Rollout.objects.filter(pk=rollout.pk).update(uses=F("uses") + 1)
    device, token = _let_in(
        newcomer, employee=employee, by=rollout.issued_by, rollout=rollout, at=now
    )
    owe("device_waiting", to=employee, context={"hostname": device.hostname})
    return device, token


def _let_in(
    newcomer: Newcomer,
    *,
    employee: Employee,
    by: Employee,
    at: datetime,
    rollout: Rollout | None = None,
) -> tuple[Device, str]:
    token = f"device_{secrets.token_urlsafe(32)}"
    x = str(newcomer.public_key["x"])
    device = Device.objects.create(
        employee=employee,
        hostname=newcomer.hostname,
        platform=newcomer.platform,
        agent_version=newcomer.agent_version,
        public_key=x,
        token_hash=token_hash(token),
        enrolled_at=at,
        rollout=rollout,
    )
    details: dict[str, object] = {
        "hostname": newcomer.hostname,
        "platform": newcomer.platform,
        "public_key": x,
    }
    if rollout is not None:
        details["rollout"] = str(rollout.pk)
    record(
        events.DEVICE_ENROLLED, actor=by, subject=device, at=at, person=employee, details=details
    )
    sign_policy(device, at=at)
    return device, token


def _check_key(newcomer: Newcomer) -> None:
    try:
        read_public_jwk(newcomer.public_key)
    except DocumentRefused as refused:
        raise KeyUnusable from refused


def _check_key_is_new(newcomer: Newcomer) -> None:
    if Device.objects.filter(public_key=str(newcomer.public_key["x"])).exists():
        raise KeyAlreadyRegistered


def _usable_rollout(code: str, *, at: datetime) -> Rollout:
    # One after the other: two at once would both be the last that it may let in.
    rollout = (
        Rollout.objects.select_for_update(of=("self",), no_key=True)
        .select_related("issued_by")
        .filter(code_hash=codes.hash_of(code))
        .first()
    )
    if rollout is None or rollout.ended_at is not None or rollout.expires_at <= at:
        raise EnrolmentCodeInvalid
    if rollout.is_spent:
        raise EnrolmentCodeSpent
    return rollout


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
    fresh = shut_out(device, event=events.DEVICE_REVOKED, by=by, at=timezone.now())
    owe("device_removed", to=fresh.employee, context={"hostname": fresh.hostname})


def shut_out(device: Device, *, event: str, by: Employee, at: datetime) -> Device:
    """Revoke a device inside the caller's transaction, and return it as it is now.

    Raises:
        DeviceAlreadyRevoked: somebody was first.
    """
    lock_person(device.employee)
    fresh = Device.objects.select_related("employee", "rollout__issued_by").get(pk=device.pk)
    if fresh.revoked_at is not None:
        raise DeviceAlreadyRevoked
    fresh.revoked_at = at
    fresh.save(update_fields=["revoked_at"])
    details = {"hostname": fresh.hostname}
    record(event, actor=by, subject=fresh, at=at, person=fresh.employee, details=details)
    forget_device(device=fresh.pk, at=at)
    announcements.announce_device(fresh.pk)
    return fresh
