"""Writes of the register. A version is made whole and published, or nothing is."""

from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.errors import RegisterRefused
from consent_agent.protocol.matching import Register
from consent_app.audit.actions import Pseudonymous, record
from consent_app.register import events, rules
from consent_app.register.document import register_document
from consent_app.register.errors import (
    Problem,
    RegisterExists,
    RegisterInvalid,
    RegisterTooLarge,
)
from consent_app.register.models import (
    MAX_DOCUMENT_BYTES,
    Application,
    Category,
    DataKind,
    RegisterVersion,
    Safeguard,
    Sensitivity,
)
from consent_app.register.programme import Programme
from consent_app.register.source import APPLICATIONS, read_source

DATA = Path(__file__).parent / "data"

# Two loads at once: the second waits, then finds the first one's version.
LOAD_LOCK = 0x0C0_2E61


@transaction.atomic
def load_register(*, by: Pseudonymous, portal_host: str, folder: Path = DATA) -> RegisterVersion:
    """Make version 1 of the files in `folder` and publish it.

    `portal_host` is the host that this portal answers on: nothing is ever collected from it.

    Raises:
        RegisterExists: there is a version already.
        RegisterInvalid: the files have problems; it names all of them.
        RegisterTooLarge: devices would not take the document.
    """
    now = timezone.now()
    source = read_source(folder)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
    if RegisterVersion.objects.exists():
        raise RegisterExists
    version = _create_version(1, source.programme)
    applications = [*source.applications, portal_itself(portal_host)]
    for application in applications:
        application.version = version
    for safeguard in source.safeguards:
        safeguard.version = version
    Application.objects.bulk_create(applications)
    Safeguard.objects.bulk_create(source.safeguards)
    _publish(version, by=by, at=now)
    return version


def portal_itself(host: str) -> Application:
    """Return the portal's own entry: what is decided here is never collected."""
    return Application(
        slug=rules.PORTAL_SLUG,
        name="Consent Portal",
        vendor="Your organisation",
        category=Category.LEGAL_ETHICS_UNION,
        # A numeric IPv6 host matches no entry, and what matches none is not collected.
        domains=[] if ":" in host else [host],
        communication=True,
        sensitivity=Sensitivity.LEGAL,
        excluded=True,
        reason="what you choose, ask and object to",
    )


def _create_version(number: int, programme: Programme) -> RegisterVersion:
    version = RegisterVersion.objects.create(
        number=number,
        purpose=programme.purpose,
        limits=programme.limits,
        readers=[reader.model_dump() for reader in programme.readers],
        never_collected=[entry.model_dump() for entry in programme.never_collected],
    )
    DataKind.objects.bulk_create(
        DataKind(version=version, position=position, **kind.model_dump())
        for position, kind in enumerate(programme.kinds)
    )
    return version


def _publish(version: RegisterVersion, *, by: Pseudonymous, at: datetime) -> None:
    """Write the document from the rows, check that devices can read it, and close the version."""
    document = register_document(
        number=version.number,
        published_at=at,
        applications=version.applications.all(),
        safeguards=version.safeguards.all(),
    )
    if len(document) > MAX_DOCUMENT_BYTES:
        raise RegisterTooLarge
    try:
        Register.from_document(document)
    except RegisterRefused as refusal:
        raise RegisterInvalid([Problem(APPLICATIONS, 0, refusal.detail)]) from None
    version.document = document
    version.digest = content_digest(document)
    version.published_at = at
    version.save(update_fields=["document", "digest", "published_at"])
    record(
        events.PUBLISHED,
        actor=by,
        subject=version,
        at=at,
        details={
            "version": version.number,
            "register": version.digest,
            "words": words_digest(version),
        },
    )


def words_digest(version: RegisterVersion) -> str:
    """Name what the document does not hold, so that the log holds the page's words too."""
    kinds = version.kinds.values(
        "code", "name", "explanation", "retention_days", "retention_reason"
    )
    words = {
        "purpose": version.purpose,
        "limits": version.limits,
        "kinds": list(kinds),
        "readers": version.readers,
        "never_collected": version.never_collected,
    }
    return content_digest(canonical_json(words))
