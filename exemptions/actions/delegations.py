"""Being away: who decides meanwhile."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from exemptions import events, rules
from exemptions.errors import (
    DelegateNotAble,
    DelegationOutOfRange,
    DelegationOverlaps,
    ReasonMissing,
)
from exemptions.models import Delegation


@transaction.atomic
def start_delegation(
    *,
    person: Employee,
    by: Employee,
    delegate: Employee | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
) -> Delegation:
    """Let `delegate` decide for `person`; None says they are away and nobody does.

    Raises:
        DelegationOutOfRange: it begins in the past, ends before it begins or is too long.
        DelegationOverlaps: there is one for part of that time.
        DelegateNotAble: the delegate left, or is the person themself.
        ReasonMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonMissing("Say why: others read it beside your decisions.")
    lock_person(person)
    now = timezone.now()
    starts_at = max(starts_at, now) if starts_at.date() == now.date() else starts_at
    if starts_at < now or ends_at <= starts_at or ends_at - starts_at > rules.LONGEST_DELEGATION:
        raise DelegationOutOfRange
    if delegate is not None and (delegate == person or not delegate.is_active):
        raise DelegateNotAble
    theirs = Delegation.objects.filter(person=person)
    if theirs.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
        raise DelegationOverlaps
    delegation = Delegation.objects.create(
        person=person,
        delegate=delegate,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:200],
        made_at=now,
    )
    _record(events.DELEGATION_MADE, delegation, by=by, at=now)
    if delegate is not None:
        owe(
            "delegation_received", to=delegate,
            context={
                "from_name": person.name,
                "starts_on": starts_at.date().isoformat(),
                "ends_on": ends_at.date().isoformat(),
            },
        )  # fmt: skip
    return delegation


@transaction.atomic
def end_delegation(*, delegation: Delegation, by: Employee) -> Delegation:
    """End it now, or before it begins; one that is over stays as it is."""
    lock_person(delegation.person)
    now = timezone.now()
    delegation.refresh_from_db()
    if delegation.ends_at <= now:
        return delegation
    delegation.ends_at = max(now, delegation.starts_at)
    delegation.save(update_fields=["ends_at"])
    _record(events.DELEGATION_ENDED, delegation, by=by, at=now)
    return delegation


def _record(event: str, delegation: Delegation, *, by: Employee, at: datetime) -> None:
    record(
        event, actor=by, subject=delegation, at=at, person=delegation.person,
        details={
            "delegate": str(delegation.delegate.pseudonym) if delegation.delegate else None,
            "starts_at": delegation.starts_at.isoformat(),
            "ends_at": delegation.ends_at.isoformat(),
        },
    )  # fmt: skip
