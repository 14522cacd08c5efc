"""For how long the keys that this portal uses have been in use, for whoever has to renew them.

The list of keys says so also of the programme key, which may be on another machine. Where the list
is from before it noted that, and for the sealing keys, it is the time of the file; none is opened.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from portal.lib.keys import CURRENT, NEXT, ROLES, SEALING_KEYS, KeysMissing, listed_keys


@dataclass(frozen=True, slots=True)
class KeyAge:
    """A key by its name; `since` is None where nothing here tells."""

    name: str
    since: datetime | None


def key_ages() -> list[KeyAge]:
    """Return the keys in use, those announced to follow them, and the newest sealing key."""
    listed = _listed()
    ages = [
        KeyAge(
            f"{role.capitalize()} key, {word}",
            listed.get((role, status)) or _changed(f"{role}{part}.key"),
        )
        for role in ROLES
        for word, status, part in (("in use", CURRENT, ""), ("next", NEXT, ".next"))
    ]
    return [*ages, KeyAge("Sealing keys", _changed(SEALING_KEYS))]


def _listed() -> dict[tuple[str, str], datetime | None]:
    try:
        return {(key.role, key.status): key.since for key in listed_keys()}
    except KeysMissing:
        return {}


def _changed(file: str) -> datetime | None:
    path: Path = settings.KEYS_DIR / file
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
