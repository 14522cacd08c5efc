"""Further versions of the register, with their notices, and people in places of every kind."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import transaction
from django.utils import timezone

from consent_app.people.models import CollectionDefault, Employee
from consent_app.people.queries import system_user
from consent_app.register.actions import close_version
from consent_app.register.models import RegisterVersion, VersionState
from consent_app.register.queries import notice_to_choose_on, notice_to_show

ASKING = {"acknowledgement_required": True}
CHOOSING = {"collection_default": CollectionDefault.OPT_IN}
OUT = {"collection_default": CollectionDefault.NOT_IN_SCOPE}


@pytest.fixture
def publish(make_employee):
    """Return a function that publishes the next version, as two people do it."""
    numbers = count(1)

    @transaction.atomic
    def publish(
        *,
        in_force_at: datetime | None = None,
        is_immaterial=False,
        widens=False,
        fields=(),
        **changes,
    ) -> RegisterVersion:
        people = [make_employee(f"Publisher {next(numbers)}") for _ in range(2)]
        now = timezone.now()
        based_on = RegisterVersion.objects.order_by("-number").first()
        version = _copy(based_on, drafted_by=people[0], at=now, fields=dict(fields), **changes)
        version.is_immaterial, version.widens = is_immaterial, widens
        version.state, version.proposed_by, version.proposed_at = (
            VersionState.PROPOSED, people[0], now,
        )  # fmt: skip
        version.save()
        version.state, version.approved_by, version.approved_at = (
            VersionState.APPROVED, people[1], now,
        )  # fmt: skip
        version.save()
        close_version(version, by=system_user(), at=now, in_force_at=in_force_at or now)
        return version

    return publish


def _copy(based_on, *, drafted_by, at, fields, **changes) -> RegisterVersion:
    words = {
        name: getattr(based_on, name)
        for name in ("purpose", "limits", "readers", "never_collected")
    }
    version = RegisterVersion.objects.create(
        number=based_on.number + 1,
        based_on=based_on,
        drafted_by=drafted_by,
        drafted_at=at,
        notice_fields=based_on.notice_fields | fields,
        **(words | changes),
    )
    for parts in (based_on.kinds, based_on.applications, based_on.safeguards):
        copies = list(parts.all())
        for copy in copies:
            copy.pk, copy.version = None, version
        parts.model.objects.bulk_create(copies)
    return version


def digest_for(person: Employee) -> str:
    """Return the name of the text that this person's page shows now."""
    return notice_to_show(person, at=timezone.now()).notice.digest


def digest_to_choose_on(person: Employee) -> str:
    return notice_to_choose_on(person, at=timezone.now()).notice.digest


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)
