"""How somebody stands to the notices: which one is theirs, acknowledged or not, consented or not.

Several versions can be published at once: the one in force and those whose time comes later. Who
acknowledged the notice of a later one has acknowledged this one too.

In Delaware a notice each day can take the place of an acknowledgement, where the version in force
says so. It holds until midnight where the person is; an acknowledgement takes the place of all of
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from consent_app.register.models import (
    ConsentChoice,
    ConsentRecord,
    Notice,
    NoticeForm,
    NoticeRecord,
    NoticeStage,
    RegisterVersion,
    VersionState,
)
from consent_app.register.notice_fields import read_fields
from consent_app.register.notice_texts import DAILY

FORM_OF_PLACE = {
    "US-NY": NoticeForm.NEW_YORK,
    "US-DE": NoticeForm.DELAWARE,
    "US-CT": NoticeForm.CONNECTICUT,
    "US-CA": NoticeForm.CALIFORNIA,
}


@dataclass(frozen=True, slots=True)
class NoticeStanding:
    """What a person's device policy must know. The times say from when it would no longer hold."""

    acknowledgement_missing: bool = False
    notice_lapses_at: datetime | None = None
    opted_in: bool = False
    consent_lapses_at: datetime | None = None


def notice_form_for(jurisdiction: Jurisdiction) -> NoticeForm:
    """Return which law's wording people there are shown."""
    if form := FORM_OF_PLACE.get(jurisdiction.code):
        return form
    return NoticeForm.GDPR_13 if "GDPR" in jurisdiction.regime else NoticeForm.GENERAL


def is_asked(jurisdiction: Jurisdiction) -> bool:
    """Whether the law there wants an acknowledgement, or a notice each day in its place."""
    return jurisdiction.acknowledgement_required


def may_choose(jurisdiction: Jurisdiction) -> bool:
    """Whether the law there leaves it to each person; only there a yes counts for anything."""
    return jurisdiction.collection_default == CollectionDefault.OPT_IN


def notice_in_force(form: NoticeForm, *, at: datetime) -> Notice | None:
    version = RegisterVersion.objects.in_force(at).first()
    return Notice.objects.filter(version=version, form=form).select_related("version").first()


def notices_from_now(form: NoticeForm, *, at: datetime) -> list[Notice]:
    """Return the notice in force, then those published whose time comes, without documents."""
    rows = Notice.objects.filter(version__state=VersionState.PUBLISHED, form=form)
    notices = list(
        rows.select_related("version").defer("version__document").order_by("version__number")
    )
    in_force = [place for place, notice in enumerate(notices) if not is_coming(notice, at=at)]
    return notices[in_force[-1] :] if in_force else notices


def is_coming(notice: Notice, *, at: datetime) -> bool:
    """Whether its version is published and not in force yet."""
    return in_force_from(notice) > at


def in_force_from(notice: Notice) -> datetime:
    from_ = notice.version.in_force_at
    assert from_ is not None  # noqa: S101 (a database constraint says so of what is published)
    return from_


def notice_standing(employee: Employee, *, at: datetime) -> NoticeStanding:
    """Say whether this person acknowledged what the law of their place asks, and consented."""
    jurisdiction = employee.jurisdiction
    if not is_asked(jurisdiction) and not may_choose(jurisdiction):
        return NoticeStanding()
    form = notice_form_for(jurisdiction)
    notices = notices_from_now(form, at=at)
    missing, lapses_at = False, None
    if is_asked(jurisdiction):
        missing, lapses_at = _lapse(acknowledged_version(employee, form), notices, at=at)
        if missing and form == NoticeForm.DELAWARE:
            missing, lapses_at = _daily_lapse(employee, notices, at=at)
    opted_out, consent_lapses_at = True, None
    if may_choose(jurisdiction):
        opted_out, consent_lapses_at = _lapse(consented_version(employee, form), notices, at=at)
    return NoticeStanding(missing, lapses_at, not opted_out, consent_lapses_at)


def unmet(said_to: int, notices: Sequence[Notice]) -> Notice | None:
    """Return the first of these that what was said to version `said_to` does not cover."""
    return next((notice for notice in notices if said_to < notice.asks_since), None)


def acknowledged_version(employee: Employee, form: NoticeForm) -> int:
    """Return the highest version whose notice of this form was acknowledged; 0 for none."""
    records = NoticeRecord.objects.filter(
        employee=employee, stage=NoticeStage.ACKNOWLEDGED, notice__form=form
    )
    return (
        records.order_by("-notice__version__number")
        .values_list("notice__version__number", flat=True)
        .first()
        or 0
    )


def consented_version(employee: Employee, form: NoticeForm) -> int:
    """Return the version that the last choice was a yes to; 0 for a no, or none."""
    choice = newest_choice(employee)
    if choice is None or choice.choice != ConsentChoice.GIVEN or choice.notice.form != form:
        return 0
    return choice.notice.version.number


def newest_choice(employee: Employee) -> ConsentRecord | None:
    """Return what this person said last."""
    return choices_of(employee).first()


def choices_of(employee: Employee) -> QuerySet[ConsentRecord]:
    """Return all that this person ever chose, the last first."""
    records = ConsentRecord.objects.filter(employee=employee).order_by("-at")
    return records.select_related("notice__version").defer("notice__version__document")


def is_daily(notice: Notice) -> bool:
    """Whether its version gives it each day instead of asking for an acknowledgement."""
    return (
        notice.form == NoticeForm.DELAWARE
        and read_fields(notice.version.notice_fields).delaware == DAILY
    )


def shown_today(employee: Employee, notice: Notice, *, at: datetime) -> bool:
    """Whether this very text was shown to this person since midnight where they are."""
    begin, _ = _local_day(employee, at)
    return NoticeRecord.objects.filter(
        employee=employee,
        stage=NoticeStage.SERVED,
        notice__form=notice.form,
        digest=notice.digest,
        at__gte=begin,
        at__lte=at,
    ).exists()


def _lapse(
    said_to: int, notices: Sequence[Notice], *, at: datetime
) -> tuple[bool, datetime | None]:
    """Return whether what was said to version `said_to` is too old now, else when it will be.

    Before the first notice is published nothing can have been said to it.
    """
    asking = unmet(said_to, notices)
    if asking is None:
        return said_to == 0, None
    return (False, in_force_from(asking)) if is_coming(asking, at=at) else (True, None)


def _daily_lapse(
    employee: Employee, notices: Sequence[Notice], *, at: datetime
) -> tuple[bool, datetime | None]:
    """Return whether today's notice is missing, else from when it will not do any more."""
    current = notices[0] if notices else None
    if current is None or is_coming(current, at=at) or not is_daily(current):
        return True, None
    if not shown_today(employee, current, at=at):
        return True, None
    _, midnight = _local_day(employee, at)
    changes = (in_force_from(n) for n in notices[1:] if n.digest != current.digest)
    return False, min([midnight, *changes])


def _local_day(employee: Employee, at: datetime) -> tuple[datetime, datetime]:
    """Return when the day of `at` begins and ends where this person is."""
    zone = ZoneInfo(employee.time_zone)
    today = timezone.localdate(at, zone)
    tomorrow = today + timedelta(days=1)
    return datetime.combine(today, time.min, zone), datetime.combine(tomorrow, time.min, zone)
