"""Devices of everybody that fit what somebody looks for, page by page."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.devices.fleet import conditions
from consent_app.devices.fleet.named import shown
from consent_app.devices.fleet.standing import Contact, InForce, Lag, Standing
from consent_app.devices.models import Device, DeviceQuerySet
from consent_app.people.models import Employee

ROWS_PER_PAGE = 50
# A list that goes on says "10,000+": what is beyond is found by search, not by counting.
MOST_COUNTED = 10_000
# What can be chosen at once, to remove or to enrol again.
MOST_TOGETHER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of the fleet somebody wants to see; empty for all."""

    search: str = ""
    standing: str = ""
    contact: str = ""
    lag: str = ""
    platform: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: its devices, and the ids from which it goes on and goes back."""

    devices: list[Device]
    before: uuid.UUID | None
    after: uuid.UUID | None


def found(wanted: Wanted, *, held: InForce) -> DeviceQuerySet:
    """Return the devices that fit, in no order."""
    devices = Device.objects.order_by()
    if wanted.search:
        devices = devices.filter(pk__in=_by_name(wanted.search))
    if wanted.platform:
        devices = devices.filter(platform=wanted.platform)
    if wanted.version:
        devices = devices.filter(agent_version=wanted.version)
    if wanted.contact:
        devices = devices.filter(conditions.in_contact(Contact(wanted.contact), at=held.at))
    if wanted.lag:
        devices = devices.active().filter(conditions.lag_is(Lag(wanted.lag), held))
    if wanted.standing:
        devices = conditions.standing_is(devices, Standing(wanted.standing), held)
    return devices


def listed(
    wanted: Wanted,
    *,
    held: InForce,
    after: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
) -> Listing:
    """Return a page of what fits, by name: the first, or what follows or precedes a device."""
    devices: QuerySet[Device] = shown(found(wanted, held=held))
    back = before is not None
    if (edge_id := before or after) is not None:
        edge = get_object_or_404(Device.objects.only("hostname"), pk=edge_id)
        devices = _beyond(devices, edge, back=back)
    order = ("-hostname", "-pk") if back else ("hostname", "pk")
    rows = list(devices.order_by(*order)[: ROWS_PER_PAGE + 1])
    goes_on, rows = len(rows) > ROWS_PER_PAGE, rows[:ROWS_PER_PAGE]
    if back:
        rows.reverse()
    if not rows:
        return Listing([], None, None)
    has_before, has_after = (goes_on, True) if back else (after is not None, goes_on)
    return Listing(rows, rows[0].pk if has_before else None, rows[-1].pk if has_after else None)


def count_of(wanted: Wanted, *, held: InForce) -> int:
    """Return how many fit; MOST_COUNTED + 1 stands for more."""
    return found(wanted, held=held)[: MOST_COUNTED + 1].count()


def _beyond(devices: QuerySet[Device], edge: Device, *, back: bool) -> QuerySet[Device]:
    # Written so that the index finds where to begin.
    if back:
        return devices.filter(hostname__lte=edge.hostname).exclude(
            hostname=edge.hostname, pk__gte=edge.pk
        )
    return devices.filter(hostname__gte=edge.hostname).exclude(
        hostname=edge.hostname, pk__lte=edge.pk
    )


def _by_name(text: str) -> QuerySet[Device, Any]:
    """Return the ids of devices whose name, or whose owner's name or address, has this in it."""
    owners = Employee.objects.filter(Q(name__icontains=text) | Q(email__icontains=text))
    # Each half by its own index; of one condition on both, PostgreSQL would read every device.
    named = Device.objects.order_by().filter(hostname__icontains=text).values("pk")
    owned = Device.objects.order_by().filter(employee__in=owners.order_by().values("pk"))
    return named.union(owned.values("pk"))
