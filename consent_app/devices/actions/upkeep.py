"""Signing again what a policy could not say for good when it was signed."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from consent_app.devices.actions.policies import refresh_policies
from consent_app.devices.models import Device
from consent_app.people.models import CollectionDefault, Employee
from consent_app.people.queries import lock_person
from consent_app.register.queries import published_versions
from consent_app.restrictions.quiet_times import QUIET_HORIZON

# Quiet times are written this far ahead, and again when half of that is over.
QUIET_TIMES_AGE = QUIET_HORIZON / 2


def keep_policies() -> int:
    """Sign again what is due, person by person; return for how many.

    That is whoever has quiet times and a policy of a week ago, and whoever lives where the law asks
    for an acknowledgement or a consent and has a policy from before the last publication: it does
    not say yet from when they are asked again.
    """
    now = timezone.now()
    due = _people_due(now)
    for person in due:
        with transaction.atomic():
            employee = lock_person(Employee(pk=person))
            refresh_policies(employees=[employee], at=now)
    return len(due)


def _people_due(now: datetime) -> list[UUID]:
    # In one filter: each further one would look at policies that are not the newest.
    is_newest = Q(policies__version=F("policy_version"))
    is_due = Q(
        policies__requested_at__lt=now - QUIET_TIMES_AGE,
        employee__quiet_times__ended_at__isnull=True,
        employee__quiet_times__isnull=False,
    )
    if published := published_versions():
        place = "employee__jurisdiction__"
        is_asked = Q(**{f"{place}acknowledgement_required": True}) | Q(
            **{f"{place}collection_default": CollectionDefault.OPT_IN}
        )
        is_due |= is_asked & Q(policies__requested_at__lt=published[0].published_at)
    due = Device.objects.active().filter(is_newest & is_due)
    return list(due.values_list("employee", flat=True).distinct())
