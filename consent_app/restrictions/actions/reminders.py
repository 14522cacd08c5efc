"""Telling people, who wish it, that collection is about to resume."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from consent_app.notifications.actions import owe
from consent_app.notifications.queries import was_owed
from consent_app.people.queries import lock_person
from consent_app.restrictions import queries
from consent_app.restrictions.models import Restriction

EVENT = "pause_ending"


def remind_of_ends() -> int:
    """Remind everybody whose pause ends as soon as they wish to know; return how many were."""
    now = timezone.now()
    return sum(_remind(pause, at=now) for pause in queries.pauses_to_remind_of(at=now))


@transaction.atomic
def _remind(pause: Restriction, *, at: datetime) -> bool:
    """Remind of one end, once. A pause that was extended since has another end."""
    assert pause.employee is not None  # noqa: S101 (a database constraint says so)
    employee = lock_person(pause.employee)
    ends_at = queries.end_of_pause(pause)
    if ends_at is None or ends_at <= at or ends_at - at > timedelta(minutes=_ahead(pause)):
        return False
    end = f"{pause.pk} {ends_at.isoformat()}"
    if was_owed(EVENT, to=employee, pause=end):
        return False
    local = ends_at.astimezone(ZoneInfo(employee.time_zone))
    owe(EVENT, to=employee, context={"pause": end, "ends": f"{local:%H:%M}"})
    return True


def _ahead(pause: Restriction) -> int:
    assert pause.employee is not None  # noqa: S101 (as above)
    return pause.employee.pause_preference.reminder_minutes or 0
