"""Reads of devices, what they were told and what they confirmed."""

import uuid
from datetime import datetime

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.jws import decode_base64url
from consent_app.devices.models import Acknowledgement, Ceiling, Device, DevicePolicy
from consent_app.devices.policy import DeviceFacts, RestrictionFact, deny_entry, in_order
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.restrictions.models import Restriction
from consent_app.restrictions.queries import restrictions_on, restrictions_on_many
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES

COLLECTION = {
    CollectionDefault.ALLOWED_WITH_NOTICE: "allowed",
    CollectionDefault.OPT_IN: "opt_in",
    CollectionDefault.NOT_IN_SCOPE: "out_of_scope",
}


def devices_of(employee: Employee) -> list[Device]:
    """Return this person's devices with their newest policy and its acknowledgement loaded."""
    newest = DevicePolicy.objects.order_by("-version").prefetch_related(
        Prefetch("acknowledgements", queryset=Acknowledgement.objects.order_by("sequence"))
    )
    return list(
        Device.objects.active()
        .filter(employee=employee)
        .select_related("employee__jurisdiction")
        .prefetch_related(Prefetch("policies", queryset=newest[:1], to_attr="newest_policies"))
    )


def newest_policy(device: Device) -> DevicePolicy:
    """Return the newest policy of a device that came from `devices_of`."""
    policy: DevicePolicy = device.newest_policies[0]  # type: ignore[attr-defined]  # to_attr sets it
    return policy


def confirmed_at(policy: DevicePolicy) -> datetime | None:
    """Return when the device's word about a policy that came from `devices_of` arrived."""
    confirmed = next(iter(policy.acknowledgements.all()), None)
    return confirmed.received_at if confirmed else None


def device_for(user: Employee, device_id: uuid.UUID) -> Device:
    """Return the user's own device; 404 also hides devices that are not theirs, or gone."""
    return get_object_or_404(Device.objects.active(), pk=device_id, employee=user)


def device_by_token_hash(token_hash: bytes) -> Device | None:
    return (
        Device.objects.select_related("employee__jurisdiction")
        .filter(token_hash=token_hash)
        .first()
    )


def device_facts(device: Device, *, at: datetime) -> DeviceFacts:
    """Gather what decides this device's policy at `at`."""
    employee = device.employee
    jurisdiction = employee.jurisdiction
    return DeviceFacts(
        device=device.pk,
        cohort=jurisdiction.cohort,
        collection=COLLECTION[CollectionDefault(jurisdiction.collection_default)],
        is_active=employee.is_active and device.revoked_at is None,
        # Until notices can be acknowledged here, nobody whom the law asks has done so.
        acknowledgement_missing=jurisdiction.acknowledgement_required,
        opted_in=False,
        restrictions=frozenset(
            restriction_fact(row) for row in restrictions_on(employee, at=at).on_device(device.pk)
        ),
    )


def restriction_fact(row: Restriction) -> RestrictionFact:
    return RestrictionFact(
        id=row.pk,
        source=row.source,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        applications=None if row.applications is None else frozenset(row.applications),
        kinds=None if row.kinds is None else frozenset(row.kinds),
    )


def stops_for(jurisdiction: Jurisdiction, *, at: datetime) -> tuple[documents.Deny, ...]:
    """Return what is taken from this cohort or from everybody: it stands in freshness."""
    rows = restrictions_on_many(at=at)
    facts = [restriction_fact(row) for row in rows if row.cohort_id in (None, jurisdiction.pk)]
    return tuple(
        documents.Deny.from_members(documents.Members(deny_entry(fact)))
        for fact in in_order(facts, at=at)
    )


def newest_ceiling(jurisdiction: Jurisdiction) -> Ceiling | None:
    return Ceiling.objects.filter(jurisdiction=jurisdiction).order_by("-version").first()


def ceiling_document(jurisdiction: Jurisdiction) -> documents.Ceiling | None:
    """Return what the ceiling in force says; None where none is signed yet."""
    ceiling = newest_ceiling(jurisdiction)
    return documents.Ceiling.from_payload(_payload_of(ceiling.jws)) if ceiling else None


def policy_document(policy: DevicePolicy) -> documents.DevicePolicy:
    """Return what a device was told by this policy."""
    return documents.DevicePolicy.from_payload(_payload_of(policy.jws))


def longest_pause_minutes(jurisdiction: Jurisdiction) -> int:
    """Return `max_pause_minutes` of the ceiling in force; the longest where none is signed yet."""
    ceiling = ceiling_document(jurisdiction)
    return ceiling.max_pause_minutes if ceiling else LONGEST_PAUSE_MINUTES


def policy_documents_for(
    employee: Employee,
) -> tuple[
    documents.Ceiling | None,
    list[tuple[Device, documents.DevicePolicy]],
    tuple[documents.Deny, ...],
]:
    """Return what this person's devices are told now: ceiling, a policy per device, the stops."""
    jurisdiction = employee.jurisdiction
    policies = [(device, policy_document(newest_policy(device))) for device in devices_of(employee)]
    stops = stops_for(jurisdiction, at=timezone.now())
    return ceiling_document(jurisdiction), policies, stops


def _payload_of(jws: str) -> bytes:
    """Return the payload of a document that we signed ourselves and read from our own table."""
    return decode_base64url(jws.split(".")[1])
