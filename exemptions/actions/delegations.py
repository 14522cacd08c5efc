"""Being away: who decides meanwhile."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from exemptions import events, rules
from exemptions.deadlines import last_day_before, local_day
from exemptions.errors import (
    DelegateNotAble,
    DelegationOutOfRange,
    DelegationOverlaps,
    NotAllowed,
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

    One that begins on the person's today begins now at the earliest. Others read the reason.

    Raises:
        NotAllowed: everybody speaks for themselves.
        DelegationInPast, DelegationOutOfRange: not at this time.
        DelegationOverlaps: there is one for part of that time.
        DelegateNotAble: the delegate left, is away as well, or is the person themself.
        ReasonMissing, TextTooLong: the reason doesn't do.
    """
    if by != person:
        raise NotAllowed
    if not reason.strip():
        raise ReasonMissing("Say why in a few words. Whoever stands in for you reads it.")
    words = rules.clean_delegation_reason(reason)
    lock_person(person)
    now = timezone.now()
    first_day = local_day(starts_at, time_zone=person.time_zone)
    last_day = last_day_before(ends_at, time_zone=person.time_zone)
    rules.check_delegation(first_day, last_day, today=local_day(now, time_zone=person.time_zone))
    starts_at = max(starts_at, now)
    if ends_at <= starts_at:
        raise DelegationOutOfRange
    if _is_away(person, starts_at, ends_at):
        raise DelegationOverlaps
    if delegate is not None:
        _check_delegate(delegate, person, starts_at, ends_at)
    delegation = Delegation.objects.create(
        person=person, delegate=delegate, starts_at=starts_at, ends_at=ends_at, reason=words,
        made_at=now,
    )  # fmt: skip
    _record(events.DELEGATION_MADE, delegation, by=by, at=now)
    if delegate is not None:
        days = {"starts_on": first_day.isoformat(), "ends_on": last_day.isoformat()}
        owe("delegation_received", to=delegate, context={"from_name": person.name, **days})
    return delegation


@transaction.atomic
def end_delegation(*, delegation: Delegation, by: Employee) -> Delegation:
    """End it now, or before it begins; one that is over stays as it is.

    Raises:
        NotAllowed: it is somebody else's.
    """
    if delegation.person_id != by.pk:
        raise NotAllowed
    lock_person(by)
    now = timezone.now()
    delegation.refresh_from_db()
    if delegation.ends_at <= max(now, delegation.starts_at):
        return delegation
    delegation.ends_at = max(now, delegation.starts_at)
    delegation.save(update_fields=["ends_at"])
    _record(events.DELEGATION_ENDED, delegation, by=by, at=now)
    return delegation


def _check_delegate(
    delegate: Employee, person: Employee, starts_at: datetime, ends_at: datetime
) -> None:
    if delegate == person:
        raise DelegateNotAble("Choose somebody else than yourself.")
    if not Employee.objects.filter(pk=delegate.pk, is_active=True).exists():
        raise DelegateNotAble
    if _is_away(delegate, starts_at, ends_at):
        raise DelegateNotAble(f"{delegate.name} is away for part of that time as well.")


def _is_away(person: Employee, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether the person has a delegation for part of that time; one that never began is none."""
    theirs = Delegation.objects.filter(person=person, ends_at__gt=F("starts_at"))
    return theirs.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists()


def _record(event: str, delegation: Delegation, *, by: Employee, at: datetime) -> None:
    record(
        event, actor=by, subject=delegation, at=at, person=delegation.person,
        details={
            "delegate": str(delegation.delegate.pseudonym) if delegation.delegate else None,
            "starts_at": delegation.starts_at.isoformat(),
            "ends_at": delegation.ends_at.isoformat(),
        },
    )  # fmt: skip
