"""Every write to devices: one function per event."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import read_public_jwk, sign, verify_with_key
from consent_app.audit.actions import record
from consent_app.devices import announcements, codes, events, queries
from consent_app.devices.errors import (
    AcknowledgementInFuture,
    AcknowledgementOfOtherDevice,
    AcknowledgementUnreadable,
    DeviceAlreadyRevoked,
    EffectWiderThanPolicy,
    EnrolmentCodeInvalid,
    EnrolmentCodeUsed,
    KeyAlreadyRegistered,
    KeyUnusable,
    PolicyNeverIssued,
    RegisterMissing,
    SequenceReused,
)
from consent_app.devices.models import (
    Acknowledgement,
    Ceiling,
    Device,
    DevicePolicy,
    EnrolmentCode,
)
from consent_app.devices.policy import compile_ceiling, compile_device_policy
from consent_app.notifications.actions import owe
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.people.queries import lock_person, system_user
from consent_app.register.models import RegisterVersion
from consent_app.register.queries import current_version, excluded_slugs
from portal.lib.keys import signing_key

CODE_LIFETIME = timedelta(minutes=15)
CLOCK_TOLERANCE = timedelta(seconds=60)
EFFECTS = frozenset({"collecting", "not_collecting"})


# Enrolment


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
        expires_at=now + CODE_LIFETIME,
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
    _sign_policy(device, at=now)
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
    announcements.announce_device(fresh.pk)
    owe("device_removed", to=fresh.employee, context={"hostname": fresh.hostname})


# Policies


def refresh_policies(*, employees: Iterable[Employee], at: datetime) -> None:
    """Sign a new policy for every device of these people, inside the caller's transaction.

    The caller has locked or written the people's rows. `at` is when what led to it was decided.
    """
    devices = Device.objects.active().filter(employee__in=list(employees))
    # Always in the same order, so that two of us can't wait for each other.
    for device in (
        devices.select_related("employee__jurisdiction")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    ):
        _sign_policy(device, at=at)


def _sign_policy(device: Device, *, at: datetime) -> DevicePolicy:
    """Sign the next version. The caller holds the device's lock, or has just made the row."""
    version = device.policy_version + 1
    facts = queries.device_facts(device, at=at)
    payload = compile_device_policy(facts, version=version, issued_at=at)
    jws = sign(payload, typ="device-policy+jws", key=signing_key("policy"))
    policy = DevicePolicy.objects.create(
        device=device,
        version=version,
        state=str(payload["state"]),
        jws=jws,
        digest=content_digest(jws.encode()),
        requested_at=at,
        signed_at=timezone.now(),
    )
    device.policy_version = version
    device.save(update_fields=["policy_version"])
    details = {"device": str(device.pk), "version": version, "digest": policy.digest}
    record(
        events.POLICY_SIGNED,
        actor=system_user(),
        subject=policy,
        at=at,
        person=device.employee,
        details=details,
    )
    announcements.announce_device(device.pk)
    return policy


@transaction.atomic
def sign_ceilings(*, by: Employee) -> list[Ceiling]:
    """Sign a ceiling for every cohort whose content changed; needs the programme key.

    Raises:
        RegisterMissing: no register is published.
        KeysMissing: the programme key is not here.
    """
    register = current_version()
    if register is None or register.digest is None:
        raise RegisterMissing
    now = timezone.now()
    excluded = excluded_slugs(register)
    signed = []
    for jurisdiction in Jurisdiction.objects.select_for_update(no_key=True).order_by("pk"):
        content = compile_ceiling(
            cohort=jurisdiction.cohort,
            collection=queries.COLLECTION[CollectionDefault(jurisdiction.collection_default)],
            register_digest=register.digest,
            excluded=excluded,
        )
        if ceiling := _sign_ceiling(jurisdiction, register, content, by=by, at=now):
            signed.append(ceiling)
    if signed:
        announcements.announce_ceilings()
    return signed


def _sign_ceiling(
    jurisdiction: Jurisdiction,
    register: RegisterVersion,
    content: dict[str, object],
    *,
    by: Employee,
    at: datetime,
) -> Ceiling | None:
    """Sign the next version, or nothing if the newest says the same. The caller holds the row."""
    before = queries.newest_ceiling(jurisdiction)
    content_id = content_digest(canonical_json(content))
    if before is not None and before.content_digest == content_id:
        return None
    version = before.version + 1 if before else 1
    payload = content | {"version": version, "issued_at": documents.format_time(at)}
    jws = sign(payload, typ="ceiling+jws", key=signing_key("programme"))
    ceiling = Ceiling.objects.create(
        jurisdiction=jurisdiction,
        version=version,
        register=register,
        jws=jws,
        content_digest=content_id,
        digest=content_digest(jws.encode()),
        signed_at=at,
    )
    details = {"cohort": jurisdiction.cohort, "version": version, "digest": ceiling.digest}
    record(events.CEILING_SIGNED, actor=by, subject=ceiling, at=at, details=details)
    return ceiling


# Acknowledgements


def receive_acknowledgement(*, device: Device, jws: str) -> tuple[Acknowledgement, bool]:
    """Keep the device's word that it applied a policy; return it and whether it is new.

    What can't be true (a policy never issued, collecting what is denied) goes into the log.

    Raises:
        AcknowledgementUnreadable, AcknowledgementOfOtherDevice, AcknowledgementInFuture,
        PolicyNeverIssued, EffectWiderThanPolicy, SequenceReused.
    """
    try:
        payload = verify_with_key(
            jws, typ="acknowledgement+jws", public_key=read_public_jwk(device.public_jwk)
        )
        said = documents.Acknowledgement.from_payload(payload)
    except DocumentRefused as refused:
        raise AcknowledgementUnreadable from refused
    if said.effect not in EFFECTS:
        raise AcknowledgementUnreadable
    if said.device != str(device.pk):
        raise AcknowledgementOfOtherDevice
    try:
        return _keep_acknowledgement(device, said, jws)
    except (PolicyNeverIssued, EffectWiderThanPolicy) as refusal:
        _report_wrong(device, refusal.code, jws)
        raise


@transaction.atomic
def _keep_acknowledgement(
    device: Device, said: documents.Acknowledgement, jws: str
) -> tuple[Acknowledgement, bool]:
    now = timezone.now()
    lock_person(device.employee)
    known = Acknowledgement.objects.filter(device=device, sequence=said.sequence).first()
    if known is not None:
        if known.jws != jws:
            raise SequenceReused
        return known, False
    if said.applied_at > now + CLOCK_TOLERANCE:
        raise AcknowledgementInFuture
    policy = _policy_applied(device, said)
    _check_effect(policy, said)
    kept = Acknowledgement.objects.create(
        device=device,
        sequence=said.sequence,
        policy=policy,
        ceiling_digest=said.ceiling_digest,
        effect=said.effect,
        applied_at=said.applied_at,
        received_at=now,
        jws=jws,
    )
    details = {
        "device": str(device.pk),
        "hostname": device.hostname,
        "version": policy.version,
        "effect": said.effect,
    }
    record(
        events.POLICY_CONFIRMED,
        actor=device.employee,
        subject=kept,
        at=now,
        person=device.employee,
        details=details,
    )
    return kept, True


def _policy_applied(device: Device, said: documents.Acknowledgement) -> DevicePolicy:
    """Return the policy of this device that the acknowledgement names by version and digest."""
    policy = DevicePolicy.objects.filter(
        device=device, version=said.device_version, digest=said.device_digest
    ).first()
    if policy is None or not Ceiling.objects.filter(digest=said.ceiling_digest).exists():
        raise PolicyNeverIssued
    return policy


def _check_effect(policy: DevicePolicy, said: documents.Acknowledgement) -> None:
    """Refuse "collecting" at a time when the policy itself denies everything."""
    told = documents.DevicePolicy.from_payload(queries.payload_of(policy.jws))
    denied = any(deny.covers_everything and deny.is_in_force(said.applied_at) for deny in told.deny)
    if denied and said.effect == "collecting":
        raise EffectWiderThanPolicy


@transaction.atomic
def _report_wrong(device: Device, code: str, jws: str) -> None:
    record(
        events.ACKNOWLEDGEMENT_REFUSED,
        actor=system_user(),
        subject=device,
        at=timezone.now(),
        person=device.employee,
        details={"code": code, "digest": content_digest(jws.encode())},
    )
    owe("device_contradicts", to=device.employee, context={"hostname": device.hostname})
