"""What a decision for everybody writes, and how long it takes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from consent_app.devices.actions import sign_ceilings
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from consent_app.register.actions.announcing import announce_newest
from consent_app.register.actions.drafts import start_draft
from consent_app.register.actions.editing import remove_application
from consent_app.register.actions.review import (
    approve_version,
    propose_version,
    publish_version,
)
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.review import prepared
from consent_app.restrictions.actions import stop_programme
from tests.bench.figures import table, thousands
from tests.bench.fleet import Enrolled
from tests.bench.outcome import Figure
from tests.bench.wakes import make_deciders, start_again

STOP, PUBLICATION = "programme stop", "register published, all ceilings signed"
# Without the log's inner nodes: how many an entry completes depends on its place in the tree.
ROWS = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)
      FROM pg_stat_xact_user_tables WHERE relname <> 'audit_node'
"""


@dataclass(frozen=True, slots=True)
class Written:
    rows: int
    seconds: float


def decide(fleet: Sequence[Enrolled]) -> dict[str, Written]:
    """Stop, start again and publish, with all the devices that there are."""
    owner, legal = make_deciders(fleet[0])
    stopped = []
    version = _approved(owner, legal)

    def publish() -> None:
        # As soon as the notice that people must be given lets it hold.
        earliest = prepared(version).earliest(at=timezone.now() + timedelta(minutes=1))
        publish_version(version=version, by=owner, in_force_at=earliest)
        sign_ceilings(by=system_user())

    written = {
        STOP: _written(lambda: stopped.append(stop_programme(by=owner, reason="A measurement."))),
        "start again": _written(lambda: start_again(stopped[0], owner, legal)),
        PUBLICATION: _written(publish),
    }
    began = time.perf_counter()
    told = announce_newest()
    return written | {
        "telling everybody, later": Written(told, time.perf_counter() - began),
    }


def _approved(owner: Employee, legal: Employee) -> RegisterVersion:
    """Take an application out of the register: a person drafts it, and another approves."""
    draft = start_draft(by=owner)
    captured = draft.applications.filter(excluded=False).order_by("slug").first()
    assert captured is not None
    remove_application(draft=draft, by=owner, seen=draft.drafted_at, slug=captured.slug)
    draft.refresh_from_db()
    proposed = propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="A measurement.", is_immaterial=False
    )
    seen = prepared(proposed).digest
    return approve_version(version=proposed, by=legal, seen=seen)


def _written(decide: Callable[[], object]) -> Written:
    """Count the rows that `decide` writes in its transaction, which is committed."""
    with connection.cursor() as cursor:
        began = time.perf_counter()
        with transaction.atomic():
            before = _rows(cursor)
            decide()
            rows = _rows(cursor) - before
        return Written(rows, time.perf_counter() - began)


def _rows(cursor: Any) -> int:
    cursor.execute(ROWS)
    return int(cursor.fetchone()[0])


def decisions_table(found: Mapping[int, Mapping[str, Written]]) -> str:
    """Say what each decision wrote, by the number of devices."""
    names = next(iter(found.values()))
    head = ["one transaction"]
    for size in found:
        head += [f"rows, {size:,} devices", "s"]
    rows = [
        [name, *(cell for by_name in found.values() for cell in _cells(by_name[name]))]
        for name in names
    ]
    return table(head, rows)


def decisions_figures(found: Mapping[int, Mapping[str, Written]]) -> list[Figure]:
    few, many = min(found), max(found)
    return [
        Figure(
            f"{name}: rows with {few:,} and with {many:,} devices",
            f"{found[few][name].rows:,} and {found[many][name].rows:,}",
            "the same",
            found[few][name].rows == found[many][name].rows,
        )
        for name in (STOP, PUBLICATION)
    ]


def _cells(written: Written) -> tuple[str, str]:
    return thousands(written.rows), f"{written.seconds:.2f}"
