"""From a draft to a published version: proposed by one person, approved by another, announced."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role
from consent_app.people.roles import Role
from consent_app.register import events
from consent_app.register.actions.drafts import check_owner, editing
from consent_app.register.actions.publishing import close_version
from consent_app.register.errors import (
    NothingChanged,
    NotImmaterial,
    NotLegal,
    NotReady,
    ReasonMissing,
    SamePerson,
    SomebodyWroteMeanwhile,
    TooEarly,
    TooLate,
    WrongVersionState,
)
from consent_app.register.models import RegisterVersion, VersionState
from consent_app.register.queries.review import LATEST_AFTER, prepared

LONGEST_REASON = 1000


@transaction.atomic
def propose_version(
    *, draft: RegisterVersion, by: Employee, seen: datetime, summary: str, is_immaterial: bool
) -> RegisterVersion:
    """Lay a draft before legal. From now on nothing in it changes.

    `summary` says to staff what changes and why; `is_immaterial` that only words are spelt better.

    Raises:
        NotProgrammeOwner, DraftWithLegal, SomebodyWroteMeanwhile.
        ReasonMissing: no summary.
        NothingChanged: it says the same as the version before.
        NotImmaterial: it does more than that.
    """
    if not summary.strip():
        raise ReasonMissing("Say in a sentence what changes and why. Staff read it.")
    with editing(draft=draft, by=by, seen=seen) as locked:
        locked.summary = summary.strip()
        locked.is_immaterial = is_immaterial
        found = prepared(locked)
        if not found.changes:
            raise NothingChanged
        if is_immaterial and not found.could_be_immaterial:
            raise NotImmaterial
        locked.widens = found.widens
        locked.state = VersionState.PROPOSED
        locked.proposed_by, locked.proposed_at = by, timezone.now()
    _record(events.PROPOSED, locked, by=by, details={"digest": found.digest})
    for reviewer in people_with_role(Role.LEGAL_REVIEWER).exclude(pk=by.pk):
        owe("register_proposed", to=reviewer)
    return locked


@transaction.atomic
def return_version(*, version: RegisterVersion, by: Employee, reason: str) -> RegisterVersion:
    """Make it a draft again: legal sends it back, or the owner takes it back.

    Raises:
        WrongVersionState: it is neither proposed nor approved.
        NotLegal: neither legal nor the programme owner.
        ReasonMissing: no reason.
    """
    if not by.has_role(Role.LEGAL_REVIEWER, Role.PROGRAMME_OWNER):
        raise NotLegal
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise ReasonMissing
    locked = _locked(version, VersionState.PROPOSED, VersionState.APPROVED)
    proposer = locked.proposed_by
    locked.state = VersionState.DRAFT
    locked.sent_back_by, locked.sent_back_at = by, timezone.now()
    locked.sent_back_reason = reason.strip()
    locked.proposed_by = locked.proposed_at = locked.approved_by = locked.approved_at = None
    locked.widens = locked.is_immaterial = False
    locked.save()
    _record(events.TAKEN_BACK, locked, by=by, details={"reason": locked.sent_back_reason})
    if proposer is not None and proposer != by:
        owe("register_returned", to=proposer)
    return locked


@transaction.atomic
def approve_version(*, version: RegisterVersion, by: Employee, seen: str) -> RegisterVersion:
    """Let legal stand by what they saw; `seen` is the digest of the page they decided on.

    Raises:
        NotLegal: only legal approves.
        WrongVersionState: it is not proposed any more.
        SamePerson: they wrote or proposed it.
        SomebodyWroteMeanwhile: it was sent back, changed and proposed anew meanwhile.
    """
    if not by.has_role(Role.LEGAL_REVIEWER):
        raise NotLegal
    locked = _locked(version, VersionState.PROPOSED)
    if by in (locked.proposed_by, locked.drafted_by):
        raise SamePerson
    if prepared(locked).digest != seen:
        raise SomebodyWroteMeanwhile
    locked.state = VersionState.APPROVED
    locked.approved_by, locked.approved_at = by, timezone.now()
    locked.save(update_fields=["state", "approved_by", "approved_at"])
    _record(events.APPROVED, locked, by=by, details={"digest": seen})
    if locked.proposed_by is not None:
        owe("register_approved", to=locked.proposed_by)
    return locked


@transaction.atomic
def publish_version(
    *, version: RegisterVersion, by: Employee, in_force_at: datetime | None
) -> RegisterVersion:
    """Publish what two people stand by; it holds from `in_force_at`, or at once for None.

    Raises:
        NotProgrammeOwner: only the programme owner publishes.
        WrongVersionState: legal has not approved it.
        NotReady: something that a law asks for is missing.
        TooEarly: people must be told earlier.
        TooLate: it would hold only after more than a year.
        RegisterInvalid, RegisterTooLarge: devices would not take it.
    """
    check_owner(by)
    locked = _locked(version, VersionState.APPROVED)
    now = timezone.now()
    found = prepared(locked)
    if found.problems:
        raise NotReady(found.problems)
    holds_from = in_force_at or now
    if holds_from < found.earliest(at=now):
        raise TooEarly
    if holds_from > found.earliest(at=now) + LATEST_AFTER:
        raise TooLate
    locked.published_by = by
    locked.save(update_fields=["published_by"])
    close_version(locked, by=by, at=now, in_force_at=holds_from)
    return locked


def _locked(version: RegisterVersion, *states: VersionState) -> RegisterVersion:
    """Return the row as it is now, while nobody else decides on it."""
    people = ("based_on", "drafted_by", "proposed_by", "approved_by")
    locked = (
        RegisterVersion.objects.select_for_update(of=("self",), no_key=True)
        .select_related(*people)
        .filter(pk=version.pk, state__in=states)
        .first()
    )
    if locked is None:
        raise WrongVersionState
    return locked


def _record(
    event: str, version: RegisterVersion, *, by: Employee, details: dict[str, object]
) -> None:
    known = {"version": version.number, "summary": version.summary, "widens": version.widens}
    record(event, actor=by, subject=version, at=timezone.now(), details=known | details)
