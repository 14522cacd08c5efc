"""How somebody stands to the notices: which one is theirs, acknowledged or not, consented or not.

Several versions can be published at once: the one in force and those whose time comes later. Who
acknowledged the notice of a later one has acknowledged this one too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

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

_FORM_OF_PLACE = {
    "US-NY": NoticeForm.NEW_YORK,
    "US-DE": NoticeForm.DELAWARE,
    "US-CT": NoticeForm.CONNECTICUT,
    "US-CA": NoticeForm.CALIFORNIA,
}
DAILY = "daily"


@dataclass(frozen=True, slots=True)
class NoticeStanding:
    """What a person's device policy must know. The times say from when it would no longer hold."""

    acknowledgement_missing: bool = False
    notice_lapses_at: datetime | None = None
    opted_in: bool = False
    consent_lapses_at: datetime | None = None


def notice_form_for(jurisdiction: Jurisdiction) -> NoticeForm:
    """Return which law's wording people there are shown."""
    if form := _FORM_OF_PLACE.get(jurisdiction.code):
        return form
    return NoticeForm.GDPR_13 if "GDPR" in jurisdiction.regime else NoticeForm.GENERAL


def notice_in_force(form: NoticeForm, *, at: datetime) -> Notice | None:
    version = RegisterVersion.objects.in_force(at).first()
    return Notice.objects.filter(version=version, form=form).select_related("version").first()


def newest_notice(form: NoticeForm) -> Notice | None:
    """Return the notice of the last published version, in force or not: what to acknowledge."""
    published = Notice.objects.filter(version__state=VersionState.PUBLISHED, form=form)
    return published.select_related("version").order_by("-version__number").first()


def notice_standing(employee: Employee, *, at: datetime) -> NoticeStanding:
    """Say whether this person acknowledged what the law of their place asks, and consented."""
    jurisdiction = employee.jurisdiction
    is_asked = jurisdiction.acknowledgement_required
    may_choose = jurisdiction.collection_default == CollectionDefault.OPT_IN
    if not is_asked and not may_choose:
        return NoticeStanding()
    form = notice_form_for(jurisdiction)
    steps = _steps(form, at=at)
    missing, lapses_at = False, None
    if is_asked:
        missing, lapses_at = _lapse(_acknowledged(employee, form), steps, at=at)
        if missing and form == NoticeForm.DELAWARE:
            missing, lapses_at = _shown_today(employee, at=at)
    opted_out, consent_lapses_at = True, None
    if may_choose:
        opted_out, consent_lapses_at = _lapse(_consented(employee, form), steps, at=at)
    return NoticeStanding(missing, lapses_at, not opted_out, consent_lapses_at)


def newest_choice(employee: Employee) -> ConsentRecord | None:
    """Return what this person said last."""
    records = ConsentRecord.objects.filter(employee=employee).select_related("notice__version")
    return records.order_by("-at").first()


def _steps(form: NoticeForm, *, at: datetime) -> list[tuple[datetime, int]]:
    """Return from when on which version must be acknowledged: the one in force, then those coming.

    Empty before the first version is published.
    """
    rows = Notice.objects.filter(version__state=VersionState.PUBLISHED, form=form)
    steps: list[tuple[datetime, int]] = []
    for notice in (
        rows.select_related("version")
        .only("asks_since", "version__in_force_at")
        .order_by("version__number")
    ):
        from_ = notice.version.in_force_at
        assert from_ is not None  # noqa: S101 (a database constraint says so)
        if from_ <= at:
            steps.clear()
        steps.append((from_, notice.asks_since))
    return steps


def _lapse(
    said_to: int, steps: Iterable[tuple[datetime, int]], *, at: datetime
) -> tuple[bool, datetime | None]:
    """Return whether what was said to version `said_to` is too old now, else when it will be."""
    unmet = next((from_ for from_, asks_since in steps if said_to < asks_since), None)
    if unmet is None:
        return said_to == 0, None
    return unmet <= at, None if unmet <= at else unmet


def _acknowledged(employee: Employee, form: NoticeForm) -> int:
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


def _consented(employee: Employee, form: NoticeForm) -> int:
    """Return the version that the last choice was a yes to; 0 for a no, or none."""
    choice = newest_choice(employee)
    if choice is None or choice.choice != ConsentChoice.GIVEN or choice.notice.form != form:
        return 0
    return choice.notice.version.number


def _shown_today(employee: Employee, *, at: datetime) -> tuple[bool, datetime | None]:
    """Return whether the daily notice is missing today, else the midnight at which it will be.

    A notice each day takes the place of an acknowledgement only where the version in force says so.
    """
    version = RegisterVersion.objects.in_force(at).first()
    if version is None or read_fields(version.notice_fields).delaware != DAILY:
        return True, None
    zone = ZoneInfo(employee.time_zone)
    today = timezone.localdate(at, zone)
    midnight = datetime.combine(today, time.min, zone)
    shown = NoticeRecord.objects.filter(
        employee=employee,
        stage=NoticeStage.SERVED,
        notice__version=version,
        notice__form=NoticeForm.DELAWARE,
        at__gte=midnight,
        at__lte=at,
    )
    tomorrow = datetime.combine(today + timedelta(days=1), time.min, zone)
    return (False, tomorrow) if shown.exists() else (True, None)
