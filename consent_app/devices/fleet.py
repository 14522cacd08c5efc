"""All devices as IT may know them: how far each follows what is decided for many.

Nobody but a person sees their pauses, and who may see a request does not depend on devices. So
nothing here depends on a device's own policy, on when that was signed, or on its word about it: a
device lags when it has not confirmed the *ceiling* of its cohort, which nothing that one person
decides changes; and when it was last in contact is told coarsely. Source: docs/policy.md, section
17; tests/test_differential.py holds it.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.http import Http404
from django.shortcuts import get_object_or_404

from consent_app.devices.display import SILENT_AFTER
from consent_app.devices.models import (
    WAITS_FOR_OWNER,
    Ceiling,
    Device,
    DeviceQuerySet,
    Platform,
    Rollout,
)
from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.roles import Role

ROWS_PER_PAGE = 50
# A list that goes on says "10,000+": what is beyond is found by search, not by counting.
MOST_COUNTED = 10_000
MOST_TOGETHER = 200


class Standing(TextChoices):
    """Where a device stands; the first that fits, from below."""

    IN_DATE = "in_date", "In date"
    LAGGING = "lagging", "Lags behind"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"
    OUT_OF_REACH = "out_of_reach", "Out of reach"
    WAITING = "waiting", "Waits for its owner"
    REMOVED = "removed", "Removed"


class Lag(TextChoices):
    """For how long a device has not confirmed what is in force where its owner works."""

    NONE = "none", "Up to 5 minutes"
    HOUR = "hour", "Up to an hour"
    DAY = "day", "Up to a day"
    WEEK = "week", "Up to 7 days"
    MONTH = "month", "Up to 30 days"
    LONGER = "longer", "More than 30 days"
    NOTHING = "nothing", "Has confirmed nothing"


class Contact(TextChoices):
    """When a device last asked for its policy; told no closer, see the module."""

    NOW = "now", "In contact"
    HOUR = "hour", "Within an hour"
    DAY = "day", "Within a day"
    WEEK = "week", "Within 7 days"
    MONTH = "month", "Within 30 days"
    EARLIER = "earlier", "More than 30 days ago"
    NEVER = "never", "Never"


# How long each may be, the shortest first. A ceiling takes a moment to reach everybody.
LAGS = {
    Lag.NONE: timedelta(minutes=5),
    Lag.HOUR: timedelta(hours=1),
    Lag.DAY: timedelta(days=1),
    Lag.WEEK: timedelta(days=7),
    Lag.MONTH: timedelta(days=30),
}
CONTACTS = {
    Contact.NOW: SILENT_AFTER,
    Contact.HOUR: timedelta(hours=1),
    Contact.DAY: timedelta(days=1),
    Contact.WEEK: timedelta(days=7),
    Contact.MONTH: timedelta(days=30),
}

Versions = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InForce:
    """The versions of ceilings that hold at `at`, and that held as long ago as each of LAGS.

    A device has confirmed within that time what was in force then, or it lags for longer.
    """

    at: datetime
    now: Versions
    then: Mapping[Lag, Versions]

    def standing_of(self, device: Device) -> Standing:
        if device.revoked_at is not None:
            return Standing.REMOVED
        if device.waits_for_owner:
            return Standing.WAITING
        if self.contact_of(device) != Contact.NOW:
            return Standing.OUT_OF_REACH
        return self.following(device.cohort, device.confirmed_ceiling)

    def following(self, cohort: str, confirmed: int) -> Standing:
        """Return how a device stands that is in contact and its owner's."""
        match self.lag(cohort, confirmed):
            case Lag.NONE:
                return Standing.IN_DATE
            case Lag.NOTHING:
                return Standing.UNCONFIRMED
        return Standing.LAGGING

    def lag(self, cohort: str, confirmed: int) -> Lag:
        if confirmed == 0:
            return Lag.NOTHING
        held = (lag for lag in LAGS if confirmed >= self.then[lag].get(cohort, 0))
        return next(held, Lag.LONGER)

    def lag_of(self, device: Device) -> Lag:
        return self.lag(device.cohort, device.confirmed_ceiling)

    def contact_of(self, device: Device) -> Contact:
        seen = device.last_seen_at
        if seen is None:
            return Contact.NEVER
        near = (contact for contact, span in CONTACTS.items() if self.at - seen <= span)
        return next(near, Contact.EARLIER)


def in_force(*, at: datetime) -> InForce:
    """Read which version of each cohort's ceiling holds, and which held before."""
    moments = [at, *(at - span for span in LAGS.values())]
    held = {f"held_{place}": _version_at(moment) for place, moment in enumerate(moments)}
    rows = Jurisdiction.objects.order_by().annotate(**held).values_list("pk", *held)
    now, *then = (
        {row[0]: row[place] for row in rows if row[place]} for place in range(1, len(moments) + 1)
    )
    return InForce(at, now, dict(zip(LAGS, then, strict=True)))


def _version_at(moment: datetime) -> Subquery:
    holding = Ceiling.objects.filter(jurisdiction=OuterRef("pk"), in_force_at__lte=moment)
    return Subquery(holding.order_by("-in_force_at", "-version").values("version")[:1])


# Who may, and one of all


def check_is_it(user: Employee) -> None:
    """To whoever is no IT administrator these pages do not exist.

    Raises:
        Http404
    """
    if not user.has_role(Role.IT_ADMINISTRATOR):
        raise Http404


def device_of_fleet(user: Employee, device_id: uuid.UUID) -> Device:
    check_is_it(user)
    return get_object_or_404(_shown(Device.objects.all()), pk=device_id)


def chosen_devices(user: Employee, ids: Iterable[uuid.UUID]) -> list[Device]:
    """Return those of these devices that are not removed, by name."""
    check_is_it(user)
    return list(_shown(Device.objects.active()).filter(pk__in=ids).order_by("hostname", "pk"))


def rollouts_for(user: Employee) -> list[Rollout]:
    """Return all codes of roll-outs, the newest first, with how many devices wait by each."""
    check_is_it(user)
    waiting = Count("devices", filter=Q(devices__accepted_at=None, devices__revoked_at=None))
    return list(Rollout.objects.select_related("issued_by", "ended_by").annotate(waiting=waiting))


def rollout_for(user: Employee, rollout_id: uuid.UUID) -> Rollout:
    check_is_it(user)
    return get_object_or_404(Rollout, pk=rollout_id)


def _shown(devices: QuerySet[Device]) -> QuerySet[Device]:
    return devices.select_related("employee__jurisdiction", "rollout")


# Lists


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
        devices = devices.filter(_in_contact(Contact(wanted.contact), at=held.at))
    if wanted.lag:
        devices = devices.active().filter(_lags(Lag(wanted.lag), held))
    if wanted.standing:
        devices = _standing(devices, Standing(wanted.standing), held)
    return devices


def listed(
    wanted: Wanted,
    *,
    held: InForce,
    after: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
) -> Listing:
    """Return a page of what fits, by name: the first, or what follows or precedes a device."""
    devices: QuerySet[Device] = _shown(found(wanted, held=held))
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


def _standing(devices: DeviceQuerySet, standing: Standing, held: InForce) -> DeviceQuerySet:
    if standing == Standing.REMOVED:
        return devices.filter(revoked_at__isnull=False)
    if standing == Standing.WAITING:
        return devices.waiting()
    owned = devices.filter(revoked_at__isnull=True).exclude(WAITS_FOR_OWNER)
    near = _in_contact(Contact.NOW, at=held.at)
    if standing == Standing.OUT_OF_REACH:
        return owned.exclude(near)
    near_by = owned.filter(near)
    if standing == Standing.UNCONFIRMED:
        return near_by.filter(confirmed_ceiling=0)
    follows = _confirmed_since(held.then[Lag.NONE])
    if standing == Standing.IN_DATE:
        return near_by.filter(follows, confirmed_ceiling__gt=0)
    return near_by.filter(~follows, confirmed_ceiling__gt=0)


def _lags(lag: Lag, held: InForce) -> Q:
    if lag == Lag.NOTHING:
        return Q(confirmed_ceiling=0)
    confirmed = Q(confirmed_ceiling__gt=0)
    shorter = dict(zip([*LAGS, Lag.LONGER], [None, *LAGS], strict=True))[lag]
    # First what leaves the fewest: PostgreSQL looks in this order, and few lag for long.
    if shorter is not None:
        confirmed &= ~_confirmed_since(held.then[shorter])
    if lag in held.then:
        confirmed &= _confirmed_since(held.then[lag])
    return confirmed


def _confirmed_since(versions: Versions) -> Q:
    """Return what holds for devices that confirmed these versions, each of its own cohort."""
    # Most cohorts are at the same version. A join would be planned as if it were for thousands.
    cohorts: defaultdict[int, list[str]] = defaultdict(list)
    for cohort, version in versions.items():
        cohorts[version].append(cohort)
    fits = ~Q(cohort__in=list(versions))
    for version, places in cohorts.items():
        fits |= Q(cohort__in=places, confirmed_ceiling__gte=version)
    return fits


def _in_contact(contact: Contact, *, at: datetime) -> Q:
    if contact == Contact.NEVER:
        return Q(last_seen_at__isnull=True)
    bounds = dict(zip([*CONTACTS, Contact.EARLIER], [None, *CONTACTS.values()], strict=True))
    fits = Q()
    if contact in CONTACTS:
        fits &= Q(last_seen_at__gte=at - CONTACTS[contact])
    if (nearer := bounds[contact]) is not None:
        fits &= Q(last_seen_at__lt=at - nearer)
    # Written out, so that its opposite holds for those never seen.
    return fits & Q(last_seen_at__isnull=False)


# Figures of all of them


@dataclass(frozen=True, slots=True)
class Place:
    """How many devices of a cohort there are, and how many of them confirmed what is in force."""

    name: str
    version: int
    devices: int
    current: int


NEAR = "near"
KINDS = (
    Standing.REMOVED.value, Standing.WAITING.value, NEAR, Standing.OUT_OF_REACH.value,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts over the whole fleet; all but `standings` leave out what was removed."""

    standings: Mapping[Standing, int]
    lags: Mapping[Lag, int]
    versions: Mapping[str, int]
    platforms: Mapping[str, int]
    places: list[Place]

    @property
    def total(self) -> int:
        return sum(self.lags.values())


def overview(*, held: InForce) -> Overview:
    """Count every device once, in one pass."""
    standings = dict.fromkeys(Standing, 0)
    lags = dict.fromkeys(Lag, 0)
    versions: dict[str, int] = {}
    platforms = dict.fromkeys(Platform.values, 0)
    places: dict[str, list[int]] = {}
    for kind, cohort, confirmed, platform, version, count in _counted(held):
        standing = held.following(cohort, confirmed) if kind == NEAR else Standing(kind)
        standings[standing] += count
        if standing == Standing.REMOVED:
            continue
        lag = held.lag(cohort, confirmed)
        lags[lag] += count
        versions[version] = versions.get(version, 0) + count
        platforms[platform] += count
        place = places.setdefault(cohort, [0, 0])
        place[0] += count
        place[1] += count if lag == Lag.NONE else 0
    return Overview(
        standings, lags, dict(sorted(versions.items(), key=_by_count)), platforms,
        _places(places, held),
    )  # fmt: skip


def _counted(held: InForce) -> Iterator[tuple[str, str, int, str, str, int]]:
    """Yield kind, cohort, confirmed ceiling, platform, version, and how many such devices.

    The kinds are counted beside each other and not grouped by: PostgreSQL takes each time of a last
    contact for a group of its own then, and sorts all devices on the disk.
    """
    near = _in_contact(Contact.NOW, at=held.at)
    kind = Case(
        When(revoked_at__isnull=False, then=Value(Standing.REMOVED.value)),
        When(WAITS_FOR_OWNER, then=Value(Standing.WAITING.value)),
        When(near, then=Value(NEAR)),
        default=Value(Standing.OUT_OF_REACH.value),
        output_field=CharField(),
    )
    by = ("cohort", "confirmed_ceiling", "platform", "agent_version")
    rows: QuerySet[Device, Any] = Device.objects.order_by().annotate(kind=kind).values(*by)
    each = {name: Count("pk", filter=Q(kind=name)) for name in KINDS}
    for cohort, confirmed, platform, version, *counts in rows.annotate(**each).values_list(
        *by, *each
    ):
        for name, count in zip(KINDS, counts, strict=True):
            if count:
                yield name, cohort, confirmed, platform, version, count


def _by_count(row: tuple[str, int]) -> tuple[int, str]:
    return -row[1], row[0]


def _places(counts: Mapping[str, list[int]], held: InForce) -> list[Place]:
    names = dict(Jurisdiction.objects.filter(pk__in=counts).values_list("pk", "name"))
    places = [
        Place(names.get(cohort, "Not known"), held.now.get(cohort, 0), devices, current)
        for cohort, (devices, current) in counts.items()
    ]
    return sorted(places, key=lambda place: (place.current - place.devices, place.name))
