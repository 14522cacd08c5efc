"""Signing what devices are told: a policy for each device, a ceiling for each cohort."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.jws import sign
from consent_app.audit.actions import record
from consent_app.devices import announcements, events, queries
from consent_app.devices.errors import RegisterMissing
from consent_app.devices.models import Ceiling, Device, DevicePolicy
from consent_app.devices.policy import compile_ceiling, compile_device_policy
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.people.queries import system_user
from consent_app.register.models import RegisterVersion
from consent_app.register.queries import current_version, excluded_slugs
from portal.lib.keys import signing_key


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
        sign_policy(device, at=at)


def sign_policy(device: Device, *, at: datetime) -> DevicePolicy:
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
