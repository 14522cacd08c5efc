"""What somebody chooses for every day. Each choice is in their devices' next policy at once."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, time

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.register.queries import application_slugs
from consent_app.restrictions import events, queries, rules
from consent_app.restrictions.actions.narrowing import Narrowing, change_restrictions
from consent_app.restrictions.errors import ApplicationUnknown
from consent_app.restrictions.models import PausePreference, QuietTime, Restriction, Source
from consent_app.restrictions.queries import APPLICATIONS_CAUSE
from consent_app.restrictions.signals import restrictions_changed


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPreference:
    """What somebody wants of their pauses; the members are those of `PausePreference`."""

    default_minutes: int = rules.USUAL_MINUTES
    default_device: uuid.UUID | None = None
    reminder_minutes: int | None = None
    battery_below_percent: int | None = None
    denies_metered: bool = False
    denies_private_window: bool = False


@transaction.atomic
def save_preference(
    *, employee: Employee, by: Employee, wanted: WantedPreference
) -> PausePreference:
    """Keep what is wanted. What is as before is not written, and no policy is signed for it.

    The caller made sure that `default_device` is one of theirs.

    Raises:
        PauseLengthOutOfRange: the usual length is not 1 to 30 minutes.
    """
    rules.check_pause_minutes(wanted.default_minutes)
    lock_person(employee)
    now = timezone.now()
    known = queries.pause_preference(employee) or PausePreference(employee=employee)
    changed = {
        name: value for name, value in asdict(wanted).items() if getattr(known, name) != value
    }
    if not changed:
        return known
    for name, value in changed.items():
        setattr(known, name, value)
    known.changed_at = now
    known.save()
    details = {name: _as_json(value) for name, value in changed.items()}
    record(
        events.PREFERENCE_CHANGED, actor=by, subject=known, at=now, person=employee, details=details
    )
    _announce(employee, now)
    return known


@transaction.atomic
def choose_applications(
    *,
    employee: Employee,
    by: Employee,
    out: frozenset[str] = frozenset(),
    back: frozenset[str] = frozenset(),
) -> Restriction | None:
    """Collect nothing from the applications `out` any more, and let `back` be collected from again.

    What was chosen before and is in neither stays. Returns the restriction that holds now; None
    when no application is kept out.

    Raises:
        ApplicationUnknown: one is neither listed by the register in force nor chosen before.
    """
    lock_person(employee)
    now = timezone.now()
    known = queries.application_preference(employee, at=now)
    before = frozenset(known.applications or ()) if known else frozenset()
    slugs = (before | out) - back
    if slugs == before:
        return known
    if not slugs - before <= application_slugs():
        raise ApplicationUnknown
    wanted = Narrowing(
        source=Source.PREFERENCE, cause=APPLICATIONS_CAUSE, starts_at=now, applications=slugs
    )
    made = change_restrictions(
        employee=employee,
        by=by,
        at=now,
        end={known: now} if known else None,
        add=[wanted] if slugs else [],
    )
    return made[0] if made else None


@transaction.atomic
def add_quiet_time(
    *, employee: Employee, by: Employee, starts_at: time, minutes: int, weekdays: frozenset[int]
) -> QuietTime:
    """Collect nothing at this time of these days (ISO: 1 is Monday), by the person's own clock.

    Raises:
        QuietTimeUnclear: no day, or not 1 to 30 minutes.
        QuietTimesTooMany: there are three.
        QuietTimesTooClose: less than 30 minutes lie between this one and another.
    """
    lock_person(employee)
    now = timezone.now()
    added = QuietTime(
        employee=employee,
        starts_at=starts_at.replace(second=0, microsecond=0),
        minutes=minutes,
        weekdays=sorted(weekdays),
        chosen_at=now,
    )
    rules.check_quiet_times(added, beside=queries.quiet_times_of(employee))
    added.save(force_insert=True)
    _record_quiet_time(events.QUIET_TIME_ADDED, added, by=by, at=now)
    _announce(employee, now)
    return added


@transaction.atomic
def end_quiet_time(*, quiet_time: QuietTime, by: Employee) -> None:
    """Let it hold no longer, from now on; ending it twice is ending it once."""
    employee = lock_person(quiet_time.employee)
    now = timezone.now()
    if not QuietTime.objects.filter(pk=quiet_time.pk, ended_at=None).update(ended_at=now):
        return
    _record_quiet_time(events.QUIET_TIME_ENDED, quiet_time, by=by, at=now)
    _announce(employee, now)


def _record_quiet_time(event: str, quiet_time: QuietTime, *, by: Employee, at: datetime) -> None:
    details = {
        "starts_at": f"{quiet_time.starts_at:%H:%M}",
        "minutes": quiet_time.minutes,
        "weekdays": list(quiet_time.weekdays),
    }
    record(event, actor=by, subject=quiet_time, at=at, person=quiet_time.employee, details=details)


def _announce(employee: Employee, at: datetime) -> None:
    restrictions_changed.send(sender=Restriction, employees=[employee], everyone=False, at=at)


def _as_json(value: object) -> object:
    return str(value) if isinstance(value, uuid.UUID) else value
