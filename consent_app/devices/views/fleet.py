"""All devices, for IT: the list, how far they lag, and one of them."""

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_app.devices import fleet as queries
from consent_app.devices.fleet import (
    MOST_COUNTED,
    MOST_TOGETHER,
    Contact,
    InForce,
    Lag,
    Overview,
    Standing,
    Wanted,
)
from consent_app.devices.forms import FleetForm
from consent_app.devices.models import Device
from portal.lib.http import UserRequest

# More than these at once are no copies but a mistake in how devices are set up.
TWO_CLIENTS_NAMED = 20


@dataclass(frozen=True, slots=True)
class Row:
    device: Device
    standing: Standing
    contact: Contact
    lag: Lag


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to narrow the list, with how many stand there; its key is its place."""

    label: str
    address: str
    count: str
    key: int
    is_current: bool


@require_safe
def fleet(request: UserRequest) -> HttpResponse:
    queries.check_is_it(request.user)
    held = queries.in_force(at=timezone.now())
    known = queries.overview(held=held)
    form = FleetForm(request.GET, versions=known.versions)
    if not form.is_valid():
        raise BadRequest
    wanted = form.wanted
    listing = queries.listed(
        wanted, held=held, after=form.cleaned_data["after"], before=form.cleaned_data["before"]
    )
    count = _count_of(wanted, known, held=held)
    context = {
        "form": form,
        "choices": list(_choices(wanted, known)),
        "rows": [row_of(device, held) for device in listing.devices],
        "before": _address(wanted, before=listing.before) if listing.before else "",
        "after": _address(wanted, after=listing.after) if listing.after else "",
        "count": in_words(count),
        "is_filtered": wanted != Wanted(),
        "can_choose_all": 0 < count <= MOST_TOGETHER and count > len(listing.devices),
        "all_of_these": _address(wanted, name="fleet-chosen"),
        "most_together": MOST_TOGETHER,
        "total": f"{_count_of(Wanted(), known, held=held):,}",
        "two_clients": list(queries.devices_with_two_clients()[: TWO_CLIENTS_NAMED + 1]),
        "two_clients_named": f":{TWO_CLIENTS_NAMED}",
    }
    return render(request, "fleet/fleet.html", context)


@require_safe
def fleet_lag(request: UserRequest) -> HttpResponse:
    queries.check_is_it(request.user)
    held = queries.in_force(at=timezone.now())
    known = queries.overview(held=held)
    context = {
        "at": held.at,
        "bars": list(_bars(known)),
        "height": len(Lag) * BAR_HEIGHT,
        "places": known.places,
        "versions": list(known.versions.items()),
        "total": known.total,
    }
    return render(request, "fleet/lag.html", context)


@require_safe
def fleet_device(request: UserRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device_of_fleet(request.user, device_id)
    held = queries.in_force(at=timezone.now())
    context = {
        "row": row_of(device, held),
        "device": device,
        "told": held.now.get(device.cohort, 0),
        "is_removed": device.revoked_at is not None,
    }
    return render(request, "fleet/device.html", context)


def row_of(device: Device, held: InForce) -> Row:
    return Row(device, held.standing_of(device), held.contact_of(device), held.lag_of(device))


def in_words(count: int) -> str:
    return f"{count:,}" if count <= MOST_COUNTED else f"{MOST_COUNTED:,}+"


def _count_of(wanted: Wanted, known: Overview, *, held: InForce) -> int:
    """Return how many fit; by what is counted already where that is enough."""
    if wanted == Wanted():
        return sum(known.standings.values())
    if wanted == Wanted(standing=wanted.standing):
        return known.standings[Standing(wanted.standing)]
    return queries.count_of(wanted, held=held)


def _choices(wanted: Wanted, known: Overview) -> Iterator[Choice]:
    """Yield the way to all devices and to each standing; what else is asked for goes along."""
    every = sum(known.standings.values())
    ways = [("", "All", every), *((s.value, s.label, known.standings[s]) for s in Standing)]
    for place, (standing, label, count) in enumerate(ways, start=1):
        address = _address(wanted, standing=standing)
        yield Choice(label, address, f"{count:,}", place, wanted.standing == standing)


def _address(wanted: Wanted, *, name: str = "fleet", **changes: object) -> str:
    query = {key: value for key, value in (asdict(wanted) | changes).items() if value}
    return reverse(name) + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the histogram; `width` is a share of the widest, `share` of all."""

    label: str
    count: int
    width: str
    share: str
    address: str
    label_at: int
    top: int
    tone: str


# In pixels: a line of words, its bar beneath, and room.
BAR_HEIGHT = 46
TONES = {Lag.NONE: "calm", Lag.LONGER: "red", Lag.NOTHING: "red"}


def _bars(known: Overview) -> Iterator[Bar]:
    widest, total = max(known.lags.values()) or 1, known.total or 1
    for place, (lag, count) in enumerate(known.lags.items()):
        yield Bar(
            lag.label,
            count,
            # What is there at all can be seen.
            f"{max(count / widest * 100, 0.5 if count else 0):.2f}%",
            f"{count / total:.1%}",
            _address(Wanted(lag=lag.value)),
            place * BAR_HEIGHT + 14,
            place * BAR_HEIGHT + 20,
            TONES.get(lag, "amber"),
        )
