"""Stopping the programme, which one person may, and starting it again, which takes two."""

from django.db import connection, transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe_each
from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.queries import people_with_role
from consent_app.register.queries import application_named
from consent_app.restrictions import events, queries
from consent_app.restrictions.errors import (
    ApplicationUnknown,
    NothingToStart,
    RestartNeedsSecondPerson,
    RestartNotAsked,
    StopForbidden,
    StoppedAlready,
    StopReasonMissing,
)
from consent_app.restrictions.models import ProgrammeStop, Restriction, Source
from consent_app.restrictions.models.stops import REASON_LENGTH
from consent_app.restrictions.rules import MAY_STOP
from consent_app.restrictions.signals import restrictions_changed

STOP_LOCK = 0x0C0_5709


@transaction.atomic
def stop_programme(
    *, by: Employee, reason: str, cohort: Jurisdiction | None = None, application: str = ""
) -> ProgrammeStop:
    """Stop collection from now on: for a cohort (None: for everyone), of an application (""): all.

    Polling devices hear of it with their next answer, those that hold a poll at once. Nothing is
    signed but that.

    Raises:
        StopForbidden: neither programme owner nor legal.
        StopReasonMissing: no reason, or one that is too long.
        ApplicationUnknown: the register in force does not list it.
        StoppedAlready: this very thing is stopped.
    """
    _check(by)
    reason = _reason(reason)
    listed = application_named(application) if application else None
    if application and listed is None:
        raise ApplicationUnknown
    with connection.cursor() as cursor:  # one who stops after the other
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STOP_LOCK])
    if queries.open_stops(cohort=cohort, application=application):
        raise StoppedAlready
    now = timezone.now()
    restriction = Restriction.objects.create(
        cohort=cohort,
        applications=[application] if application else None,
        source=Source.PROGRAMME,
        starts_at=now,
        decided_at=now,
    )
    stop = ProgrammeStop.objects.create(
        restriction=restriction,
        cohort=cohort,
        application=application,
        application_name=listed.name if listed else "",
        reason=reason,
        stopped_by=by,
        stopped_at=now,
    )
    record(events.PROGRAMME_STOPPED, actor=by, subject=stop, at=now, details=_details(stop))
    restrictions_changed.send(sender=Restriction, employees=[], everyone=True, at=now)
    _tell_the_others("programme_stopped", by)
    return stop


@transaction.atomic
def ask_restart(*, stop: ProgrammeStop, by: Employee, reason: str) -> ProgrammeStop:
    """Ask that what was stopped begins again. Nothing begins before another person says so.

    Raises:
        StopForbidden, StopReasonMissing.
        NothingToStart: it began again already.
    """
    _check(by)
    stop = _locked(stop)
    now = timezone.now()
    stop.restart_asked_by, stop.restart_asked_at = by, now
    stop.restart_reason = _reason(reason)
    stop.save(update_fields=["restart_asked_by", "restart_asked_at", "restart_reason"])
    details = {"reason": stop.restart_reason}
    record(events.RESTART_ASKED, actor=by, subject=stop, at=now, details=details)
    _tell_the_others("restart_asked", by)
    return stop


@transaction.atomic
def decline_restart(*, stop: ProgrammeStop, by: Employee) -> ProgrammeStop:
    """Let it stay stopped. Whoever asked may take that back in the same way.

    Raises:
        StopForbidden, NothingToStart.
        RestartNotAsked: nobody asks any more.
    """
    _check(by)
    stop = _locked(stop)
    if stop.restart_asked_by is None:
        raise RestartNotAsked
    stop.restart_asked_by = stop.restart_asked_at = None
    stop.restart_reason = ""
    stop.save(update_fields=["restart_asked_by", "restart_asked_at", "restart_reason"])
    record(events.RESTART_DECLINED, actor=by, subject=stop, at=timezone.now())
    return stop


@transaction.atomic
def restart_programme(*, stop: ProgrammeStop, by: Employee) -> ProgrammeStop:
    """Let collection begin again, for the reason that somebody else gave.

    Raises:
        StopForbidden, NothingToStart.
        RestartNotAsked: nobody asked for it.
        RestartNeedsSecondPerson: the same person asked.
    """
    _check(by)
    stop = _locked(stop)
    if stop.restart_asked_by is None:
        raise RestartNotAsked
    if stop.restart_asked_by == by:
        raise RestartNeedsSecondPerson
    now = timezone.now()
    stop.restarted_by, stop.restarted_at = by, now
    stop.save(update_fields=["restarted_by", "restarted_at"])
    stop.restriction.ends_at = stop.restriction.decided_at = now
    stop.restriction.save(update_fields=["ends_at", "decided_at"])
    details = _details(stop) | {"restart_reason": stop.restart_reason}
    record(events.PROGRAMME_RESTARTED, actor=by, subject=stop, at=now, details=details)
    restrictions_changed.send(sender=Restriction, employees=[], everyone=True, at=now)
    return stop


def _check(person: Employee) -> None:
    if not person.has_role(*MAY_STOP):
        raise StopForbidden


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        raise StopReasonMissing
    if len(reason) > REASON_LENGTH:
        raise StopReasonMissing(f"Keep the reason to {REASON_LENGTH:,} characters.")
    return reason


def _locked(stop: ProgrammeStop) -> ProgrammeStop:
    """Return the row as it is now, while nobody else decides about it."""
    locked = (
        ProgrammeStop.objects.select_for_update(of=("self",), no_key=True)
        .select_related("restriction", "restart_asked_by")
        .get(pk=stop.pk)
    )
    if locked.restarted_at is not None:
        raise NothingToStart
    return locked


def _details(stop: ProgrammeStop) -> dict[str, object]:
    return {
        "cohort": stop.cohort.cohort if stop.cohort else None,
        "application": stop.application or None,
        "reason": stop.reason,
    }


def _tell_the_others(event: str, by: Employee) -> None:
    people = {person for role in MAY_STOP for person in people_with_role(role)} - {by}
    owe_each(event, {person: {} for person in people})
