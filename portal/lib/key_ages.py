"""How old the keys are that this portal uses, for whoever has to renew them.

Looks at files alone and opens none: the programme key may be elsewhere, and is not ours to read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from portal.lib.keys import ROLES, SEALING_KEYS


@dataclass(frozen=True, slots=True)
class KeyAge:
    """A key by its name; `since` is None for one that is not kept here, or can't be looked at."""

    name: str
    since: datetime | None


def key_ages() -> list[KeyAge]:
    """Return the keys in use, those announced to follow them, and the newest sealing key."""
    names = {
        f"{role.capitalize()} key, {word}": f"{role}{part}.key"
        for role in ROLES
        for word, part in (("in use", ""), ("next", ".next"))
    } | {"Sealing keys": SEALING_KEYS}
    return [KeyAge(name, _changed(settings.KEYS_DIR / file)) for name, file in names.items()]


def _changed(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
