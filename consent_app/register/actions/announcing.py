"""Telling everybody that what is collected changes."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from consent_app.notifications.actions import owe_each
from consent_app.people.models import Employee
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.announcing import newest_change, not_told_of

EVENT = "register_published"
AT_ONCE = 2_000
NEWS = timedelta(days=7)


def announce_newest() -> int:
    """Tell whoever was not told of the last change yet, some at a time; return how many.

    Once it is a week old nobody is told any more: read messages are deleted one day, and whoever
    came since reads of it on "What is collected".
    """
    version = newest_change(since=timezone.now() - NEWS)
    if version is None:
        return 0
    told = 0
    while people := not_told_of(version, event=EVENT, most=AT_ONCE):
        _tell(people, version)
        told += len(people)
    return told


@transaction.atomic
def _tell(people: list[Employee], version: RegisterVersion) -> None:
    assert version.in_force_at is not None  # noqa: S101 (only published ones are announced)
    owe_each(
        EVENT,
        {
            person: {
                "version": version.number,
                "from_on": version.in_force_at.astimezone(ZoneInfo(person.time_zone))
                .date()
                .isoformat(),
            }
            for person in people
        },
    )
