"""Starting, extending and ending pauses."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.restrictions import events, queries, rules
from consent_app.restrictions.actions.narrowing import record_restriction
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
    record_restriction(events.PAUSE_STARTED, pause, by=by, at=now)
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=now)
    return pause


@transaction.atomic
def extend_pause(
    *,
    employee: Employee,
    by: Employee,
    minutes: int,
    longest: int = rules.LONGEST_PAUSE_MINUTES,
) -> list[Restriction]:
    """Let every pause in force last until `minutes` from now that would end earlier.

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
    ends = [pause.ends_at for pause in pauses if pause.ends_at]  # by a constraint, all have one
    end = rules.extended_end(now=now, ends_at=min(ends), minutes=minutes, longest=longest)
    extended = [pause for pause in pauses if pause.ends_at and pause.ends_at < end]
    for pause in extended:
        pause.ends_at, pause.decided_at = end, now
        pause.save(update_fields=["ends_at", "decided_at"])
        record_restriction(events.PAUSE_EXTENDED, pause, by=by, at=now)
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=now)
    return extended


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


def _end_shorter(pauses: list[Restriction], *, than: datetime, by: Employee, at: datetime) -> None:
    """End what a pause on all devices covers. A longer one stands beside it, to its own end."""
    for pause in pauses:
        if pause.ends_at is not None and pause.ends_at <= than:
            _end(pause, by=by, at=at)


def _end(pause: Restriction, *, by: Employee, at: datetime) -> None:
    pause.ends_at = pause.decided_at = at
    pause.save(update_fields=["ends_at", "decided_at"])
    record_restriction(events.PAUSE_ENDED, pause, by=by, at=at)


def _same_request(earlier: Restriction, minutes: int) -> Restriction:
    asked = timedelta(minutes=minutes)
    first_end = earlier.starts_at + asked
    # A pause that was ended or extended since is still the same request.
    if earlier.decided_at == earlier.starts_at and earlier.ends_at != first_end:
        raise RequestKeyReused
    return earlier
