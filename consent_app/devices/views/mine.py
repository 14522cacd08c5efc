"""My devices: what is enrolled, adding one, removing one, and whether one of IT's is mine."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from consent_app.devices import actions, codes, queries
from consent_app.devices.overview import summary_for
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

AFTER_REMOVAL = "It stops collecting as soon as it hears of that, and by itself if it does not."


@require_safe
def devices(request: UserRequest) -> HttpResponse:
    summary = summary_for(request.user)
    context: dict[str, object] = {
        "summary": summary,
        "my_devices": summary,
        "waiting": queries.devices_waiting_for(request.user),
    }
    return render(request, "devices/devices.html", context)


@require_POST
def code_issue(request: UserRequest) -> HttpResponse:
    """Show a new code once; it is not kept in a form that could be shown again."""
    code = actions.issue_enrolment_code(employee=request.user, by=request.user)
    summary = summary_for(request.user)
    context: dict[str, object] = {
        "summary": summary,
        "my_devices": summary,
        "code": code,
        "command": f"consent-agent enrol {settings.PORTAL_ORIGIN} {code}",
        "minutes": int(codes.LIFETIME.total_seconds() // 60),
        "known_devices": len(summary.devices),
    }
    return render(request, "devices/code.html", context)


@require_safe
def code_used(request: UserRequest) -> HttpResponse:
    """Tell the page that shows a code whether a device came: 204 until one did."""
    known = request.GET.get("known", "")
    response = HttpResponse(status=204)
    if known.isdecimal() and len(queries.devices_of(request.user)) > int(known[:6]):
        response["HX-Redirect"] = reverse("home")
    return response


@require_POST
def device_remove(request: UserRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device_for(request.user, device_id)
    try:
        actions.revoke_device(device=device, by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{device.hostname} was removed. {AFTER_REMOVAL}")
    return redirect("devices")


@require_POST
def device_accept(request: UserRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device_for(request.user, device_id)
    try:
        actions.accept_device(device=device, by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{device.hostname} is one of your devices now.")
    return redirect("devices")


@require_POST
def device_refuse(request: UserRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device_for(request.user, device_id)
    try:
        actions.refuse_device(device=device, by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        told = "It is removed, and whoever enrolled it is told."
        messages.info(request, f"{device.hostname} is not yours. {told}")
    return redirect("devices")
