"""Grounds and routes for those who write, approve and oversee them; others get none of it here."""

import uuid
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.people.roles import Role
from exemptions.models import Ground, Route, RouteState
from exemptions.words.route_versions import RouteInWords, in_words

READERS = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class GroundRoutes:
    """All versions of a ground's route: the one in force, one that is being made, older ones."""

    ground: Ground
    in_force: RouteInWords | None
    coming: RouteInWords | None
    earlier: list[RouteInWords]


def routes_for(person: Employee) -> list[GroundRoutes]:
    """Return every ground with its routes. Raises PermissionDenied."""
    _check_reader(person)
    routes = Route.objects.select_related("drafted_by", "approved_by").prefetch_related("steps")
    newest_first = Prefetch("routes", routes.order_by("-version"))
    return [_in_versions(ground) for ground in Ground.objects.prefetch_related(newest_first)]


def ground_for(writer: Employee, slug: str) -> Ground:
    """Return a ground whose route this person may write. Raises PermissionDenied."""
    if not may_write(writer):
        raise PermissionDenied
    return get_object_or_404(Ground, pk=slug)


def route_for(person: Employee, route_id: uuid.UUID) -> Route:
    """Return a version that this person may read. Raises PermissionDenied."""
    _check_reader(person)
    return get_object_or_404(Route.objects.select_related("ground", "drafted_by"), pk=route_id)


def newest_route(ground: Ground) -> Route:
    """Return the version that the next one begins with: a draft, or what is in force."""
    versions = ground.routes.select_related("drafted_by").prefetch_related("steps")
    return versions.latest("version")


def may_write(person: Employee) -> bool:
    return person.has_role(Role.PROGRAMME_OWNER)


def may_decide(person: Employee, route: Route) -> bool:
    """Whether this person of legal may approve a version or send it back: not their own."""
    return person.has_role(Role.LEGAL_REVIEWER) and route.drafted_by_id != person.pk


def _check_reader(person: Employee) -> None:
    if not person.has_role(*READERS):
        raise PermissionDenied


def _in_versions(ground: Ground) -> GroundRoutes:
    versions = list(ground.routes.all())
    words = [
        in_words(route, before=before)
        for route, before in zip(versions, [*versions[1:], None], strict=True)
    ]

    def in_states(*states: RouteState) -> list[RouteInWords]:
        return [found for found in words if found.route.state in states]

    return GroundRoutes(
        ground=ground,
        in_force=next(iter(in_states(RouteState.IN_FORCE)), None),
        coming=next(iter(in_states(RouteState.DRAFT, RouteState.PROPOSED)), None),
        earlier=in_states(RouteState.RETIRED),
    )
