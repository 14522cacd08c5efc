"""How far a restriction, or its end, has come on each of a person's devices.

Told means that the device's newest policy holds it, or holds it no more; confirmed, that the device
signed its word about that policy or a later one. A pause made since takes no confirmation back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from consent_app.devices import queries
from consent_app.devices.display import SILENT_AFTER, stops_by
from consent_app.devices.models import Acknowledgement, Device, DevicePolicy
from consent_app.restrictions.models import Restriction


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One device. `stops_by` is when it stops by itself unless it answers, if it ever did."""

    hostname: str
    told_at: datetime | None
    confirmed_at: datetime | None
    last_seen_at: datetime | None
    stops_by: datetime | None
    is_silent: bool

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None


def reach_of(restriction: Restriction, *, devices: list[Device], at: datetime) -> tuple[Reach, ...]:
    """Return how far it has come on devices that came from `queries.devices_of`."""
    ended = restriction.ends_at is not None and restriction.ends_at <= at
    first = _first_policies(restriction, devices)
    return tuple(
        _reach(device, first, is_told=_holds(device, restriction) != ended, at=at)
        for device in devices
        if restriction.device in (None, device.pk)
    )


def _holds(device: Device, restriction: Restriction) -> bool:
    """Whether what the device was told last denies this, up to the same end."""
    told = queries.policy_document(queries.newest_policy(device))
    wanted = (str(restriction.pk), restriction.ends_at)
    return wanted in {(deny.id, deny.ends_at) for deny in told.deny}


def _first_policies(
    restriction: Restriction, devices: list[Device]
) -> Mapping[object, DevicePolicy]:
    """Return each device's first policy since it was decided, with when that was confirmed.

    A device that slept confirms only its newest policy: that holds for all before it.
    """
    confirmed = Acknowledgement.objects.filter(
        device=OuterRef("device"), policy__version__gte=OuterRef("version")
    ).order_by("received_at")
    policies = (
        DevicePolicy.objects.filter(device__in=devices, requested_at__gte=restriction.decided_at)
        .order_by("device_id", "version")
        .distinct("device_id")
        .defer("jws")
        .annotate(confirmed_at=Subquery(confirmed.values("received_at")[:1]))
    )
    return {policy.device_id: policy for policy in policies}


def _reach(
    device: Device, first: Mapping[object, DevicePolicy], *, is_told: bool, at: datetime
) -> Reach:
    policy = first.get(device.pk) if is_told else None
    seen = device.last_seen_at
    return Reach(
        hostname=device.hostname,
        told_at=policy.delivered_at if policy else None,
        confirmed_at=policy.confirmed_at if policy else None,  # type: ignore[attr-defined]
        last_seen_at=seen,
        stops_by=stops_by(seen),
        is_silent=seen is None or at - seen > SILENT_AFTER,
    )
