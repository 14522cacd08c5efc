"""Starting, extending and ending pauses, and what other rooms decide to take away."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.restrictions import events, queries, rules
from consent_app.restrictions.errors import (
    NoPauseToResume,
    PauseCoversEveryDevice,
    PauseOverlaps,
    RequestKeyReused,
)
from consent_app.restrictions.models import Restriction, Source
from consent_app.restrictions.signals import restrictions_changed


@transaction.atomic
def start_pause(
    *,
    employee: Employee,
    by: Employee,
    minutes: int,
    device: uuid.UUID | None = None,
    longest: int = rules.LONGEST_PAUSE_MINUTES,
    request_key: str = "",
) -> Restriction:
    """Stop collection from now for `minutes`, on one device or (None) on all of them.

    A pause on all devices takes the place of shorter ones on single devices. The same `request_key`
    from the same device returns the pause it made the first time.

    Raises:
        PauseLengthOutOfRange: not 1 to `longest` minutes.
        PauseOverlaps: collection is already paused there.
        RequestKeyReused: the key was used for a pause of another length.
    """
    rules.check_pause_minutes(minutes, longest=longest)
    # Lock the person, not their pauses: two first pauses share no other row.
    lock_person(employee)
    now = timezone.now()
    if device and request_key and (earlier := queries.pause_by_request_key(device, request_key)):
        return _same_request(earlier, minutes)
    running = queries.pauses_of(employee, at=now)
    if any(pause.device in (None, device) for pause in running):
        raise PauseOverlaps
    ends_at = now + timedelta(minutes=minutes)
    if device is None:
        _end_shorter(running, than=ends_at, by=by, at=now)
    pause = Restriction.objects.create(
        employee=employee,
        device=device,
        source=Source.PAUSE,
        starts_at=now,
        ends_at=ends_at,
        decided_at=now,
        request_key=request_key,
    )
    _record(events.PAUSE_STARTED, pause, by=by, at=now)
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=now)
    return pause


@transaction.atomic
def extend_pause(
    *,
    employee: Employee,
    by: Employee,
    minutes: int,
    longest: int = rules.LONGEST_PAUSE_MINUTES,
) -> Restriction:
    """Let the pause in force last until `minutes` from now.

    Raises:
        NoPauseToResume: nothing is paused.
        PauseLengthOutOfRange: not 1 to `longest` minutes.
        PauseNotLonger: it already lasts that long.
    """
    lock_person(employee)
    now = timezone.now()
    pauses = queries.pauses_of(employee, at=now)
    if not pauses:
        raise NoPauseToResume
    pause = pauses[0]
    assert pause.ends_at is not None  # noqa: S101 (a database constraint says so)
    pause.ends_at = rules.extended_end(
        now=now, ends_at=pause.ends_at, minutes=minutes, longest=longest
    )
    pause.decided_at = now
    pause.save(update_fields=["ends_at", "decided_at"])
    _record(events.PAUSE_EXTENDED, pause, by=by, at=now)
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=now)
    return pause


@transaction.atomic
def resume(
    *, employee: Employee, by: Employee, device: uuid.UUID | None = None
) -> list[Restriction]:
    """End the pauses in force now: all of them, or the one on `device`.

    Raises:
        NoPauseToResume: nothing is paused there.
        PauseCoversEveryDevice: asked for one device, and the pause is on all of them; ending it
            there would let collection begin again on the others.
    """
    lock_person(employee)
    now = timezone.now()
    running = queries.pauses_of(employee, at=now)
    if device is not None:
        if any(pause.device is None for pause in running):
            raise PauseCoversEveryDevice
        running = [pause for pause in running if pause.device == device]
    if not running:
        raise NoPauseToResume
    for pause in running:
        _end(pause, by=by, at=now)
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=now)
    return running


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
        _record(events.RESTRICTION_ENDED, restriction, by=by, at=at)
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
    _record(events.RESTRICTION_ADDED, restriction, by=by, at=at)
    return restriction


def _sorted_or_none(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _end_shorter(pauses: list[Restriction], *, than: datetime, by: Employee, at: datetime) -> None:
    """End what a pause on all devices covers. A longer one stands beside it, to its own end."""
    for pause in pauses:
        if pause.ends_at is not None and pause.ends_at <= than:
            _end(pause, by=by, at=at)


def _end(pause: Restriction, *, by: Employee, at: datetime) -> None:
    pause.ends_at = pause.decided_at = at
    pause.save(update_fields=["ends_at", "decided_at"])
    _record(events.PAUSE_ENDED, pause, by=by, at=at)


def _record(event: str, pause: Restriction, *, by: Employee, at: datetime) -> None:
    details = {
        "device": str(pause.device) if pause.device else None,
        "starts_at": pause.starts_at.isoformat(),
        "ends_at": pause.ends_at.isoformat() if pause.ends_at else None,
    }
    record(event, actor=by, subject=pause, at=at, person=pause.employee, details=details)


def _same_request(earlier: Restriction, minutes: int) -> Restriction:
    asked = timedelta(minutes=minutes)
    first_end = earlier.starts_at + asked
    # A pause that was ended or extended since is still the same request.
    if earlier.decided_at == earlier.starts_at and earlier.ends_at != first_end:
        raise RequestKeyReused
    return earlier
