"""What the base template needs on every page."""

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, object]:
    """Return the sections this reader has, as (url name, label)."""
    if not request.user.is_authenticated:
        return {"sections": []}
    return {
        "sections": [
            ("home", "Home"),
            ("register", "What is collected"),
            ("devices", "My devices"),
        ]
    }
