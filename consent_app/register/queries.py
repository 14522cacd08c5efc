"""Reads of the register that other rooms and pages share."""

from functools import lru_cache

from consent_agent.protocol.matching import Register
from consent_app.register.errors import RegisterNotPublished
from consent_app.register.models import RegisterVersion


def current_version() -> RegisterVersion | None:
    """Return the version that is in force, without its document."""
    return RegisterVersion.objects.published().defer("document").order_by("-number").first()


def document_by_digest(digest: str) -> bytes | None:
    """Return the bytes of a published register by their name, `sha256:<hex>`."""
    document = (
        RegisterVersion.objects.published()
        .filter(digest=digest)
        .values_list("document", flat=True)
        .first()
    )
    return None if document is None else bytes(document)


def excluded_slugs(version: RegisterVersion) -> list[str]:
    """Return what every ceiling denies, sorted."""
    return sorted(version.applications.excluded().values_list("slug", flat=True))


def current_register() -> Register:
    """Return the version in force, indexed for matching.

    Raises:
        RegisterNotPublished: there is none.
    """
    version = current_version()
    if version is None or version.digest is None:
        raise RegisterNotPublished
    return _indexed(version.digest)


@lru_cache(maxsize=4)
def _indexed(digest: str) -> Register:
    """Index a document once in this process: bytes with one name never change."""
    document = document_by_digest(digest)
    if document is None:
        raise RegisterNotPublished
    return Register.from_document(document)
