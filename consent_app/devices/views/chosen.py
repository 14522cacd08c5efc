"""Devices that IT chose, one or several: what will happen, then it happens, each on its own."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from consent_app.devices import actions
from consent_app.devices import fleet as queries
from consent_app.devices.actions.fleet import REENROLMENT_DAYS
from consent_app.devices.fleet import MOST_TOGETHER, Wanted
from consent_app.devices.forms import FleetForm, chosen
from consent_app.devices.models import Device
from consent_app.devices.views.fleet import row_of
from portal.lib.http import UserRequest

PAGE = "fleet/chosen.html"
DONE_PAGE = "fleet/done.html"


@require_safe
def fleet_chosen(request: UserRequest) -> HttpResponse:
    """Say what would happen to the chosen, or to all that fit what was searched for."""
    queries.check_is_it(request.user)
    held = queries.in_force(at=timezone.now())
    if "device" in request.GET:
        devices = queries.chosen_devices(request.user, chosen(request.GET))
    else:
        form = FleetForm(request.GET, versions={})
        if not form.is_valid():
            raise BadRequest
        devices = _all_that_fit(request, form.wanted)
    context = {
        "rows": [row_of(device, held) for device in devices],
        "people": len({device.employee_id for device in devices}),
        "freshness_minutes": settings.FRESHNESS_MINUTES,
        "days": REENROLMENT_DAYS,
    }
    return render(request, PAGE, context)


def _all_that_fit(request: UserRequest, wanted: Wanted) -> list[Device]:
    if wanted == Wanted():
        return []
    held = queries.in_force(at=timezone.now())
    ids = queries.found(wanted, held=held).values_list("pk", flat=True)[: MOST_TOGETHER + 1]
    found = list(ids)
    if len(found) > MOST_TOGETHER:
        raise BadRequest
    return queries.chosen_devices(request.user, found)


@require_POST
def fleet_remove(request: UserRequest) -> HttpResponse:
    devices = _chosen(request)
    done = actions.remove_devices(devices=devices, by=request.user)
    return render(request, DONE_PAGE, {"done": done, "removed": _removed(done)})


@require_POST
def fleet_again(request: UserRequest) -> HttpResponse:
    devices = _chosen(request)
    done, rollout, code = actions.enrol_again(devices=devices, by=request.user)
    context = {
        "done": done,
        "removed": _removed(done),
        "rollout": rollout,
        "code": code,
        "command": enrol_command(code),
    }
    return render(request, DONE_PAGE, context)


def enrol_command(code: str) -> str:
    return f"consent-agent enrol {settings.PORTAL_ORIGIN} {code} --employee-email ADDRESS"


def _removed(done: list[actions.Removal]) -> int:
    return sum(removal.refusal is None for removal in done)


def _chosen(request: UserRequest) -> list[Device]:
    devices = queries.chosen_devices(request.user, chosen(request.POST))
    if not devices:
        raise BadRequest
    return devices
