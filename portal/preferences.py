"""My preferences: how pauses begin and end, quiet times, applications kept out, and tomorrow.

It stands here and not in the room of restrictions because it shows what devices were told.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.devices.day import Day, day_of
from consent_app.devices.overview import summary_for
from consent_app.devices.queries import devices_of, policy_documents_for
from consent_app.people.models import Employee
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

PAGE = "restrictions/preferences.html"
PARTIAL = "told"
MOST_FOUND = 12
HOURS = (0, 6, 12, 18)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a day as it is drawn, in minutes since its beginning."""

    state: str
    starts_at: datetime
    ends_at: datetime
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Preview:
    """How a day will look on some devices; `applications` are kept out of it."""

    hostnames: str
    bars: tuple[Bar, ...]
    minutes: int
    applications: list[Application]


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
    return _saved(request, "The quiet time is over for good.")


@require_POST
def keep_out(request: UserRequest) -> HttpResponse:
    """Collect nothing from one application any more, or let it be collected from again."""
    kept = queries.application_preference(request.user, at=timezone.now())
    slugs = frozenset(kept.applications or ()) if kept else frozenset()
    slug = frozenset({request.POST.get("application", "")})
    wanted = slugs - slug if request.POST.get("again") else slugs | slug
    try:
        actions.choose_applications(employee=request.user, by=request.user, slugs=wanted)
    except Refusal as refusal:
        return _page(request, status=422, refusal=refusal.message)
    return _saved(request, "Saved.")


def _saved(request: UserRequest, said: str) -> HttpResponse:
    messages.info(request, f"{said} What your devices were told stands below.")
    return redirect("preferences")


def _page(request: UserRequest, *, status: int = 200, **replaced: object) -> HttpResponse:
    employee = request.user
    summary = summary_for(employee)
    if request.htmx and request.method == "GET":
        # Only this part of the page asks again, until all devices confirmed.
        return render_partial(request, PAGE, PARTIAL, {"summary": summary})
    now = timezone.now()
    kept = queries.application_preference(employee, at=now)
    search = request.GET.get("search", "").strip()[:200]
    devices = [(view.device.pk, view.device.hostname) for view in summary.devices]
    context: dict[str, Any] = {
        "summary": summary,
        "my_devices": summary,
        "form": PreferenceForm(
            initial=as_initial(queries.pause_preference(employee)), devices=devices
        ),
        "quiet_form": QuietTimeForm(),
        "quiet_times": queries.quiet_times_of(employee),
        "most_quiet_times": MOST_QUIET_TIMES,
        "kept_out": applications_named(kept.applications or () if kept else ()),
        "search": search,
        "found": _found(search, kept_out=kept.applications or () if kept else ()),
        "tomorrow": _midnight(employee, days=1),
        "previews": _previews(employee),
        "hours": HOURS,
    }
    return render_partial(request, PAGE, PARTIAL, context | replaced, status=status)


def _found(search: str, *, kept_out: Any) -> list[Application]:
    """Return what is collected from and could be kept out, by a part of its name or address."""
    version = current_version()
    if not search or version is None:
        return []
    found = find_applications(version, text=search, excluded=False).exclude(slug__in=kept_out)
    return list(found[:MOST_FOUND])


def _previews(employee: Employee) -> list[Preview]:
    """Draw tomorrow for every device; those that it looks the same on share one."""
    ceiling, policies, stops = policy_documents_for(employee)
    starts_at, ends_at = _midnight(employee, days=1), _midnight(employee, days=2)
    hostnames: dict[Day, list[str]] = {}
    for device, told in policies:
        day = day_of(told, ceiling=ceiling, stops=stops, starts_at=starts_at, ends_at=ends_at)
        hostnames.setdefault(day, []).append(device.hostname)
    return [
        Preview(
            ", ".join(names),
            tuple(_bars(day)),
            round(day.minutes),
            applications_named(day.applications),
        )
        for day, names in hostnames.items()
    ]


def _bars(day: Day) -> list[Bar]:
    begin = day.stretches[0].starts_at
    return [
        Bar(
            state=stretch.state,
            starts_at=stretch.starts_at,
            ends_at=stretch.ends_at,
            x=round((stretch.starts_at - begin).total_seconds() / 60),
            width=round(stretch.minutes),
        )
        for stretch in day.stretches
    ]


def _midnight(employee: Employee, *, days: int) -> datetime:
    """Return when the day after `days` days begins where this person is, in UTC.

    Two times of one zone would be taken from each other as their clock shows them.
    """
    zone = ZoneInfo(employee.time_zone)
    today = timezone.localdate(timezone.now(), zone)
    return datetime.combine(today + timedelta(days=days), time.min, zone).astimezone(UTC)
