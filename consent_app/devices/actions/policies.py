"""Signing what devices are told: a policy for each device, a ceiling for each cohort."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from django.db import transaction
from django.utils import timezone

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.jws import sign
from consent_agent.protocol.times import format_time
from consent_app.audit.actions import record
from consent_app.contacts.queries import newest_filter
from consent_app.devices import announcements, events, queries
from consent_app.devices.errors import RegisterMissing
from consent_app.devices.models import Ceiling, Device, DevicePolicy, DeviceQuerySet
from consent_app.devices.policy import compile_ceiling, compile_device_policy
from consent_app.notifications.actions import owe_each
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.people.queries import system_user
from consent_app.register.models import RegisterVersion
from consent_app.register.queries import (
    asked_anew_at,
    current_version,
    excluded_slugs,
    upcoming_versions,
)
from portal.lib.keys import signing_key


def refresh_policies(*, employees: Iterable[Employee], at: datetime) -> None:
    """Sign a new policy for every device of these people, inside the caller's transaction.

    Not for one that waits for its owner's word: it holds nothing of theirs, and must not learn from
    a new version that something of theirs changed.

    The caller has locked or written the people's rows. `at` is when what led to it was decided.
    """
    _sign_each(Device.objects.in_use().filter(employee__in=list(employees)), at=at)


def replace_signatures(*, employee: Employee, at: datetime) -> None:
    """Sign what holds for this person's devices anew, because another key is to vouch for it.

    Also for one that waits for its owner's word: another key says nothing of theirs. The caller has
    locked the person's row.
    """
    _sign_each(Device.objects.active().filter(employee=employee), at=at)


def _sign_each(devices: DeviceQuerySet, *, at: datetime) -> None:
    # Always in the same order, so that two of us can't wait for each other.
    moved: dict[Employee, list[str]] = {}
    for device in (
        devices.select_related("employee__jurisdiction")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    ):
        if _may_ask_its_owner(device):
            moved.setdefault(device.employee, []).append(device.hostname)
        sign_policy(device, at=at)
    owe_each("device_place", {person: _place_of(person, names) for person, names in moved.items()})


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
    changed = ["policy_version"]
    if device.cohort != device.employee.jurisdiction_id:
        # What it confirmed was said to people of another place.
        device.cohort, device.confirmed_ceiling = device.employee.jurisdiction_id, 0
        device.ceiling_confirmed_at = None
        changed += ["cohort", "confirmed_ceiling", "ceiling_confirmed_at"]
    device.save(update_fields=changed)
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


def _may_ask_its_owner(device: Device) -> bool:
    """Whether it was told another place before, and may collect nothing here without their word."""
    place = device.employee.jurisdiction
    moves = device.cohort not in ("", place.pk)
    is_open = place.collection_default != CollectionDefault.NOT_IN_SCOPE
    return moves and is_open and not device.waits_for_owner


def _place_of(person: Employee, hostnames: Sequence[str]) -> dict[str, object]:
    place = person.jurisdiction
    names = ", ".join(sorted(hostnames))
    return {"hostnames": names, "place": place.name, "cohort": place.cohort}


@dataclass(frozen=True, slots=True)
class UnsignedCeiling:
    """A ceiling that is to be signed: its payload, and what the portal keeps beside it."""

    jurisdiction: Jurisdiction
    register: RegisterVersion
    version: int
    in_force_at: datetime
    needs_policies_since: datetime | None
    content_digest: str
    payload: dict[str, object]


@transaction.atomic
def sign_ceilings(*, by: Employee) -> list[Ceiling]:
    """Sign a ceiling for every cohort whose content changed; needs the programme key.

    Raises:
        RegisterMissing: no register is in force.
        KeysMissing: the programme key is not here.
    """
    now = timezone.now()
    return [
        keep_ceiling(
            unsigned,
            jws=sign(unsigned.payload, typ="ceiling+jws", key=signing_key("programme")),
            by=by,
            at=now,
        )
        for unsigned in ceilings_to_sign(at=now)
    ]


def ceilings_to_sign(*, at: datetime) -> list[UnsignedCeiling]:
    """Return what every cohort is to be told and is not yet, by cohort and version.

    That is the register in force and each that was published ahead, all of them with the newest
    filter of protected people. Where one of them says something new, those after it are signed
    again: the highest version holds. Holds the cohorts' rows, so it belongs to the transaction that
    keeps what was signed.

    Raises:
        RegisterMissing: no register is in force.
    """
    current = current_version(at=at)
    if current is None:
        raise RegisterMissing
    registers = [current, *upcoming_versions(at=at)]
    excluded = {register.pk: excluded_slugs(register) for register in registers}
    newest = newest_filter()
    cohorts = Jurisdiction.objects.select_for_update(no_key=True).order_by("pk")
    return [
        unsigned
        for jurisdiction in cohorts
        for unsigned in _unsigned(
            jurisdiction, registers, excluded, newest.digest if newest else None, at=at
        )
    ]


def _unsigned(
    jurisdiction: Jurisdiction,
    registers: Sequence[RegisterVersion],
    excluded: Mapping[int, list[str]],
    counterparties: str | None,
    *,
    at: datetime,
) -> Iterator[UnsignedCeiling]:
    now_held = queries.newest_ceiling(jurisdiction, at=at)
    signed = [now_held, *queries.upcoming_ceilings(now_held)] if now_held else []
    version = signed[-1].version if signed else 0
    is_same = True
    for register, known in zip_longest(registers, signed[: len(registers)]):
        content = compile_ceiling(
            cohort=jurisdiction.cohort,
            collection=queries.COLLECTION[CollectionDefault(jurisdiction.collection_default)],
            register_digest=register.digest or "",
            excluded=excluded[register.pk],
            counterparties=counterparties,
        )
        digest = content_digest(canonical_json(content))
        is_same = is_same and known is not None and known.content_digest == digest
        if not is_same:
            version += 1
            issued = {"version": version, "issued_at": format_time(at)}
            yield UnsignedCeiling(
                jurisdiction=jurisdiction,
                register=register,
                version=version,
                in_force_at=max(at, register.in_force_at or at),
                needs_policies_since=asked_anew_at(jurisdiction, register),
                content_digest=digest,
                payload=content | issued,
            )


def keep_ceiling(unsigned: UnsignedCeiling, *, jws: str, by: Employee, at: datetime) -> Ceiling:
    """Keep a ceiling that was signed with the programme key, here or on another machine."""
    ceiling = Ceiling.objects.create(
        jurisdiction=unsigned.jurisdiction,
        version=unsigned.version,
        register=unsigned.register,
        jws=jws,
        content_digest=unsigned.content_digest,
        digest=content_digest(jws.encode()),
        signed_at=at,
        in_force_at=unsigned.in_force_at,
        needs_policies_since=unsigned.needs_policies_since,
    )
    details = {
        "cohort": unsigned.jurisdiction.cohort,
        "version": unsigned.version,
        "digest": ceiling.digest,
    }
    record(events.CEILING_SIGNED, actor=by, subject=ceiling, at=at, details=details)
    announcements.announce_ceilings()
    return ceiling
