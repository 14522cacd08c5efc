"""Writes of the register. A version is made whole and published, or nothing is."""

from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from consent_app.audit.actions import Pseudonymous
from consent_app.register import rules
from consent_app.register.actions.publishing import close_version
from consent_app.register.errors import RegisterExists
from consent_app.register.models import (
    Application,
    Category,
    DataKind,
    RegisterVersion,
    Safeguard,
    Sensitivity,
)
from consent_app.register.programme import Programme
from consent_app.register.source import read_source

DATA = Path(__file__).resolve().parents[1] / "data"

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
    close_version(version, by=by, at=now, in_force_at=now)
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
        notice_fields=programme.notice.model_dump(),
    )
    DataKind.objects.bulk_create(
        DataKind(version=version, position=position, **kind.model_dump())
        for position, kind in enumerate(programme.kinds)
    )
    return version
