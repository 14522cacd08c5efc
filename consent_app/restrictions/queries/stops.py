"""Reads of stops. What is stopped and why is everybody's to know; who may act on it is not."""

import uuid

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee, Jurisdiction
from consent_app.restrictions.models import ProgrammeStop
from consent_app.restrictions.rules import MAY_SEE_STOPS


def stops_in_force() -> list[ProgrammeStop]:
    """Return what is stopped now, the widest first."""
    found = _stops().filter(restarted_at__isnull=True)
    return sorted(found, key=lambda stop: (bool(stop.application), stop.cohort is not None))


def open_stops(*, cohort: Jurisdiction | None, application: str) -> QuerySet[ProgrammeStop]:
    """Return the stop in force of exactly this, if there is one."""
    return _stops().filter(restarted_at__isnull=True, cohort=cohort, application=application)


def past_stops(person: Employee) -> QuerySet[ProgrammeStop]:
    """Return what began again, the latest first. Raises PermissionDenied."""
    check_may_see(person)
    return _stops().filter(restarted_at__isnull=False).order_by("-restarted_at")


def stop_for(person: Employee, stop_id: uuid.UUID) -> ProgrammeStop:
    """Return a stop that this person may read about. Raises PermissionDenied."""
    check_may_see(person)
    return get_object_or_404(_stops(), pk=stop_id)


def check_may_see(person: Employee) -> None:
    if not person.has_role(*MAY_SEE_STOPS):
        raise PermissionDenied


def _stops() -> QuerySet[ProgrammeStop]:
    return ProgrammeStop.objects.select_related(
        "cohort", "stopped_by", "restart_asked_by", "restarted_by"
    )
