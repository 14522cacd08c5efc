"""Reads of incidents. That there is one, and how it was explained, is everybody's to know."""

import uuid
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from consent_app.ledger import rules
from consent_app.ledger.models import Incident
from consent_app.people.models import Employee

MOST_EXPLAINED_SHOWN = 50


def incidents_shown(*, at: datetime) -> list[Incident]:
    """Return all that wait for an explanation, then the latest explained within 90 days.

    None that waits is left out, however many there are: `rules.MOST_INCIDENTS_OF_A_DEVICE` keeps
    one device from making many.
    """
    incidents = Incident.objects.select_related("closed_by")
    explained = incidents.filter(closed_at__gt=at - rules.EXPLAINED_INCIDENTS_SHOWN)
    return [
        *incidents.unexplained().order_by("-last_seen_at"),
        *explained.order_by("-closed_at")[:MOST_EXPLAINED_SHOWN],
    ]


def count_open() -> int:
    """Return how many wait for an explanation."""
    return Incident.objects.filter(closed_at__isnull=True).count()


def incident_for(person: Employee, incident_id: uuid.UUID) -> Incident:
    """Return an incident that this person may work on. Raises PermissionDenied."""
    check_may_see(person)
    return get_object_or_404(Incident, pk=incident_id)


def check_may_see(person: Employee) -> None:
    if not person.has_role(*rules.MAY_SEE_INCIDENTS):
        raise PermissionDenied
