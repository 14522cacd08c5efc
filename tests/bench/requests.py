"""Loads requests as a company has them after two years: most are decided, 15 in 100 are open.

Written in bulk, yet under every trigger and constraint: a request begins as a draft and goes from
state to state, a decision meets its step while that is open. Texts and files are sealed with keys
of their own, and each event is a leaf of the log. Left out: messages that were owed, and devices.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection, models, transaction
from django.utils import timezone

from exemptions.models import ExemptionRequest, ReviewStep, Route, RouteState
from tests.bench.company import Company, found_company
from tests.bench.copying import copy_models
from tests.bench.history import Event, write_log
from tests.bench.stories import Rows, Teller

CHUNK = 5_000
OPEN_SHARE = 0.15
SEED = 3


def load_requests(*, people: int, requests: int) -> Company:
    """Make a company of `people` and `requests` of theirs, of which nobody has two open."""
    chance = random.Random(SEED)  # noqa: S311 (invents a company)
    company = found_company(people, chance=chance)
    teller = Teller(company, _routes(), timezone.now(), chance)
    asking = company.people[1:]  # all but the one without a manager
    openers = chance.sample(asking, min(round(requests * OPEN_SHARE), len(asking)))
    askers = openers + chance.choices(asking, k=requests - len(openers))
    happened: list[Event] = []
    for start in range(0, requests, CHUNK):
        rows = Rows()
        for number, person in enumerate(askers[start : start + CHUNK], start):
            teller.tell(rows, person, is_open=number < len(openers))
        _write(rows)
        happened += rows.events
    write_log(happened)
    return company


def _routes() -> dict[str, Route]:
    in_force = Route.objects.filter(state=RouteState.IN_FORCE)
    found = in_force.select_related("ground").prefetch_related("steps")
    return {route.ground_id: route for route in found}


@transaction.atomic
def _write(rows: Rows) -> None:
    copy_models(rows.restrictions)
    copy_models(rows.requests)
    copy_models(rows.messages)
    copy_models(rows.attachments)
    for position in sorted(rows.steps):
        copy_models(rows.steps[position])
        copy_models(rows.decisions[position])
        _close(rows.closed[position])
    _go_through(rows.states)
    _protect(rows)


def _close(closed: Collection[tuple[ReviewStep, datetime]]) -> None:
    _update(
        ReviewStep, "closed_at = given.at", {"id": "uuid", "at": "timestamptz"},
        [(step.pk, at) for step, at in closed],
    )  # fmt: skip


def _go_through(states: Mapping[ExemptionRequest, Sequence[str]]) -> None:
    for number in range(max(map(len, states.values()))):
        going = [(each.pk, way[number]) for each, way in states.items() if len(way) > number]
        _update(ExemptionRequest, "state = given.state", {"id": "uuid", "state": "text"}, going)


def _protect(rows: Rows) -> None:
    _update(
        ExemptionRequest, "protection_id = given.by, protected_scope = given.scope",
        {"id": "uuid", "by": "uuid", "scope": "text"},
        [(request.pk, by.pk, scope) for request, by, scope in rows.protected],
    )  # fmt: skip


def _update(
    model: type[models.Model], change: str, columns: dict[str, str], rows: Iterable[tuple]
) -> None:
    """Change many rows, found by their id, each to values of its own."""
    values = [list(column) for column in zip(*rows, strict=True)]
    if not values:
        return
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} AS row SET {change} "
            f"FROM unnest({arrays}) AS given ({', '.join(columns)}) WHERE row.id = given.id",
            values,
        )
