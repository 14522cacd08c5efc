"""Reads of who was told of a version."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from consent_app.register.models import RegisterVersion


def newest_change(*, since: datetime) -> RegisterVersion | None:
    """Return the last version after the first, if it was published `since` then."""
    published = RegisterVersion.objects.published().filter(number__gt=1, published_at__gte=since)
    return published.defer("document").order_by("-number").first()


def not_told_of(version: RegisterVersion, *, event: str, most: int) -> list[Employee]:
    """Return some of those who worked here when it was published and were not told of it."""
    told = Notification.objects.filter(
        recipient=OuterRef("pk"), event=event, context__version=version.number
    )
    people = Employee.objects.filter(is_active=True, joined_at__lte=version.published_at)
    return list(people.exclude(Exists(told)).order_by("pk")[:most])
