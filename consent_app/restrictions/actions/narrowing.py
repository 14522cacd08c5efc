"""What other rooms and preferences take away from one person, announced as one change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.restrictions import events
from consent_app.restrictions.models import Restriction, Source
from consent_app.restrictions.signals import restrictions_changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """A restriction on one person to be made; None for `applications` or `kinds` means all."""

    source: Source
    cause: str
    starts_at: datetime
    ends_at: datetime | None = None
    applications: frozenset[str] | None = None
    kinds: frozenset[str] | None = None


@transaction.atomic
def change_restrictions(
    *,
    employee: Employee,
    by: Employee,
    at: datetime,
    end: Mapping[Restriction, datetime] | None = None,
    add: Sequence[Narrowing] = (),
) -> list[Restriction]:
    """End some restrictions of one person and make others, announced as one change.

    `end` says for each when it ends; one that would not have begun by then never begins. The caller
    holds the person's lock and decided at `at`. Returns what was made, in the order of `add`.
    """
    for restriction, ends_at in (end or {}).items():
        restriction.ends_at = ends_at
        restriction.starts_at = min(restriction.starts_at, ends_at)
        restriction.decided_at = at
        restriction.save(update_fields=["starts_at", "ends_at", "decided_at"])
        record_restriction(events.RESTRICTION_ENDED, restriction, by=by, at=at)
    made = [_make(narrowing, employee=employee, by=by, at=at) for narrowing in add]
    if end or made:
        restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=at)
    return made


def _make(narrowing: Narrowing, *, employee: Employee, by: Employee, at: datetime) -> Restriction:
    restriction = Restriction.objects.create(
        employee=employee,
        source=narrowing.source,
        cause=narrowing.cause,
        starts_at=narrowing.starts_at,
        ends_at=narrowing.ends_at,
        applications=_sorted_or_none(narrowing.applications),
        kinds=_sorted_or_none(narrowing.kinds),
        decided_at=at,
    )
    record_restriction(events.RESTRICTION_ADDED, restriction, by=by, at=at)
    return restriction


def _sorted_or_none(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def record_restriction(event: str, restriction: Restriction, *, by: Employee, at: datetime) -> None:
    details = {
        "device": str(restriction.device) if restriction.device else None,
        "starts_at": restriction.starts_at.isoformat(),
        "ends_at": restriction.ends_at.isoformat() if restriction.ends_at else None,
    }
    record(
        event, actor=by, subject=restriction, at=at, person=restriction.employee, details=details
    )
