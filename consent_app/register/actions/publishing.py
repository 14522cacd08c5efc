"""Closing a version for good: its document, its notices, its place in the log."""

from datetime import datetime

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.errors import RegisterRefused
from consent_agent.protocol.matching import Register
from consent_app.audit.actions import Pseudonymous, record
from consent_app.register import events
from consent_app.register.document import register_document
from consent_app.register.errors import Problem, RegisterInvalid, RegisterTooLarge
from consent_app.register.models import (
    MAX_DOCUMENT_BYTES,
    Notice,
    NoticeForm,
    RegisterVersion,
    VersionState,
)
from consent_app.register.notice_texts import notice_texts
from consent_app.register.source import APPLICATIONS


def close_version(
    version: RegisterVersion, *, by: Pseudonymous, at: datetime, in_force_at: datetime
) -> None:
    """Write document and notices from the rows, check that devices can read it, and publish.

    The caller holds the version's row and knows that it may be published.

    Raises:
        RegisterInvalid: devices could not read it.
        RegisterTooLarge: devices would not take the document.
    """
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
    notices = _make_notices(version)
    version.state = VersionState.PUBLISHED
    version.document = document
    version.digest = content_digest(document)
    version.published_at = at
    version.in_force_at = in_force_at
    version.save(update_fields=["state", "document", "digest", "published_at", "in_force_at"])
    details = {
        "version": version.number,
        "register": version.digest,
        "words": words_digest(version),
        "in_force_at": in_force_at.isoformat(),
        "notices": {notice.form: notice.digest for notice in notices},
    }
    record(events.PUBLISHED, actor=by, subject=version, at=at, details=details)


def _make_notices(version: RegisterVersion) -> list[Notice]:
    before = {notice.form: notice for notice in _notices_before(version)}
    return Notice.objects.bulk_create(
        _notice(version, form, text, before.get(form))
        for form, text in notice_texts(version, version.kinds.all()).items()
    )


def _notices_before(version: RegisterVersion) -> list[Notice]:
    earlier = RegisterVersion.objects.published().filter(number__lt=version.number)
    return list(Notice.objects.filter(version=earlier.order_by("-number").first()))


def _notice(version: RegisterVersion, form: NoticeForm, text: str, before: Notice | None) -> Notice:
    """Make one notice; it asks again unless it says the same, or two people called it a slip."""
    digest = content_digest(text.encode())
    is_same = before is not None and (before.digest == digest or version.is_immaterial)
    asks_since = before.asks_since if before and is_same and not version.widens else version.number
    return Notice(version=version, form=form, text=text, digest=digest, asks_since=asks_since)


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
