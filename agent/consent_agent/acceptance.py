"""Which documents of the portal the agent takes for its policy.

Checks in this order: the key set is not over, size, signature and key role, type and schema, device
and cohort are mine, versions (no rollback, same version same bytes, no jump), freshness names
exactly these two documents, freshness window. The first failure is a `DocumentRefused` with a
stable code, and what was in force before stays as it was. Whether a policy is still fresh later is
left to `gate`, what is remembered between runs to `state`. Source: design, section 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.documents import Ceiling, DevicePolicy, Freshness
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, key_id, verify

MAX_AHEAD: Final = timedelta(seconds=60)
MAX_WINDOW: Final = timedelta(minutes=60)
# A stolen policy key could otherwise sign the highest version and lock out every later policy until
# it is withdrawn.
MAX_VERSION_STEP: Final = 1_000_000


@dataclass(frozen=True)
class SignedDocuments:
    """Three compact JWS, as the portal sent them."""

    device: str
    ceiling: str
    freshness: str


@dataclass(frozen=True)
class Floor:
    """The highest version seen of one document, and its digest."""

    version: int
    digest: str


@dataclass(frozen=True)
class Floors:
    """What no later document may fall below; each cohort counts its ceilings for itself.

    Those of the device policy are kept by the key that signed it: what a stolen key signed counts
    no more once that key is withdrawn. `has_place` is false of those that an agent wrote which kept
    no place of its owner.
    """

    device: Mapping[str, Floor] = field(default_factory=dict)
    ceilings: Mapping[str, Floor] = field(default_factory=dict)
    freshness_issued_at: datetime | None = None
    keys_version: int = 0
    has_place: bool = True

    def believing(self, keys: KeySet) -> "Floors":
        """Return the floors that hold while these keys are believed."""
        kept = {kid: floor for kid, floor in self.device.items() if kid in keys}
        return replace(self, device=kept, keys_version=keys.version)


@dataclass(frozen=True)
class AcceptedPolicy:
    """Documents that passed every check, and their digests."""

    signed: SignedDocuments
    policy: DevicePolicy
    ceiling: Ceiling
    freshness: Freshness
    device_digest: str
    ceiling_digest: str
    device_key: str

    def raise_floors(self, floors: Floors) -> Floors:
        """Return the floors that hold once this policy is in force."""
        device = Floor(self.policy.version, self.device_digest)
        ceiling = Floor(self.ceiling.version, self.ceiling_digest)
        return replace(
            floors,
            device={**floors.device, self.device_key: device},
            ceilings={**floors.ceilings, self.ceiling.cohort: ceiling},
            freshness_issued_at=self.freshness.issued_at,
        )


def accept(
    signed: SignedDocuments, *, keys: KeySet, device: str, floors: Floors, now: datetime
) -> AcceptedPolicy:
    """Return the documents as this device's policy, received at `now` (aware).

    Raises:
        DocumentRefused: `keys_expired`, the codes of `protocol.jws.verify` and of the document
            readers, then `wrong_device`, `wrong_cohort`, `rollback`, `version_reused`,
            `version_jump`, `freshness_mismatch`, `issued_in_future`, `freshness_replayed`,
            `bad_window`, `expired`.
    """
    if keys.expires_at is not None and keys.expires_at <= now:
        raise DocumentRefused("keys_expired")
    device_payload, ceiling_payload, freshness_payload = verify_documents(signed, keys=keys)
    accepted = AcceptedPolicy(
        signed=signed,
        policy=DevicePolicy.from_payload(device_payload),
        ceiling=Ceiling.from_payload(ceiling_payload),
        freshness=Freshness.from_payload(freshness_payload),
        device_digest=content_digest(signed.device.encode("ascii")),
        ceiling_digest=content_digest(signed.ceiling.encode("ascii")),
        device_key=key_id(signed.device),
    )
    _check_addressee(accepted, device)
    _check_versions(accepted, floors.believing(keys))
    _check_binding(accepted)
    _check_window(accepted.freshness, floors.freshness_issued_at, now)
    return accepted


def verify_documents(signed: SignedDocuments, *, keys: KeySet) -> tuple[bytes, bytes, bytes]:
    """Return the three payloads, each signed by a key of its role.

    Raises:
        DocumentRefused: the codes of `protocol.jws.verify`.
    """
    return (
        verify(signed.device, typ="device-policy+jws", keys=keys),
        verify(signed.ceiling, typ="ceiling+jws", keys=keys),
        verify(signed.freshness, typ="freshness+jws", keys=keys),
    )


def _check_addressee(accepted: AcceptedPolicy, device: str) -> None:
    if accepted.policy.device != device or accepted.freshness.device != device:
        raise DocumentRefused("wrong_device")
    if accepted.policy.cohort != accepted.ceiling.cohort:
        raise DocumentRefused("wrong_cohort")


def _check_versions(accepted: AcceptedPolicy, floors: Floors) -> None:
    policy = Floor(accepted.policy.version, accepted.device_digest)
    ceiling = Floor(accepted.ceiling.version, accepted.ceiling_digest)
    highest = max(floors.device.values(), key=lambda floor: floor.version, default=None)
    for name, offered, floor in (
        ("device", policy, highest),
        ("ceiling", ceiling, floors.ceilings.get(accepted.ceiling.cohort)),
    ):
        if floor is None:
            continue
        if offered.version < floor.version:
            raise DocumentRefused("rollback", name)
        if offered.version == floor.version and offered.digest != floor.digest:
            raise DocumentRefused("version_reused", name)
        if offered.version > floor.version + MAX_VERSION_STEP:
            raise DocumentRefused("version_jump", name)


def _check_binding(accepted: AcceptedPolicy) -> None:
    freshness = accepted.freshness
    named = (
        freshness.device_version,
        freshness.device_digest,
        freshness.ceiling_version,
        freshness.ceiling_digest,
    )
    held = (
        accepted.policy.version,
        accepted.device_digest,
        accepted.ceiling.version,
        accepted.ceiling_digest,
    )
    if named != held:
        raise DocumentRefused("freshness_mismatch")


def _check_window(freshness: Freshness, last: datetime | None, now: datetime) -> None:
    if freshness.issued_at > now + MAX_AHEAD:
        raise DocumentRefused("issued_in_future")
    if last is not None and freshness.issued_at < last:
        raise DocumentRefused("freshness_replayed")
    if not timedelta(0) < freshness.expires_at - freshness.issued_at <= MAX_WINDOW:
        raise DocumentRefused("bad_window")
    if freshness.expires_at <= now:
        raise DocumentRefused("expired")
