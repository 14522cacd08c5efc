"""The home page: the state of my devices, the pause control, what needs me and what happened last.

`my-state` is asked for again by the page itself: often while a device has not confirmed, seldom
otherwise. It answers 204 while nothing changed, so that nothing moves under the reader's hands.
"""

import hashlib
import uuid
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from consent_app.devices.display import DeviceView, Summary
from consent_app.devices.overview import summary_for
from consent_app.devices.queries import device_for, longest_pause_minutes
from consent_app.people.models import Employee
from consent_app.restrictions import actions
from consent_app.restrictions.forms import PauseForm
from consent_app.restrictions.queries import pause_preference, pauses_of
from consent_app.restrictions.rules import OFFERED_MINUTES, USUAL_MINUTES
from portal.activity import latest_events
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal
from portal.needs import needs_of

PAGE = "home.html"
PARTIAL = "my-state"
# A device that holds a poll confirms well within this time; one that backs off needs longer.
CONFIRMED_WITHIN = timedelta(seconds=10)


@require_safe
def home(request: UserRequest) -> HttpResponse:
    summary = summary_for(request.user)
    if request.htmx and request.GET.get("seen") == _mark(summary):
        return HttpResponse(status=204)
    return render_partial(request, PAGE, PARTIAL, _context(request.user, summary))


@require_POST
def pause_start(request: UserRequest) -> HttpResponse:
    """Start a pause on all devices or on the one of choice, or let the one in force last longer."""
    form = PauseForm(request.POST)
    if not form.is_valid():
        return _refused(request, str(form.errors["minutes"][0]))
    longest = longest_pause_minutes(request.user.jurisdiction)
    minutes = form.cleaned_data["minutes"]
    try:
        if request.POST.get("extend"):
            actions.extend_pause(
                employee=request.user, by=request.user, minutes=minutes, longest=longest
            )
        else:
            actions.start_pause(
                employee=request.user,
                by=request.user,
                minutes=minutes,
                device=_device_of_choice(request),
                longest=longest,
            )
    except Refusal as refusal:
        return _refused(request, refusal.message)
    return _done(request)


@require_POST
def pause_end(request: UserRequest) -> HttpResponse:
    try:
        actions.resume(employee=request.user, by=request.user)
    except Refusal as refusal:
        return _refused(request, refusal.message)
    return _done(request)


def _device_of_choice(request: UserRequest) -> uuid.UUID | None:
    """Return the device that the person prefers to pause, if they asked for that one."""
    preference = pause_preference(request.user)
    device = preference.default_device if preference else None
    if device is None or request.POST.get("device") != str(device):
        return None
    return device_for(request.user, device).pk


def _preferred(employee: Employee, summary: Summary) -> tuple[int, DeviceView | None]:
    """Return this person's usual minutes, and the device they prefer to pause; None for all."""
    preference = pause_preference(employee)
    if preference is None:
        return USUAL_MINUTES, None
    views = (view for view in summary.devices if view.device.pk == preference.default_device)
    return preference.default_minutes, next(views, None)


def _context(employee: Employee, summary: Summary) -> dict[str, object]:
    now = timezone.now()
    usual_minutes, usual_device = _preferred(employee, summary)
    offered = (usual_minutes, *(minutes for minutes in OFFERED_MINUTES if minutes != usual_minutes))
    left = (summary.paused_until - now).total_seconds() / 60 if summary.paused_until else 0
    return {
        "summary": summary,
        "my_devices": summary,
        # What would end within a minute of the pause in force is no choice.
        "offered_minutes": [minutes for minutes in offered if minutes > left + 1],
        "usual_minutes": usual_minutes,
        "usual_device": usual_device,
        # A quiet time pauses as well, but there is no pause then that could be ended.
        "pauses": pauses_of(employee, at=now),
        "needs": needs_of(employee, at=now),
        "events": latest_events(employee),
        "mark": _mark(summary),
        "ask_again": _ask_again(summary),
    }


def _ask_again(summary: Summary) -> str:
    """Say when the page asks again: soon while a confirmation is likely to come, else not."""
    now = timezone.now()
    awaited = [view for view in summary.devices if not view.is_confirmed and not view.is_silent]
    if not awaited:
        return "5s"
    return "200ms" if any(now - view.since < CONFIRMED_WITHIN for view in awaited) else "1s"


def _mark(summary: Summary) -> str:
    """Name what the page shows of the devices: the same name means nothing to redraw."""
    shown = [
        (
            str(view.device.pk),
            view.device.hostname,
            view.state,
            view.until,
            view.is_silent,
            view.steps,
        )
        for view in summary.devices
    ]
    return hashlib.sha256(repr((shown, _ask_again(summary))).encode()).hexdigest()[:16]


def _done(request: UserRequest) -> HttpResponse:
    if request.htmx:
        context = _context(request.user, summary_for(request.user))
        return render_partial(request, PAGE, PARTIAL, context)
    return redirect("home")


def _refused(request: UserRequest, message: str) -> HttpResponse:
    context = _context(request.user, summary_for(request.user)) | {"refusal": message}
    return render_partial(request, PAGE, PARTIAL, context, status=422)
