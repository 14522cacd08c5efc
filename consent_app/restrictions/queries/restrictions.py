"""Reads of restrictions."""

import uuid
from datetime import datetime, timedelta

from django.db.models import DurationField, ExpressionWrapper, F

from consent_app.people.models import Employee
from consent_app.restrictions.models import Restriction, RestrictionQuerySet


def restrictions_on(employee: Employee, *, at: datetime) -> RestrictionQuerySet:
    """Return what takes collection away from this person at `at` or later."""
    return Restriction.objects.filter(employee=employee).not_over(at).order_by("starts_at", "pk")


def restrictions_caused_by(employee: Employee, cause: str) -> list[Restriction]:
    """Return what one thing took away from this person, over or not, the latest decided first."""
    found = Restriction.objects.filter(employee=employee, cause=cause)
    return list(found.order_by("-decided_at", "-starts_at"))


def pauses_of(employee: Employee, *, at: datetime) -> list[Restriction]:
    """Return the pauses in force, the one on all devices first."""
    found = Restriction.objects.pauses().in_force(at).filter(employee=employee)
    return sorted(found, key=lambda pause: (pause.device is not None, pause.ends_at))


def pauses_to_remind_of(*, at: datetime) -> RestrictionQuerySet:
    """Return pauses that end soon, for people who wish to be told; longer than that wish only."""
    ahead = F("employee__pause_preference__reminder_minutes") * timedelta(minutes=1)
    return (
        Restriction.objects.pauses()
        .in_force(at)
        .annotate(ahead=ExpressionWrapper(ahead, output_field=DurationField()))
        .filter(ends_at__lte=at + F("ahead"), ends_at__gt=F("decided_at") + F("ahead"))
        .select_related("employee__pause_preference")
        .order_by("ends_at")
    )


def end_of_pause(pause: Restriction) -> datetime | None:
    """Return its end as it is now."""
    return Restriction.objects.values_list("ends_at", flat=True).get(pk=pause.pk)


def pause_by_request_key(device: uuid.UUID, request_key: str) -> Restriction | None:
    return Restriction.objects.filter(device=device, request_key=request_key).first()


def restrictions_on_many(*, at: datetime) -> RestrictionQuerySet:
    """Return what takes collection away from a cohort or from everybody at `at` or later."""
    return (
        Restriction.objects.filter(employee__isnull=True).not_over(at).order_by("starts_at", "pk")
    )
