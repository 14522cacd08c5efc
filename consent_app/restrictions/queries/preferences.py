"""Reads of what somebody prefers. Only their own pages and their own policies ask."""

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.restrictions.models import PausePreference, QuietTime, Restriction
from consent_app.restrictions.quiet_times import QUIET_HORIZON, Window, windows

# What "never in these applications" stands under among a person's restrictions.
APPLICATIONS_CAUSE = "preference:applications"


def pause_preference(employee: Employee) -> PausePreference | None:
    return PausePreference.objects.filter(employee=employee).first()


def application_preference(employee: Employee, *, at: datetime) -> Restriction | None:
    """Return the restriction on the applications that this person keeps out, if there is one."""
    found = Restriction.objects.filter(employee=employee, cause=APPLICATIONS_CAUSE)
    return found.in_force(at).first()


def quiet_time_for(employee: Employee, quiet_time_id: uuid.UUID) -> QuietTime:
    """Return one of this person's own; 404 also hides those of others."""
    return get_object_or_404(QuietTime, pk=quiet_time_id, employee=employee)


def quiet_times_of(employee: Employee) -> list[QuietTime]:
    """Return the quiet times that hold, the earliest of the day first."""
    return list(QuietTime.objects.filter(employee=employee, ended_at__isnull=True))


def quiet_times_ahead(employee: Employee, *, at: datetime) -> list[tuple[QuietTime, Window]]:
    """Return the quiet times that hold, each with when it is quiet next, or now."""
    zone, before = ZoneInfo(employee.time_zone), at + QUIET_HORIZON
    return [
        (quiet_time, windows([quiet_time], zone=zone, after=at, before=before)[0])
        for quiet_time in quiet_times_of(employee)
    ]


def quiet_windows(employee: Employee, *, at: datetime) -> list[Window]:
    """Return when it is quiet from `at` on, as far as a policy tells it ahead."""
    return windows(
        quiet_times_of(employee),
        zone=ZoneInfo(employee.time_zone),
        after=at,
        before=at + QUIET_HORIZON,
    )
