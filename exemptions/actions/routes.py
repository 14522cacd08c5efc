"""Grounds and routes: the first versions come with the portal, each later one takes two people."""

import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role
from consent_app.people.roles import Role
from exemptions import events, rules
from exemptions.errors import (
    NotAllowed,
    ReasonMissing,
    SamePerson,
    SomebodyWasFirst,
    WrongState,
)
from exemptions.models import Ground, Route, RouteState, RouteStep
from exemptions.rules import StepPlan

GROUNDS = Path(__file__).resolve().parents[1] / "data" / "grounds.toml"
WITH_LEGAL = "Legal has this version. It can be changed when it comes back."


@transaction.atomic
def load_grounds(*, by: Employee, path: Path = GROUNDS) -> list[Ground]:
    """Make the grounds that are missing, each with its first route in force; change no other."""
    now = timezone.now()
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["ground"]
    known = set(Ground.objects.values_list("slug", flat=True))
    made = []
    for position, entry in enumerate(listed, 1):
        if entry["slug"] not in known:
            made.append(_load_ground(entry, position=position, by=by, at=now))
    return made


@transaction.atomic
def save_route(
    *,
    ground: Ground,
    by: Employee,
    steps: Sequence[StepPlan],
    protects_while_pending: bool,
    appeal_reviewer: str,
    change_note: str,
    seen: datetime,
) -> Route:
    """Write the next version of a route, or write it anew while it is a draft.

    `seen` is when the newest version on the writer's screen was written.

    Raises:
        NotAllowed: only the programme owner may.
        WrongState: the version waits for legal.
        SomebodyWasFirst: there is a newer one than was seen.
        RouteNotSound, ReasonMissing, TextTooLong.
    """
    _check_role(by, Role.PROGRAMME_OWNER)
    rules.check_route(steps, is_sensitive=ground.is_sensitive, appeal_reviewer=appeal_reviewer)
    if not change_note.strip():
        raise ReasonMissing("Say what changes and why; legal reads it.")
    note = rules.clean_text(change_note)
    now = timezone.now()
    ground = Ground.objects.select_for_update().get(pk=ground.pk)
    newest = Route.objects.select_related("drafted_by").filter(ground=ground).latest("version")
    if newest.state == RouteState.PROPOSED:
        raise WrongState(WITH_LEGAL)
    if newest.drafted_at != seen:
        raise SomebodyWasFirst(_who_was_first(newest))
    is_draft = newest.state == RouteState.DRAFT
    route = newest if is_draft else Route(ground=ground, version=newest.version + 1)
    route.state = RouteState.DRAFT
    route.drafted_by, route.drafted_at = by, now
    route.protects_while_pending = protects_while_pending
    route.appeal_reviewer = appeal_reviewer
    route.change_note = note
    route.save()
    route.steps.all().delete()
    _write_steps(route, steps)
    _record(events.ROUTE_DRAFTED, route, by=by, at=now)
    return route


@transaction.atomic
def propose_route(*, route: Route, by: Employee, seen: datetime) -> Route:
    """Hand a draft to legal; `seen` is when what was on the screen was written.

    Raises:
        NotAllowed: only the programme owner may.
        SomebodyWasFirst: it is not a draft any more, or not this one.
    """
    _check_role(by, Role.PROGRAMME_OWNER)
    route = _locked(route, RouteState.DRAFT, seen=seen)
    now = timezone.now()
    route.state = RouteState.PROPOSED
    route.review_note = ""
    route.save(update_fields=["state", "review_note"])
    _record(events.ROUTE_PROPOSED, route, by=by, at=now)
    for reviewer in people_with_role(Role.LEGAL_REVIEWER):
        if reviewer.pk != route.drafted_by_id:
            owe("route_proposed", to=reviewer)
    return route


@transaction.atomic
def approve_route(*, route: Route, by: Employee, seen: datetime) -> Route:
    """Put a proposed version in force for requests sent from now on.

    `seen` is when what was on the screen was written: nobody approves what they did not read.

    Raises:
        NotAllowed: only legal may.
        SamePerson: who wrote it can't.
        SomebodyWasFirst: it does not wait for legal any more, or it was written anew.
    """
    _check_role(by, Role.LEGAL_REVIEWER)
    route = _locked(route, RouteState.PROPOSED, seen=seen)
    if route.drafted_by_id == by.pk:
        raise SamePerson
    now = timezone.now()
    Route.objects.filter(ground=route.ground_id, state=RouteState.IN_FORCE).update(
        state=RouteState.RETIRED
    )
    route.state, route.approved_by, route.in_force_since = RouteState.IN_FORCE, by, now
    route.save(update_fields=["state", "approved_by", "in_force_since"])
    _record(events.ROUTE_APPROVED, route, by=by, at=now)
    owe("route_decided", to=route.drafted_by)
    return route


@transaction.atomic
def return_route(*, route: Route, by: Employee, seen: datetime, note: str) -> Route:
    """Send a proposed version back with what is to change.

    Raises as `approve_route`, and ReasonMissing or TextTooLong.
    """
    _check_role(by, Role.LEGAL_REVIEWER)
    if not note.strip():
        raise ReasonMissing("Say what is to change.")
    clean = rules.clean_text(note)
    route = _locked(route, RouteState.PROPOSED, seen=seen)
    if route.drafted_by_id == by.pk:
        raise SamePerson
    now = timezone.now()
    route.state, route.review_note = RouteState.DRAFT, clean
    route.save(update_fields=["state", "review_note"])
    _record(events.ROUTE_SENT_BACK, route, by=by, at=now)
    owe("route_decided", to=route.drafted_by)
    return route


def _load_ground(entry: dict[str, Any], *, position: int, by: Employee, at: datetime) -> Ground:
    steps = [
        StepPlan(
            reviewer=step["reviewer"],
            people=step.get("people", 1),
            target_days=step["days"],
            grace_days=step["grace"],
            fallback=step.get("fallback", ""),
        )
        for step in entry["steps"]
    ]
    rules.check_route(steps, is_sensitive=entry["sensitive"], appeal_reviewer=entry["appeal"])
    ground = Ground.objects.create(
        slug=entry["slug"],
        position=position,
        name=entry["name"],
        explanation=entry["explanation"],
        is_sensitive=entry["sensitive"],
    )
    route = Route.objects.create(
        ground=ground,
        version=1,
        state=RouteState.DRAFT,
        protects_while_pending=entry["protects"],
        appeal_reviewer=entry["appeal"],
        change_note="Comes with the portal.",
        drafted_by=by,
        drafted_at=at,
    )
    _write_steps(route, steps)
    route.state, route.in_force_since = RouteState.IN_FORCE, at
    route.save(update_fields=["state", "in_force_since"])
    _record(events.ROUTE_LOADED, route, by=by, at=at)
    return ground


def _write_steps(route: Route, steps: Sequence[StepPlan]) -> None:
    RouteStep.objects.bulk_create(
        RouteStep(
            route=route,
            position=position,
            reviewer=step.reviewer,
            people=step.people,
            target_days=step.target_days,
            grace_days=step.grace_days,
            fallback=step.fallback,
        )
        for position, step in enumerate(steps, 1)
    )


def _locked(route: Route, state: RouteState, *, seen: datetime) -> Route:
    Ground.objects.select_for_update().get(pk=route.ground_id)
    fresh = Route.objects.select_related("drafted_by", "approved_by").get(pk=route.pk)
    if fresh.state != state or fresh.drafted_at != seen:
        raise SomebodyWasFirst(_who_was_first(fresh))
    return fresh


def _who_was_first(route: Route) -> str:
    """Say how a version stands now, for whoever comes too late."""
    words = {
        RouteState.DRAFT: f"It is a draft by {route.drafted_by.name}{_at(route.drafted_at)}",
        RouteState.PROPOSED: "It waits for legal by now",
        RouteState.IN_FORCE: f"It is in force{_at(route.in_force_since)}",
        RouteState.RETIRED: "A later version is in force by now",
    }[RouteState(route.state)]
    return f"{words}. Nothing of yours was saved. Look again."


def _at(at: datetime | None) -> str:
    return f" since {timezone.localtime(at):%H:%M on %-d %B}" if at else ""


def _check_role(person: Employee, role: Role) -> None:
    if not person.has_role(role):
        raise NotAllowed


def _record(event: str, route: Route, *, by: Employee, at: datetime) -> None:
    """Record a version with its content: routes are rules for everybody and no secret."""
    details = {
        "ground": route.ground_id,
        "version": route.version,
        "protects_while_pending": route.protects_while_pending,
        "appeal_reviewer": route.appeal_reviewer,
        "steps": list(
            route.steps.values(
                "position", "reviewer", "people", "target_days", "grace_days", "fallback"
            )
        ),
    }
    record(event, actor=by, subject=route, at=at, details=details)
