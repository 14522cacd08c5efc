"""What the base template needs on every page."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from consent_app.devices.overview import summary_for
from consent_app.notifications.queries import unread_count


def navigation(request: HttpRequest) -> dict[str, object]:
    """Return the sections this reader has, as (url name, label)."""
    if not request.user.is_authenticated:
        return {"sections": []}
    employee = request.user
    return {
        # Only read when the page shows it; home and My devices bring their own.
        "my_devices": SimpleLazyObject(lambda: summary_for(employee)),
        # A part of a page that htmx asked for shows it only where it may have changed.
        "unread_messages": SimpleLazyObject(lambda: unread_count(employee)),
        "sections": [
            ("home", "Home"),
            ("register", "What is collected"),
            ("devices", "My devices"),
        ],
    }
