"""Reads settings from the environment, typed, and fails loudly at the first wrong value.

`.env.example` lists every variable with its meaning.
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class EnvironmentInvalid(Exception):
    """A variable is missing or has a value that can't be meant."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem} (see .env.example)")


def text(name: str, default: str | None = None) -> str:
    """Return the variable; without a default it must be set and not empty."""
    value = os.environ.get(name, "")
    if value:
        return value
    if default is None:
        raise EnvironmentInvalid(name, "must be set")
    return default


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in allowed:
        raise EnvironmentInvalid(name, f"{value!r} is none of {', '.join(allowed)}")
    return value


def flag(name: str, *, default: bool) -> bool:
    value = text(name, "yes" if default else "no").lower()
    if value not in {"yes", "no", "true", "false", "1", "0"}:
        raise EnvironmentInvalid(name, f"{value!r} is neither yes nor no")
    return value in {"yes", "true", "1"}


def integer(name: str, default: int, *, least: int, most: int) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise EnvironmentInvalid(name, f"{value!r} is not a whole number") from None
    if not least <= number <= most:
        raise EnvironmentInvalid(name, f"{number} is not between {least} and {most}")
    return number


def words(name: str, default: str | None = None) -> list[str]:
    """Return a comma-separated list without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    return Path(text(name, str(default))).expanduser().resolve()


def origin(name: str, default: str | None = None) -> str:
    """Return an http(s) origin such as https://consent.example.com, without a trailing slash."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise EnvironmentInvalid(
            name, f"{value!r} is not an origin like https://consent.example.com"
        )
    return value


def postgresql(name: str, default: str | None = None) -> dict[str, Any]:
    """Return Django's settings for postgresql://role:password@host:port/database?option=value."""
    parts = urlsplit(text(name, default))
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise EnvironmentInvalid(
            name, "is not an address like postgresql://role:password@host/database"
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def process_name(part: str = "") -> str:
    """Return what this process calls itself before the database: its part, and its id."""
    return f"consent-portal {part or _part()} {os.getpid()}"


def _part() -> str:
    program, *words = (Path(sys.argv[0]).name, *sys.argv[1:])
    if program == "celery" or "celery" in sys.argv[0]:
        return next((word for word in ("worker", "beat") if word in words), "command")
    return "command" if program == "manage.py" else "pages"
