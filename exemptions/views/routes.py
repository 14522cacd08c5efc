"""Grounds and their routes: what is in force, writing the next version, and legal's word on it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.people.models import Employee
from exemptions.actions import routes as actions
from exemptions.errors import WrongState
from exemptions.forms.routes import ReturnForm, RouteForm, SeenForm, as_initial
from exemptions.models import Ground, Route, RouteState
from exemptions.queries import routes as queries
from exemptions.queries.routes import GroundRoutes
from exemptions.views.statuses import status_of
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = "routes/routes.html"
EDIT_PAGE = "routes/edit.html"


@dataclass(frozen=True, slots=True)
class Coming:
    """A version that is being made, and what this reader may do with it."""

    shown: GroundRoutes
    can_write: bool
    can_decide: bool
    is_own: bool
    return_form: ReturnForm


@require_safe
def routes(request: UserRequest) -> HttpResponse:
    return _page(request)


@require_http_methods(["GET", "HEAD", "POST"])
def route_edit(request: UserRequest, ground: str) -> HttpResponse:
    """Write the next version of a route as a draft."""
    found = queries.ground_for(request.user, ground)
    newest = queries.newest_route(found)
    if newest.state == RouteState.PROPOSED:
        return _page(request, refusal=WrongState(actions.WITH_LEGAL), status=409)
    if request.method != "POST":
        form = RouteForm(ground=found, initial=as_initial(newest))
        return _edit_page(request, found, newest, form)
    form = RouteForm(request.POST, ground=found)
    if not form.is_valid():
        return _edit_page(request, found, newest, form, status=422)
    try:
        _save(form, ground=found, by=request.user)
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _edit_page(request, found, newest, form, status=status_of(refusal))
    messages.info(request, f"Saved as a draft: {found.name}. It waits until it is proposed.")
    return _back(newest)


@require_POST
def route_propose(request: UserRequest, route_id: uuid.UUID) -> HttpResponse:
    route = queries.route_for(request.user, route_id)
    try:
        actions.propose_route(route=route, by=request.user, seen=_seen(request))
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=status_of(refusal))
    messages.info(request, f"Proposed: {route.ground.name}. Legal decides.")
    return _back(route)


@require_POST
def route_approve(request: UserRequest, route_id: uuid.UUID) -> HttpResponse:
    route = queries.route_for(request.user, route_id)
    try:
        actions.approve_route(route=route, by=request.user, seen=_seen(request))
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=status_of(refusal))
    messages.info(request, f"In force: {route.ground.name}, version {route.version}.")
    return _back(route)


@require_POST
def route_return(request: UserRequest, route_id: uuid.UUID) -> HttpResponse:
    route = queries.route_for(request.user, route_id)
    form = _return_form(route, request)
    if not form.is_valid():
        return _page(request, returning=(route, form), status=422)
    try:
        actions.return_route(route=route, by=request.user, **form.cleaned_data)
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=status_of(refusal))
    messages.info(request, f"Sent back: {route.ground.name}, version {route.version}.")
    return _back(route)


def _save(form: RouteForm, *, ground: Ground, by: Employee) -> None:
    actions.save_route(
        ground=ground,
        by=by,
        steps=form.steps,
        protects_while_pending=form.cleaned_data["protects_while_pending"],
        appeal_reviewer=form.cleaned_data["appeal_reviewer"],
        change_note=form.cleaned_data["change_note"],
        seen=form.cleaned_data["seen"],
    )


def _page(
    request: UserRequest,
    *,
    refusal: Refusal | None = None,
    returning: tuple[Route, ReturnForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show all routes; `returning` is the version whose note was not accepted, with its form."""
    shown = queries.routes_for(request.user)
    context = {
        "grounds": shown,
        "coming": [_coming(found, request.user, returning) for found in shown if found.coming],
        "can_write": queries.may_write(request.user),
        "refusal": refusal.message if refusal else "",
    }
    return render(request, PAGE, context, status=status)


def _coming(
    shown: GroundRoutes, reader: Employee, returning: tuple[Route, ReturnForm] | None
) -> Coming:
    assert shown.coming is not None  # noqa: S101 (asked by the caller)
    route = shown.coming.route
    is_draft = route.state == RouteState.DRAFT
    refused = returning[1] if returning and returning[0] == route else None
    return Coming(
        shown=shown,
        can_write=is_draft and queries.may_write(reader),
        can_decide=not is_draft and queries.may_decide(reader, route),
        is_own=route.drafted_by_id == reader.pk,
        return_form=refused or _return_form(route),
    )


def _return_form(route: Route, request: UserRequest | None = None) -> ReturnForm:
    """Return the form under a name of its own: several stand on the page."""
    return ReturnForm(
        request.POST if request else None,
        initial={"seen": route.drafted_at.isoformat()},
        auto_id=f"{route.ground_id}-%s",
    )


def _edit_page(
    request: UserRequest, ground: Ground, newest: Route, form: RouteForm, *, status: int = 200
) -> HttpResponse:
    context = {"ground": ground, "newest": newest, "form": form}
    return render(request, EDIT_PAGE, context, status=status)


def _seen(request: UserRequest) -> datetime:
    form = SeenForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    seen: datetime = form.cleaned_data["seen"]
    return seen


def _back(route: Route) -> HttpResponse:
    return redirect(f"{reverse('routes')}#{route.ground_id}")
