"""Signing again what a policy could not say for good when it was signed."""

import time
from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from consent_app.devices.actions.policies import refresh_policies
from consent_app.devices.models import Device
from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.people.queries import lock_person
from consent_app.register.queries import last_asked, notice_form_for
from consent_app.restrictions.quiet_times import QUIET_HORIZON

# Quiet times are written this far ahead, and again when half of that is over.
QUIET_TIMES_AGE = QUIET_HORIZON / 2
# A policy that was being signed while a version was published may not know of it, though its time
# says otherwise. No transaction lasts as long as this.
SETTLED_AFTER = timedelta(minutes=5)
# A run ends well within the time that a task has; the next one goes on.
LONGEST_RUN_SECONDS = 40
PEOPLE_AT_ONCE = 1_000


def keep_policies() -> int:
    """Sign again what is due, person by person, the oldest first; return for how many.

    That is whoever has quiet times and a policy of a week ago, and whoever works where the law asks
    for an acknowledgement or a yes and has a policy from before a notice asked again: it does not
    say yet from when nothing is collected. A version that asks again is in force a day later at the
    earliest.
    """
    now = timezone.now()
    ends_at = time.monotonic() + LONGEST_RUN_SECONDS
    due = Device.objects.in_use().filter(_is_due(now))
    people = due.values_list("employee", flat=True).order_by("policies__requested_at")
    kept = 0
    # Once each, however many devices they have.
    for person in dict.fromkeys(people[:PEOPLE_AT_ONCE]):
        if time.monotonic() >= ends_at:
            break
        kept += _keep(person, due, at=now)
    return kept


@transaction.atomic
def _keep(person: UUID, due: QuerySet[Device], *, at: datetime) -> bool:
    employee = lock_person(Employee(pk=person))
    # Another run may have been here first.
    is_due = due.filter(employee=employee).exists()
    if is_due:
        refresh_policies(employees=[employee], at=at)
    return is_due


def _is_due(now: datetime) -> Q:
    # For one filter: each further one would look at policies that are not the newest.
    is_newest = Q(policies__version=F("policy_version"))
    needs_quiet_times = Q(
        policies__requested_at__lt=now - QUIET_TIMES_AGE,
        employee__quiet_times__ended_at__isnull=True,
        employee__quiet_times__isnull=False,
    )
    return is_newest & (needs_quiet_times | _is_asked_again(now))


def _is_asked_again(now: datetime) -> Q:
    places = defaultdict(list)
    for place in Jurisdiction.objects.filter(
        Q(acknowledgement_required=True) | Q(collection_default=CollectionDefault.OPT_IN)
    ):
        places[notice_form_for(place)].append(place.pk)
    is_asked = Q(pk__in=[])
    for form, published_at in last_asked().items():
        settled_at = published_at + SETTLED_AFTER
        if settled_at <= now:
            is_asked |= Q(
                employee__jurisdiction__in=places[form], policies__requested_at__lt=settled_at
            )
    return is_asked
