"""Rotating the keys that policies and checkpoints are signed with, and telling devices of them.

A key is published ahead, then put to use beside the one before, then that one is retired. Devices
believe a policy key while a signed key set names it; so nothing is put to use that no set names,
and nothing is left out of a set that a device's policy is signed with. Source: docs/operations.md,
section 5; docs/adr/0014-programme-key-vouches.md.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, key_prefix, sign, verify
from consent_agent.protocol.keys import TYP, read_payload
from consent_agent.protocol.times import parse_time
from consent_app.audit.actions import record
from consent_app.devices import events, key_sets, queries
from consent_app.devices.actions.policies import replace_signatures
from consent_app.devices.errors import (
    KeyAnnouncedLately,
    KeyKeptForEver,
    KeyNotAnnounced,
    KeySetNotWanted,
    KeySetUnsigned,
    KeyStillInUse,
)
from consent_app.devices.models import Device, DevicePolicy, DeviceQuerySet, SignedKeySet
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from portal.lib import key_rotation
from portal.lib.keys import CURRENT, NEXT, OLD, WITHDRAWN, listed_keys, published_keys, signing_key

# Source: docs/policy.md, section 16. Agents look for keys once a day.
ANNOUNCED_FOR = timedelta(days=2)
# Longer than any freshness lasts, and than it takes to copy a file to another machine.
OVERLAP = timedelta(hours=2)
PEOPLE_AT_ONCE = 2_000


@transaction.atomic
def sign_keys(*, by: Employee) -> SignedKeySet | None:
    """Sign the set of keys if it changed or grew old; needs the programme key.

    Raises:
        KeysMissing: the programme key is not here.
    """
    now = timezone.now()
    payload = keys_to_sign(at=now)
    if payload is None:
        return None
    return _keep(sign(payload, typ=TYP, key=signing_key("programme")), by=by, at=now)


def keys_to_sign(*, at: datetime) -> dict[str, object] | None:
    """Return the set that devices are to be told, or None where they are told it already."""
    newest = queries.newest_key_set()
    known = key_sets.payload_of(newest.jws) if newest else None
    return key_sets.payload_to_sign(published_keys(), newest=known, at=at)


@transaction.atomic
def keep_signed_keys(*, jws: str, by: Employee) -> SignedKeySet:
    """Keep a set that was signed on another machine; one that is kept already is given back.

    Raises:
        KeySetUnsigned: it does not carry the signature of a published programme key.
        KeySetNotWanted: it says something else than is to be signed now.
    """
    now = timezone.now()
    known = SignedKeySet.objects.filter(digest=content_digest(jws.encode())).first()
    if known is not None:
        return known
    try:
        payload = verify(jws, typ=TYP, keys=KeySet.from_jwks(published_keys()))
        offered = read_payload(payload)
    except DocumentRefused as refusal:
        raise KeySetUnsigned(f"The key set was refused: {refusal}.") from refusal
    said, wanted, newest = key_sets.payload_of(jws), keys_to_sign(at=now), queries.newest_key_set()
    if (
        wanted is None
        or canonical_json(said["keys"]) != canonical_json(wanted["keys"])
        or offered.version <= (newest.version if newest else 0)
        or key_sets.reaches_too_far(said, at=now)
        or parse_time(str(said["issued_at"])) > now
    ):
        raise KeySetNotWanted
    return _keep(jws, by=by, at=now)


def _keep(jws: str, *, by: Employee, at: datetime) -> SignedKeySet:
    payload = key_sets.payload_of(jws)
    kept = SignedKeySet.objects.create(
        version=read_payload(canonical_json(payload)).version,
        jws=jws,
        digest=content_digest(jws.encode()),
        signed_at=at,
        expires_at=parse_time(str(payload["expires_at"])),
    )
    details = {
        "version": kept.version,
        "digest": kept.digest,
        "keys": [f"{key.role} {key.status} {key.kid}" for key in key_sets.named(payload)],
    }
    record(events.KEYS_SIGNED, actor=by, subject=kept, at=at, details=details)
    return kept


@transaction.atomic
def rotate_key(*, role: str, by: Employee, in_haste: bool = False) -> str:
    """Put the announced key of `role` to use and announce another; return the id of the first.

    `in_haste` does not wait until every agent has looked for keys; one that has not asks when it
    meets the new key.

    Raises:
        KeyNotAnnounced: no signed key set names it, so devices could not learn of it.
        KeyAnnouncedLately: it was announced less than ANNOUNCED_FOR ago.
        KeysMissing: the private keys are not here.
    """
    now = timezone.now()
    newest = _locked_newest()
    following = next(key for key in listed_keys() if (key.role, key.status) == (role, NEXT))
    told = key_sets.named(key_sets.payload_of(newest.jws)) if newest else []
    if newest is None or following.kid not in {key.kid for key in told}:
        raise KeyNotAnnounced
    may_be_used_at = newest_naming(following.kid) + ANNOUNCED_FOR
    if may_be_used_at > now and not in_haste:
        raise KeyAnnouncedLately(
            "The next key was announced too lately: it may be used from "
            f"{may_be_used_at:%d %B %Y %H:%M} UTC on. With --now it is used at once, and devices "
            "that have not heard of it ask."
        )
    details = {"role": role, "key": following.kid}
    record(events.KEY_ROTATED, actor=by, subject=newest, at=now, details=details)
    used, _ = key_rotation.put_next_to_use(settings.KEYS_DIR, role, at=now)
    return used


def _locked_newest() -> SignedKeySet | None:
    """Return the newest set once nobody else rotates: of two, the second would use a key that the
    first has only just made, and that no device can know.
    """
    return SignedKeySet.objects.select_for_update(no_key=True).order_by("-version").first()


def newest_naming(kid: str) -> datetime:
    """Return since when every signed set, up to the newest, names this key."""
    since = timezone.now()
    for kept in SignedKeySet.objects.order_by("-version").iterator(chunk_size=10):
        if kid not in {key.kid for key in key_sets.named(key_sets.payload_of(kept.jws))}:
            break
        since = kept.signed_at
    return since


@transaction.atomic
def withdraw_key(*, role: str, by: Employee) -> list[str]:
    """Distrust the key in use of `role`, and the one announced beside it; return their ids.

    A policy key is left out of the next key set, and goes on signing until another is put to use:
    that is what devices know. A checkpoint key is replaced at once, since no device waits for it.

    Raises:
        KeysMissing: the private keys are not here.
    """
    now = timezone.now()
    anchor = _locked_newest()
    if anchor is None:
        raise KeyNotAnnounced
    within_reach = (CURRENT, NEXT)
    stolen = [key.kid for key in listed_keys() if key.role == role and key.status in within_reach]
    details: dict[str, object] = {"role": role, "keys": list(stolen)}
    record(events.KEY_WITHDRAWN, actor=by, subject=anchor, at=now, details=details)
    key_rotation.withdraw(settings.KEYS_DIR, role, at=now)
    if role == "checkpoint":
        key_rotation.put_next_to_use(settings.KEYS_DIR, role, at=now)
    return stolen


def policies_by_old_keys() -> Iterator[int]:
    """Sign again every policy in force that an old key signed; yield how many are left.

    Each person is a transaction of their own, so it may be cut off and begun again.
    """
    while left := _signed_by(_outgoing("policy")).count():
        yield left
        people = _signed_by(_outgoing("policy")).order_by("employee").values_list("employee")
        for (person,) in people.distinct()[:PEOPLE_AT_ONCE]:
            _sign_again(Employee(pk=person))
    yield 0


@transaction.atomic
def _sign_again(person: Employee) -> None:
    replace_signatures(employee=lock_person(person), at=timezone.now())


@transaction.atomic
def retire_keys(*, role: str, by: Employee, in_haste: bool = False) -> list[str]:
    """Take the old keys of `role` off the list; the next key set withdraws them. Return their ids.

    Raises:
        KeyKeptForEver: receipts need them.
        KeyStillInUse: a policy in force is signed with one, or its overlap is not over.
    """
    if role == "checkpoint":
        raise KeyKeptForEver
    now = timezone.now()
    old = _outgoing(role)
    current = next(key for key in listed_keys() if (key.role, key.status) == (role, CURRENT))
    if left := _signed_by(old).count():
        raise KeyStillInUse(f"The old key signed the policies of {left} devices.")
    ends_at = (current.since or now) + OVERLAP
    if old and ends_at > now and not in_haste:
        raise KeyStillInUse(
            f"The old key may still be in use until {ends_at:%d %B %Y %H:%M} UTC. With --now it is "
            "retired at once."
        )
    anchor = queries.newest_key_set()
    if anchor is None:
        raise KeyNotAnnounced
    if old:
        details: dict[str, object] = {"role": role, "keys": list(old)}
        record(events.KEY_RETIRED, actor=by, subject=anchor, at=now, details=details)
        key_rotation.drop(settings.KEYS_DIR, old)
    return old


def _outgoing(role: str) -> list[str]:
    """Return the keys of `role` that signed once and are not to any more."""
    listed = [key for key in listed_keys() if key.role == role]
    in_use = signing_key(role).kid
    return [key.kid for key in listed if key.status in (OLD, WITHDRAWN) and key.kid != in_use]


def _signed_by(kids: list[str]) -> DeviceQuerySet:
    """Return the devices whose policy in force one of these keys signed."""
    is_theirs = Q(pk__in=[])
    for kid in kids:
        # The header is canonical JSON, so one key and one type have one spelling of it.
        is_theirs |= Q(jws__startswith=key_prefix(kid, "device-policy+jws"))
    newest = DevicePolicy.objects.filter(device=OuterRef("pk"), version=OuterRef("policy_version"))
    return Device.objects.active().filter(Exists(newest.filter(is_theirs)))
