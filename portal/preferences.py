"""My preferences: how pauses begin and end, quiet times, applications kept out, and tomorrow.

It stands here and not in the room of restrictions because it shows what devices were told.
"""

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.devices.display import Summary
from consent_app.devices.overview import summary_for
from consent_app.devices.queries import devices_of
from consent_app.register.models import Application
from consent_app.register.queries import applications_named, current_version, find_applications
from consent_app.restrictions import actions, queries
from consent_app.restrictions.forms.preferences import (
    PreferenceForm,
    QuietTimeForm,
    as_initial,
)
from consent_app.restrictions.rules import MOST_QUIET_TIMES
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal
from portal.policy_words import policy_in_words
from portal.tomorrow import beginning_of_day, hours_of_tomorrow, previews

PAGE = "restrictions/preferences.html"
PARTIAL = "told"
MOST_FOUND = 12
# A device that is connected answers within a second; one that is away, when it is back.
ASKS_EVERY, ASKS_SELDOM = "1s", "10s"


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: UserRequest) -> HttpResponse:
    """Show all preferences; POST saves those of pauses."""
    devices = [(device.pk, device.hostname) for device in devices_of(request.user)]
    if request.method != "POST":
        return _page(request)
    form = PreferenceForm(request.POST, devices=devices)
    if not form.is_valid():
        return _page(request, status=422, form=form)
    try:
        actions.save_preference(employee=request.user, by=request.user, wanted=form.wanted)
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _page(request, status=422, form=form)
    return _saved(request, "Saved.")


@require_POST
def quiet_time_add(request: UserRequest) -> HttpResponse:
    form = QuietTimeForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, quiet_form=form)
    try:
        actions.add_quiet_time(
            employee=request.user,
            by=request.user,
            starts_at=form.cleaned_data["starts_at"],
            minutes=form.cleaned_data["minutes"],
            weekdays=frozenset(form.cleaned_data["weekdays"]),
        )
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _page(request, status=422, quiet_form=form)
    return _saved(request, "The quiet time is kept.")


@require_POST
def quiet_time_end(request: UserRequest, quiet_time_id: uuid.UUID) -> HttpResponse:
    quiet_time = queries.quiet_time_for(request.user, quiet_time_id)
    actions.end_quiet_time(quiet_time=quiet_time, by=request.user)
    return _saved(request, "The quiet time is removed.")


@require_POST
def keep_out(request: UserRequest) -> HttpResponse:
    """Collect nothing from one application any more, or let it be collected from again."""
    slug = frozenset({request.POST.get("application", "")})
    change = {"back": slug} if request.POST.get("again") else {"out": slug}
    try:
        actions.choose_applications(employee=request.user, by=request.user, **change)
    except Refusal as refusal:
        return _page(request, status=422, refusal=refusal.message)
    return _saved(request, "Saved.")


def _saved(request: UserRequest, said: str) -> HttpResponse:
    messages.info(request, f"{said} What your devices were told stands below.")
    return redirect("preferences")


def _page(request: UserRequest, *, status: int = 200, **replaced: object) -> HttpResponse:
    employee = request.user
    summary = summary_for(employee)
    now = timezone.now()
    told = _told(summary, now=now)
    if request.htmx and request.method == "GET":
        # Only this part of the page asks again, until all devices confirmed.
        return render_partial(request, PAGE, PARTIAL, told)
    kept = queries.application_preference(employee, at=now)
    search = request.GET.get("search", "").replace("\0", "").strip()[:200]
    devices = [(view.device.pk, view.device.hostname) for view in summary.devices]
    context: dict[str, Any] = {
        **told,
        "my_devices": summary,
        "form": PreferenceForm(
            initial=as_initial(queries.pause_preference(employee)), devices=devices
        ),
        "quiet_form": QuietTimeForm(),
        "quiet_times": queries.quiet_times_ahead(employee, at=now),
        "most_quiet_times": MOST_QUIET_TIMES,
        "kept_out": applications_named(kept.applications or () if kept else ()),
        "search": search,
        "found": _found(search, kept_out=kept.applications or () if kept else ()),
        "tomorrow": beginning_of_day(employee, days=1),
        "previews": previews(employee),
        "hours": hours_of_tomorrow(employee),
    }
    return render_partial(request, PAGE, PARTIAL, context | replaced, status=status)


def _told(summary: Summary, *, now: datetime) -> dict[str, Any]:
    """Return what the part of the page needs that asks again; `asks_every` is empty at the end."""
    waiting = [view for view in summary.devices if not view.is_confirmed]
    is_away = all(view.is_silent for view in waiting)
    return {
        "policies": [policy_in_words(view, now=now) for view in summary.devices],
        "asks_every": (ASKS_SELDOM if is_away else ASKS_EVERY) if waiting else "",
    }


def _found(search: str, *, kept_out: Any) -> list[Application]:
    """Return what is collected from and could be kept out, by a part of its name or address."""
    version = current_version()
    if not search or version is None:
        return []
    found = find_applications(version, text=search, excluded=False).exclude(slug__in=kept_out)
    return list(found[:MOST_FOUND])
