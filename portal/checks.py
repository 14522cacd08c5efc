"""System checks: combinations of settings that must not go live. `manage.py check` runs them."""

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import get_resolver

from portal.lib.keys import SEALING_KEYS, programme_keys_within_reach


@register(Tags.security)
def demo_stays_on_loopback(**_kwargs: Any) -> Sequence[CheckMessage]:
    """The demo signs anybody in with one click, so it answers on this machine only."""
    if settings.DEMO and settings.PORTAL_HOST not in {"127.0.0.1", "localhost", "::1"}:
        return [
            Error(
                "The demo lets anybody sign in as anybody and must not be reached from elsewhere.",
                hint="Use PORTAL_MODE=production, or leave PORTAL_ORIGIN on 127.0.0.1.",
                id="portal.E001",
            )
        ]
    return []


@register(Tags.security, Tags.urls)
def cast_stays_in_the_demo(**_kwargs: Any) -> Sequence[CheckMessage]:
    """The page that signs anybody in exists nowhere else."""
    if settings.DEMO or "demo-cast" not in get_resolver().reverse_dict:
        return []
    return [
        Error(
            "The demo's page that signs anybody in as anybody is among the addresses.",
            hint="portal/urls.py adds it with PORTAL_MODE=demo only.",
            id="portal.E006",
        )
    ]


@register(Tags.security, deploy=True)
def production_mode(**_kwargs: Any) -> Sequence[CheckMessage]:
    if settings.PRODUCTION:
        return []
    return [
        Error(
            f"PORTAL_MODE is {settings.PORTAL_MODE}.",
            hint="Deploy with PORTAL_MODE=production.",
            id="portal.E002",
        )
    ]


@register(Tags.security)
def production_uses_https(**_kwargs: Any) -> Sequence[CheckMessage]:
    if settings.PRODUCTION and not settings.HTTPS:
        return [
            Error(
                "PORTAL_ORIGIN is not https: sign-in and tokens would cross the network in clear.",
                hint="Put the portal behind TLS and set PORTAL_ORIGIN=https://…",
                id="portal.E003",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def programme_key_is_elsewhere(**_kwargs: Any) -> Sequence[CheckMessage]:
    """Whoever takes over the web process must not be able to widen collection."""
    return [
        Error(
            f"This process can read the programme key {key}.",
            hint="Keep it on another machine, or readable only by another account.",
            id="portal.E004",
        )
        for key in programme_keys_within_reach()
        if settings.PRODUCTION
    ]


@register(Tags.security, deploy=True)
def sealing_keys_are_private(**_kwargs: Any) -> Sequence[CheckMessage]:
    """Whoever reads them and a copy of the database reads every sealed text."""
    path = settings.KEYS_DIR / SEALING_KEYS
    if not settings.PRODUCTION or not os.access(path, os.F_OK) or not path.stat().st_mode & 0o077:
        return []
    return [
        Error(
            f"Other accounts may read or change the sealing keys {path}.",
            hint="Give the file to the account that serves, with mode 0600.",
            id="portal.E007",
        )
    ]


@register(Tags.database)
def requests_have_their_own_role(**_kwargs: Any) -> Sequence[CheckMessage]:
    """The role that serves requests must not own the audit tables."""
    owner = os.environ.get("DATABASE_OWNER_URL")
    if settings.PRODUCTION and owner and owner == os.environ.get("DATABASE_URL"):
        return [
            Error(
                "DATABASE_URL and DATABASE_OWNER_URL are the same.",
                hint="Serve requests with a role of its own; docs/operations.md shows how.",
                id="portal.E005",
            )
        ]
    return []
