"""Reads of incidents. That there is one, and how it was explained, is everybody's to know."""

import uuid
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q
from django.shortcuts import get_object_or_404

from consent_app.ledger import rules
from consent_app.ledger.models import Incident
from consent_app.people.models import Employee

MOST_SHOWN = 50


def incidents_shown(*, at: datetime) -> list[Incident]:
    """Return those that wait for an explanation, then what was explained within 90 days."""
    explained_since = Q(closed_at__gt=at - rules.EXPLAINED_INCIDENTS_SHOWN)
    shown = Incident.objects.filter(explained_since | Q(closed_at__isnull=True))
    newest_first = shown.select_related("closed_by").order_by(
        F("closed_at").desc(nulls_first=True), "-last_seen_at"
    )
    return list(newest_first[:MOST_SHOWN])


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
