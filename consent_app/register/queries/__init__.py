"""Reads of the register and of notices."""

from consent_app.register.queries.standing import (
    NoticeStanding,
    newest_choice,
    newest_notice,
    notice_form_for,
    notice_in_force,
    notice_standing,
)
from consent_app.register.queries.versions import (
    Counts,
    application_named,
    application_slugs,
    applications_named,
    captured_applications,
    count_applications,
    current_version,
    document_by_digest,
    excluded_slugs,
    find_applications,
    kind_codes,
    published_versions,
    register_by_digest,
    upcoming_versions,
)

__all__ = [
    "Counts",
    "NoticeStanding",
    "application_named",
    "application_slugs",
    "applications_named",
    "captured_applications",
    "count_applications",
    "current_version",
    "document_by_digest",
    "excluded_slugs",
    "find_applications",
    "kind_codes",
    "newest_choice",
    "newest_notice",
    "notice_form_for",
    "notice_in_force",
    "notice_standing",
    "published_versions",
    "register_by_digest",
    "upcoming_versions",
]
