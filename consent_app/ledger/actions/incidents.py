"""Opening an incident when a device counts what is undeclared, and closing it with a reason."""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.devices.models import Device
from consent_app.ledger import events, rules
from consent_app.ledger.errors import (
    ExplanationMissing,
    IncidentClosedAlready,
    IncidentForbidden,
)
from consent_app.ledger.models import EXPLANATION_LENGTH, Incident, IncidentDevice
from consent_app.notifications.actions import owe_each
from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role, system_user

logger = logging.getLogger(__name__)


@transaction.atomic
def open_incidents(*, device: Device, undeclared: Iterable[tuple[str, str]], at: datetime) -> None:
    """Note that a device counted something undeclared: (application, kind), each known once.

    What is open already is seen again; whoever closes incidents is told of a new one.
    """
    opened = []
    for application, kind in sorted(set(undeclared)):
        incident = _unexplained(device, application, kind, at=at)
        if incident is None:
            continue
        is_new = incident.devices == 0
        _, is_another = IncidentDevice.objects.get_or_create(
            incident=incident, device=device, defaults={"first_seen_at": at}
        )
        seen = Incident.objects.filter(pk=incident.pk)
        seen.update(
            last_seen_at=Greatest(F("last_seen_at"), at), devices=F("devices") + int(is_another)
        )
        if is_new:
            opened.append(incident)
    for incident in opened:
        # Neither the log nor a message says on whose device.
        details = {"application": incident.application, "kind": incident.kind}
        record(
            events.INCIDENT_OPENED, actor=system_user(), subject=incident, at=at, details=details
        )
    if opened:
        people = {person for role in rules.MAY_CLOSE_INCIDENTS for person in people_with_role(role)}
        owe_each("incident_opened", {person: {} for person in people})


@transaction.atomic
def close_incident(*, incident: Incident, by: Employee, explanation: str) -> Incident:
    """Close an incident with what everybody then reads about it.

    Raises:
        IncidentForbidden: neither programme owner nor legal.
        ExplanationMissing: there is none, or one that is too long.
        IncidentClosedAlready: somebody was first.
    """
    if not by.has_role(*rules.MAY_CLOSE_INCIDENTS):
        raise IncidentForbidden
    explanation = explanation.strip()
    if not explanation:
        raise ExplanationMissing
    if len(explanation) > EXPLANATION_LENGTH:
        raise ExplanationMissing(f"Keep it to {EXPLANATION_LENGTH:,} characters.")
    now = timezone.now()
    incident = Incident.objects.select_for_update(no_key=True).get(pk=incident.pk)
    if incident.closed_at is not None:
        raise IncidentClosedAlready
    incident.explanation, incident.closed_by, incident.closed_at = explanation, by, now
    incident.save(update_fields=["explanation", "closed_by", "closed_at"])
    # Whose devices they were is not needed any more; how many there were stays.
    incident.reported_by.all().delete()
    details = {
        "application": incident.application,
        "kind": incident.kind,
        "explanation": explanation,
    }
    record(events.INCIDENT_CLOSED, actor=by, subject=incident, at=now, details=details)
    return incident


def _unexplained(device: Device, application: str, kind: str, *, at: datetime) -> Incident | None:
    """Return the open incident, locked or new; None if this device has opened too many by now."""
    known = Incident.objects.select_for_update(no_key=True).unexplained()
    incident = known.filter(application=application, kind=kind).first()
    if incident is not None:
        return incident
    recently = IncidentDevice.objects.filter(
        device=device, first_seen_at__gt=at - rules.INCIDENTS_OF_A_DEVICE_WITHIN
    )
    if recently.count() >= rules.MOST_INCIDENTS_OF_A_DEVICE:
        # Not which: the page of a device names its owner beside it.
        logger.warning("a device reports more undeclared data than it may open")
        return None
    # Two devices at once: one makes the row, the other finds it once that is committed.
    incident, _ = known.get_or_create(
        application=application,
        kind=kind,
        closed_at=None,
        defaults={"first_seen_at": at, "last_seen_at": at},
    )
    return incident
