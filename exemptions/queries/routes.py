"""Grounds and routes for those who edit and approve them."""

import uuid

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.people.roles import Role
from exemptions.models import Ground, Route, RouteState


def check_reader(person: Employee) -> None:
    """Raises PermissionDenied unless somebody writes routes, approves them or oversees both."""
    if not person.has_role(Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR):
        raise PermissionDenied


def grounds_with_routes() -> QuerySet[Ground]:
    """Return all grounds with every version of their routes, newest first."""
    routes = Route.objects.select_related("drafted_by", "approved_by").prefetch_related("steps")
    return Ground.objects.prefetch_related(Prefetch("routes", routes.order_by("-version")))


def route_by_id(route_id: uuid.UUID) -> Route:
    """Return a route; whoever edits or approves routes may read all of them."""
    routes = Route.objects.select_related("ground", "drafted_by", "approved_by")
    return get_object_or_404(routes.prefetch_related("steps"), pk=route_id)


def ground_by_slug(slug: str) -> Ground:
    return get_object_or_404(Ground, pk=slug)


def draft_of(ground: Ground) -> Route | None:
    """Return the version of a route that is being written or waits for legal."""
    open_states = [RouteState.DRAFT, RouteState.PROPOSED]
    return ground.routes.filter(state__in=open_states).prefetch_related("steps").first()
