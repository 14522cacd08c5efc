"""Reads of what somebody prefers. Only their own pages and their own policies ask."""

from datetime import datetime
from zoneinfo import ZoneInfo

from consent_app.people.models import Employee
from consent_app.restrictions.models import PausePreference, QuietTime
from consent_app.restrictions.quiet_times import QUIET_HORIZON, Window, windows


def pause_preference(employee: Employee) -> PausePreference | None:
    return PausePreference.objects.filter(employee=employee).first()


def quiet_times_of(employee: Employee) -> list[QuietTime]:
    """Return the quiet times that hold, the earliest of the day first."""
    return list(QuietTime.objects.filter(employee=employee, ended_at__isnull=True))


def quiet_windows(employee: Employee, *, at: datetime) -> list[Window]:
    """Return when it is quiet from `at` on, as far as a policy tells it ahead."""
    return windows(
        quiet_times_of(employee),
        zone=ZoneInfo(employee.time_zone),
        after=at,
        before=at + QUIET_HORIZON,
    )
