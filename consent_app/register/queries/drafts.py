"""Reads of a draft's parts, and of what a table would make of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.shortcuts import get_object_or_404

from consent_app.register.diff import Change, Part, Snapshot, diff
from consent_app.register.errors import Problem
from consent_app.register.models import Application, RegisterVersion, Safeguard
from consent_app.register.queries.review import snapshot
from consent_app.register.rules import PORTAL_SLUG, Row
from consent_app.register.source import Line, application_of, read_applications
from consent_app.register.tables import applications_csv


@dataclass(frozen=True, slots=True)
class Imported:
    """What a table would change in a draft; `table` is the same in the portal's own writing."""

    changes: list[Change]
    count: int
    table: str


def application_in(draft: RegisterVersion, slug: str) -> Application:
    return get_object_or_404(Application, version=draft, slug=slug)


def safeguard_in(draft: RegisterVersion, safeguard_id: str) -> Safeguard:
    return get_object_or_404(Safeguard, version=draft, safeguard_id=safeguard_id)


def read_table(data: bytes, name: str) -> tuple[list[Line], list[Problem]]:
    """Read a table of applications; return its lines, and everything that is wrong with any."""
    return read_applications(data, name)


def imported(draft: RegisterVersion, rows: Sequence[Row]) -> Imported:
    """Hold a checked table against the draft."""
    before = snapshot(draft)
    every = sorted(before.kinds)
    applications = []
    for row in rows:
        known = before.applications.get(row["slug"])
        applications.append(application_of(row, known.kinds if known and known.kinds else every))
    portal = [one for slug, one in before.applications.items() if slug == PORTAL_SLUG]
    after = Snapshot.of(
        draft,
        applications=[*portal, *applications],
        kinds=before.kinds.values(),
        safeguards=before.safeguards.values(),
    )
    changes = [change for change in diff(before, after) if change.part is Part.APPLICATIONS]
    return Imported(changes, len(applications), applications_csv(applications))
