"""Hears that restrictions changed and signs what follows, in the same transaction."""

from collections.abc import Iterable
from datetime import datetime

from django.dispatch import receiver

from consent_app.devices import actions, announcements
from consent_app.people.models import Employee
from consent_app.restrictions.signals import restrictions_changed


@receiver(restrictions_changed)
def sign_what_follows(
    *, employees: Iterable[Employee], everyone: bool, at: datetime, **_kwargs: object
) -> None:
    """One person's restrictions go into their device policies; a cohort's into freshness."""
    actions.refresh_policies(employees=employees, at=at)
    if everyone:
        announcements.announce_everyone()
