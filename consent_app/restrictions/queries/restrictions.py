"""Reads of restrictions."""

import uuid
from datetime import datetime

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


def pause_by_request_key(device: uuid.UUID, request_key: str) -> Restriction | None:
    return Restriction.objects.filter(device=device, request_key=request_key).first()


def restrictions_on_many(*, at: datetime) -> RestrictionQuerySet:
    """Return what takes collection away from a cohort or from everybody at `at` or later."""
    return (
        Restriction.objects.filter(employee__isnull=True).not_over(at).order_by("starts_at", "pk")
    )
