"""Keeping the word of devices that they applied a policy."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import read_public_jwk, verify_with_key
from consent_app.audit.actions import record
from consent_app.devices import events, queries
from consent_app.devices.actions.runs import report_two_clients
from consent_app.devices.errors import (
    AcknowledgementInFuture,
    AcknowledgementOfOtherDevice,
    AcknowledgementUnreadable,
    EffectWiderThanPolicy,
    PolicyNeverIssued,
    SequenceReused,
)
from consent_app.devices.models import Acknowledgement, Ceiling, Device, DevicePolicy
from consent_app.erasure.actions import confirm_on_device
from consent_app.notifications.actions import owe
from consent_app.people.queries import lock_person, system_user

CLOCK_TOLERANCE = timedelta(seconds=60)
EFFECTS = frozenset({"collecting", "not_collecting"})


def receive_acknowledgement(*, device: Device, jws: str) -> tuple[Acknowledgement, bool]:
    """Keep the device's word that it applied a policy; return it and whether it is new.

    What can't be true (a policy never issued, collecting what is denied) goes into the log. Two
    different words under one number are the words of two.

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
    except SequenceReused:
        report_two_clients(device.pk, sign="sequence")
        raise
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
    policy, ceiling = _applied(device, said)
    told = queries.policy_document(policy)
    _check_effect(told, said)
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
    _note_ceiling(device, ceiling, at=now)
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
    orders = [erase.id for erase in told.erase]
    confirm_on_device(device=device.pk, owner=device.employee, orders=orders, at=now)
    return kept, True


def _applied(device: Device, said: documents.Acknowledgement) -> tuple[DevicePolicy, Ceiling]:
    """Return the policy of this device and the ceiling that the acknowledgement names."""
    policy = DevicePolicy.objects.filter(
        device=device, version=said.device_version, digest=said.device_digest
    ).first()
    ceiling = Ceiling.objects.filter(digest=said.ceiling_digest).defer("jws").first()
    if policy is None or ceiling is None:
        raise PolicyNeverIssued
    return policy, ceiling


def _note_ceiling(device: Device, ceiling: Ceiling, *, at: datetime) -> None:
    """Keep how far the device follows what is decided for many; the first word on it counts.

    A later word about the same ceiling tells of a person's own policy, which is not for IT to see.
    """
    follows = Device.objects.filter(
        pk=device.pk, cohort=ceiling.jurisdiction_id, confirmed_ceiling__lt=ceiling.version
    )
    follows.update(confirmed_ceiling=ceiling.version, ceiling_confirmed_at=at)


def _check_effect(told: documents.DevicePolicy, said: documents.Acknowledgement) -> None:
    """Refuse "collecting" at a time when the policy itself denies everything."""
    # Whatever a device says: it can't have applied a policy before that was made.
    applied_at = max(said.applied_at, told.issued_at)
    denied = any(deny.covers_everything and deny.is_in_force(applied_at) for deny in told.deny)
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
    # Whoever has a code of a roll-out could have a device say this all day, under any name.
    if not device.waits_for_owner:
        owe("device_contradicts", to=device.employee, context={"hostname": device.hostname})
