"""Stops of the programme: what is stopped and why, stopping, and starting again by two people."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.restrictions import actions, queries
from consent_app.restrictions.errors import (
    ApplicationUnknown,
    StopForbidden,
    StopReasonMissing,
)
from consent_app.restrictions.forms.stops import RestartForm, StopForm
from consent_app.restrictions.models import ProgrammeStop
from consent_app.restrictions.rules import MAY_STOP
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = "restrictions/stops.html"
ASK_PAGE = "restrictions/stop_restart.html"
STATUS_OF_REFUSAL: dict[type[Refusal], int] = {
    StopForbidden: 403,
    StopReasonMissing: 422,
    ApplicationUnknown: 422,
}


@require_http_methods(["GET", "HEAD", "POST"])
def stops(request: UserRequest) -> HttpResponse:
    """Show what is stopped and was; POST stops."""
    queries.check_may_see(request.user)
    if request.method != "POST":
        return _page(request, StopForm())
    form = StopForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        stop = actions.stop_programme(
            by=request.user,
            reason=form.cleaned_data["reason"],
            cohort=form.cohort_to_stop,
            application=form.application_to_stop,
        )
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _page(request, form, status=_status(refusal))
    messages.info(
        request, f"Stopped: {stop.what}. Devices that are connected hear of it within a second."
    )
    return redirect("stops")


@require_http_methods(["GET", "HEAD", "POST"])
def stop_restart(request: UserRequest, stop_id: uuid.UUID) -> HttpResponse:
    """Ask that it begins again, with a reason."""
    stop = queries.stop_for(request.user, stop_id)
    form = RestartForm(request.POST if request.method == "POST" else None)
    context = {"stop": stop, "form": form}
    if request.method != "POST":
        return render(request, ASK_PAGE, context)
    if not form.is_valid():
        return render(request, ASK_PAGE, context, status=422)
    try:
        actions.ask_restart(stop=stop, by=request.user, reason=form.cleaned_data["reason"])
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return render(request, ASK_PAGE, context, status=_status(refusal))
    messages.info(request, "Asked. It begins again when a second person agrees.")
    return redirect("stops")


@require_POST
def stop_agree(request: UserRequest, stop_id: uuid.UUID) -> HttpResponse:
    said = "Collection begins again as devices hear of it."
    return _decide(request, stop_id, actions.restart_programme, said)


@require_POST
def stop_decline(request: UserRequest, stop_id: uuid.UUID) -> HttpResponse:
    return _decide(request, stop_id, actions.decline_restart, "It stays stopped.")


def _decide(
    request: UserRequest, stop_id: uuid.UUID, act: Callable[..., ProgrammeStop], said: str
) -> HttpResponse:
    stop = queries.stop_for(request.user, stop_id)
    try:
        act(stop=stop, by=request.user)
    except Refusal as refusal:
        return _page(request, StopForm(), refusal=refusal, status=_status(refusal))
    messages.info(request, said)
    return redirect("stops")


def _page(
    request: UserRequest, form: StopForm, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "refusal": refusal.message if refusal else "",
        "stops": queries.stops_in_force(),
        "past": queries.past_stops(request.user)[:50],
        "may_stop": request.user.has_role(*MAY_STOP),
    }
    return render(request, PAGE, context, status=status)


def _status(refusal: Refusal) -> int:
    """403: not by this person; 422: say it another way; else 409: it is not as it was."""
    return STATUS_OF_REFUSAL.get(type(refusal), 409)
