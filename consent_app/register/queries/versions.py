"""Reads of the register that other rooms and pages share."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import Count, F, Func, Q, QuerySet, TextField, Value
from django.utils import timezone

from consent_agent.protocol.matching import Register
from consent_app.register.errors import RegisterNotPublished
from consent_app.register.models import Application, RegisterVersion
from consent_app.register.subjects import read_subject


@dataclass(frozen=True, slots=True)
class Counts:
    """How many applications a version lists."""

    collected: int
    excluded: int

    @property
    def listed(self) -> int:
        return self.collected + self.excluded


def current_version(*, at: datetime | None = None) -> RegisterVersion | None:
    """Return the version in force at `at` (now by default), without its document."""
    return RegisterVersion.objects.in_force(at or timezone.now()).defer("document").first()


def upcoming_versions(*, at: datetime) -> list[RegisterVersion]:
    """Return what is published and not in force yet, the next one first."""
    published = RegisterVersion.objects.published().defer("document")
    return list(published.filter(in_force_at__gt=at).order_by("number"))


def published_versions() -> list[RegisterVersion]:
    """Return all that was ever published, the newest first."""
    return list(RegisterVersion.objects.published().defer("document").order_by("-number"))


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


def application_slugs() -> frozenset[str]:
    """Return what the version in force lists; nothing before the first is published."""
    version = current_version()
    return frozenset(version.applications.values_list("slug", flat=True) if version else ())


def application_named(slug: str) -> Application | None:
    """Return an application of the version in force."""
    version = current_version()
    return version.applications.filter(slug=slug).first() if version else None


def applications_named(slugs: Iterable[str]) -> list[Application]:
    """Return those of these that the version in force lists, by name."""
    version = current_version()
    return list(version.applications.filter(slug__in=list(slugs))) if version else []


def captured_applications() -> QuerySet[Application]:
    """Return what the version in force collects from, by name; nothing before the first."""
    version = current_version()
    return version.applications.captured() if version else Application.objects.none()


def kind_codes() -> frozenset[str]:
    """Return the kinds of data of the version in force."""
    version = current_version()
    return frozenset(version.kinds.values_list("code", flat=True) if version else ())


@lru_cache(maxsize=4)
def register_by_digest(digest: str) -> Register:
    """Return a published register, indexed once in this process: its bytes never change.

    Raises:
        RegisterNotPublished: none has this name.
    """
    document = document_by_digest(digest)
    if document is None:
        raise RegisterNotPublished
    return Register.from_document(document)


def count_applications(version: RegisterVersion) -> Counts:
    """Count what is collected and what is excluded."""
    found = version.applications.aggregate(
        collected=Count("pk", filter=Q(excluded=False)),
        excluded=Count("pk", filter=Q(excluded=True)),
    )
    return Counts(**found)


def find_applications(
    version: RegisterVersion, *, text: str = "", category: str = "", excluded: bool | None = None
) -> QuerySet[Application]:
    """Return the applications that `text` names or lies in: by name, vendor, address or program."""
    found = version.applications.all()
    if text:
        found = found.annotate(
            addresses=Func(
                F("domains"), Value(" "), function="array_to_string", output_field=TextField()
            )
        ).filter(
            Q(name__icontains=text)
            | Q(vendor__icontains=text)
            | Q(addresses__icontains=text)
            | Q(slug__in=_recognised(text, version))
        )
    if category:
        found = found.filter(category=category)
    if excluded is not None:
        found = found.filter(excluded=excluded)
    return found


def _recognised(text: str, version: RegisterVersion) -> list[str]:
    """Return what devices make of `text`: the row of its page, or of its program."""
    if version.digest is None:
        return []
    register = register_by_digest(version.digest)
    subject = read_subject(text, register)
    page = register.match_url(subject.url) if subject.url else None
    rows = register.match_application(subject.application) if subject.application else ()
    return [row.slug for row in (*rows, page) if row]
