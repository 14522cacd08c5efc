"""Writes a version as the document that devices load. Source: design, section 5.

The bytes are canonical JSON (RFC 8785) and every list has an order of its own, so the same rows
and the same time are the same bytes.
"""

from collections.abc import Iterable
from datetime import datetime

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.times import format_time
from consent_app.register.models import Application, Safeguard


def register_document(
    *,
    number: int,
    published_at: datetime,
    applications: Iterable[Application],
    safeguards: Iterable[Safeguard],
) -> bytes:
    """Return the canonical bytes of `register/1`."""
    ordered = sorted(applications, key=lambda application: application.slug)
    return canonical_json(
        {
            "schema": "register/1",
            "version": number,
            "published_at": format_time(published_at),
            "applications": [_application_entry(application) for application in ordered],
            "safeguards": [
                _safeguard_entry(safeguard)
                for safeguard in sorted(safeguards, key=lambda safeguard: safeguard.safeguard_id)
            ],
        }
    )


def _application_entry(application: Application) -> dict[str, object]:
    return {
        "slug": application.slug,
        "name": application.name,
        "vendor": application.vendor,
        "category": application.category,
        "kinds": application.kinds,
        "match": {
            "macos_bundle_ids": application.macos_bundle_ids,
            "windows_executables": application.windows_executables,
            "linux_executables": application.linux_executables,
            "domains": application.domains,
        },
        "communication": application.communication,
        "excluded": application.excluded,
        "reason": application.reason or None,
    }


def _safeguard_entry(safeguard: Safeguard) -> dict[str, object]:
    return {
        "id": safeguard.safeguard_id,
        "class": safeguard.protects,
        "detector": safeguard.detector,
        "pattern": safeguard.pattern,
        "validator": safeguard.validator,
        "action": safeguard.action,
        "explanation": safeguard.explanation,
    }
