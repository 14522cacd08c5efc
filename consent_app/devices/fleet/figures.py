"""Counts over the whole fleet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When

from consent_app.devices.fleet.conditions import in_contact
from consent_app.devices.fleet.standing import Contact, InForce, Lag, Standing
from consent_app.devices.models import WAITS_FOR_OWNER, Device, Platform
from consent_app.people.models import Jurisdiction


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
    near = in_contact(Contact.NOW, at=held.at)
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
