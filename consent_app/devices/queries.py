"""Reads of devices, what they were told and what they confirmed."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.jws import decode_base64url
from consent_agent.protocol.members import Members
from consent_app.devices.models import (
    WAITS_FOR_OWNER,
    Acknowledgement,
    Ceiling,
    Device,
    DevicePolicy,
    SignedKeySet,
)
from consent_app.devices.policy import (
    Conditions,
    DeviceFacts,
    EraseFact,
    RestrictionFact,
    deny_entry,
    in_order,
)
from consent_app.erasure.models import ErasureOrder
from consent_app.erasure.queries import orders_for_device
from consent_app.erasure.rules import LastGiven
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.register.models import RegisterVersion
from consent_app.register.queries import notice_standing
from consent_app.restrictions.models import Restriction, Source
from consent_app.restrictions.queries import (
    pause_preference,
    quiet_windows,
    restrictions_on,
    restrictions_on_many,
)
from consent_app.restrictions.quiet_times import QUIET_HORIZON
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES

COLLECTION = {
    CollectionDefault.ALLOWED_WITH_NOTICE: "allowed",
    CollectionDefault.OPT_IN: "opt_in",
    CollectionDefault.NOT_IN_SCOPE: "out_of_scope",
}


def devices_of(employee: Employee) -> list[Device]:
    """Return this person's devices with their two newest policies and what confirmed them."""
    newest = DevicePolicy.objects.order_by("-version").prefetch_related(
        Prefetch("acknowledgements", queryset=Acknowledgement.objects.order_by("sequence"))
    )
    return list(
        Device.objects.in_use()
        .filter(employee=employee)
        .select_related("employee__jurisdiction")
        .prefetch_related(Prefetch("policies", queryset=newest[:2], to_attr="newest_policies"))
    )


def newest_policy(device: Device) -> DevicePolicy:
    """Return the newest policy of a device that came from `devices_of`."""
    policy: DevicePolicy = device.newest_policies[0]  # type: ignore[attr-defined]  # to_attr sets it
    return policy


def policy_before(device: Device) -> DevicePolicy | None:
    """Return the policy before the newest, of a device that came from `devices_of`."""
    policies: list[DevicePolicy] = device.newest_policies  # type: ignore[attr-defined]  # see above
    return policies[1] if len(policies) > 1 else None


def confirmed_at(policy: DevicePolicy) -> datetime | None:
    """Return when the device's word about a policy that came from `devices_of` arrived."""
    confirmed = next(iter(policy.acknowledgements.all()), None)
    return confirmed.received_at if confirmed else None


def said_last_not_to_collect_at(policy: DevicePolicy) -> datetime | None:
    """Return when the device's last word about a policy of `devices_of` came, if it was that.

    A device that does not collect already says so once, whatever else takes collection away later.
    """
    said = list(policy.acknowledgements.all())
    return said[-1].received_at if said and said[-1].effect == "not_collecting" else None


def devices_waiting_for(employee: Employee) -> list[Device]:
    """Return the devices of a roll-out of which this person has not said yet whose they are."""
    return list(Device.objects.waiting().filter(employee=employee).select_related("rollout"))


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
    """Gather what decides this device's policy at `at`.

    Nothing of its owner's for a device that waits for their word: whoever holds a code of a
    roll-out could let one in under any name, and read their pauses and exemptions from it.
    """
    employee = device.employee
    jurisdiction = employee.jurisdiction
    if device.waits_for_owner:
        return DeviceFacts(
            device=device.pk,
            cohort=jurisdiction.cohort,
            collection=COLLECTION[CollectionDefault(jurisdiction.collection_default)],
            is_active=employee.is_active and device.revoked_at is None,
            waits_for_owner=True,
        )
    standing = notice_standing(employee, at=at)
    restrictions = {
        restriction_fact(row) for row in restrictions_on(employee, at=at).on_device(device.pk)
    }
    return DeviceFacts(
        device=device.pk,
        cohort=jurisdiction.cohort,
        collection=COLLECTION[CollectionDefault(jurisdiction.collection_default)],
        is_active=employee.is_active and device.revoked_at is None,
        acknowledgement_missing=standing.acknowledgement_missing,
        notice_lapses_at=standing.notice_lapses_at,
        opted_in=standing.opted_in,
        consent_lapses_at=standing.consent_lapses_at,
        restrictions=frozenset(restrictions | _quiet_facts(employee, at=at)),
        conditions=_conditions(employee),
        erase=frozenset(erase_fact(order) for order in orders_for_device(device.pk, at=at)),
    )


def _quiet_facts(employee: Employee, *, at: datetime) -> set[RestrictionFact]:
    """Return this person's quiet times, day by day, and an open end where they were not written.

    Policies are signed again long before that end (`tasks.keep_policies`); should nobody do it,
    nothing is collected from there on.
    """
    windows = quiet_windows(employee, at=at)
    facts = {
        RestrictionFact(window.id, Source.PREFERENCE, window.starts_at, window.ends_at)
        for window in windows
    }
    if windows:
        horizon = at + QUIET_HORIZON
        end = uuid.uuid5(employee.pk, "quiet-times-end")
        facts.add(RestrictionFact(end, Source.PREFERENCE, horizon, None))
    return facts


def _conditions(employee: Employee) -> Conditions:
    preference = pause_preference(employee)
    if preference is None:
        return Conditions()
    return Conditions(
        battery_below_percent=preference.battery_below_percent,
        denies_metered=preference.denies_metered,
        denies_private_window=preference.denies_private_window,
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


def erase_fact(order: ErasureOrder) -> EraseFact:
    scope = order.scope
    return EraseFact(order.pk, scope.starts_at, scope.ends_at, scope.applications)


def all_devices_of(employee: Employee) -> list[Device]:
    """Return every device that this person has or had, the removed ones too.

    One of a roll-out that they never called theirs is none of them.
    """
    return list(Device.objects.filter(employee=employee).exclude(WAITS_FOR_OWNER))


def last_given(devices: Collection[uuid.UUID]) -> dict[uuid.UUID, LastGiven]:
    """Return the newest policy that each of these devices was given, if it was given one."""
    given = (
        DevicePolicy.objects.filter(device__in=devices, delivered_at__isnull=False)
        .order_by("device", "-version")
        .distinct("device")
        .values_list("device", "signed_at", "delivered_at")
    )
    return {
        device: LastGiven(signed_at, given_at)
        for device, signed_at, given_at in given
        if given_at is not None
    }


def stops_for(jurisdiction: Jurisdiction, *, at: datetime) -> tuple[documents.Deny, ...]:
    """Return what is taken from this cohort or from everybody: it stands in freshness."""
    rows = restrictions_on_many(at=at)
    facts = [restriction_fact(row) for row in rows if row.cohort_id in (None, jurisdiction.pk)]
    return tuple(
        documents.Deny.from_members(Members(deny_entry(fact))) for fact in in_order(facts, at=at)
    )


def newest_ceiling(jurisdiction: Jurisdiction, *, at: datetime | None = None) -> Ceiling | None:
    """Return the ceiling that holds at `at`, now by default."""
    signed = Ceiling.objects.filter(
        jurisdiction=jurisdiction, in_force_at__lte=at or timezone.now()
    )
    return signed.order_by("-version").first()


def upcoming_ceilings(current: Ceiling) -> list[Ceiling]:
    """Return what is signed to follow a ceiling, the next one first."""
    later = Ceiling.objects.filter(jurisdiction=current.jurisdiction_id)
    return list(later.filter(version__gt=current.version).order_by("version"))


def without_ceilings(registers: Sequence[RegisterVersion]) -> list[RegisterVersion]:
    """Return those of these versions for which no ceiling is signed: devices can't go by them."""
    signed = set(
        Ceiling.objects.filter(register__in=registers).values_list("register", flat=True).distinct()
    )
    return [register for register in registers if register.pk not in signed]


def newest_key_set() -> SignedKeySet | None:
    """Return the signed set of keys that devices are told; None where none was signed yet."""
    return SignedKeySet.objects.order_by("-version").first()


def ceiling_document(jurisdiction: Jurisdiction) -> documents.Ceiling | None:
    """Return what the ceiling in force says; None where none is signed yet."""
    ceiling = newest_ceiling(jurisdiction)
    return content_of(ceiling) if ceiling else None


def content_of(ceiling: Ceiling) -> documents.Ceiling:
    """Return what a ceiling says."""
    return documents.Ceiling.from_payload(_payload_of(ceiling.jws))


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
