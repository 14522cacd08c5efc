"""Names a browser from what it says of itself, so that a record tells where a notice was shown.

No version and nothing else that would tell one computer from another.
"""

from typing import Final

# The first that is found counts: most of them also claim to be those further down.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Return words such as "Firefox on Linux"."""
    browser = _first(_BROWSERS, user_agent, otherwise="A browser")
    system = _first(_SYSTEMS, user_agent, otherwise="")
    return f"{browser} on {system}" if system else browser


def _first(names: tuple[tuple[str, str], ...], user_agent: str, *, otherwise: str) -> str:
    return next((name for mark, name in names if mark in user_agent), otherwise)
