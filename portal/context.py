"""What the base template needs on every page."""

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from consent_app.devices.overview import summary_for
from consent_app.notifications.queries import unread_count
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from consent_app.register.queries import daily_notice
from consent_app.restrictions.queries import stops_in_force
from exemptions.queries.reviewing import is_reviewer
from exemptions.queries.workload import count_of_mine

SEES_PROGRAMME = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR)


def navigation(request: HttpRequest) -> dict[str, object]:
    """Return the sections this reader has, as (url name, label, how many wait there)."""
    if not request.user.is_authenticated:
        return {"sections": []}
    employee = request.user
    return {
        # Only read when the page shows it; home and My devices bring their own.
        "my_devices": SimpleLazyObject(lambda: summary_for(employee)),
        # A part of a page that htmx asked for shows it only where it may have changed.
        "unread_messages": SimpleLazyObject(lambda: unread_count(employee)),
        # What is stopped concerns everybody, whatever their place.
        "stops_in_force": SimpleLazyObject(stops_in_force),
        "daily_notice": SimpleLazyObject(lambda: daily_notice(employee, at=timezone.now())),
        # The same: what htmx swaps has no navigation.
        "sections": SimpleLazyObject(lambda: _sections(employee)),
    }


def _sections(employee: Employee) -> list[tuple[str, str, int]]:
    sections = [
        ("home", "Home", 0),
        ("register", "What is collected", 0),
        ("my-data", "My data", 0),
        ("my-requests", "My requests", 0),
        ("devices", "My devices", 0),
    ]
    now = timezone.now()
    if is_reviewer(employee, at=now):
        sections.append(("review", "Review", count_of_mine(employee, at=now)))
    if employee.has_role(Role.IT_ADMINISTRATOR):
        sections.append(("fleet", "Devices", 0))
    if employee.has_role(*SEES_PROGRAMME):
        sections.append(("programme", "Programme", 0))
    return sections
