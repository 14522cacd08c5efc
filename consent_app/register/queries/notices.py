"""What somebody is shown of the notices that are theirs, and of what they said to them."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee, Jurisdiction
from consent_app.register.models import (
    ConsentRecord,
    Notice,
    NoticeForm,
    NoticeRecord,
    NoticeStage,
    RegisterVersion,
    VersionState,
)
from consent_app.register.queries.standing import (
    FORM_OF_PLACE,
    acknowledged_version,
    choices_of,
    consented_version,
    in_force_from,
    is_asked,
    is_coming,
    is_daily,
    may_choose,
    notice_form_for,
    notices_from_now,
    shown_today,
    unmet,
)

# Laws that want the notice on a wall as well. Source: N.Y. Civil Rights Law, 52-c*2(2)(b); Conn.
# Gen. Stat., 31-48d(b)(1).
POSTED = (NoticeForm.NEW_YORK, NoticeForm.CONNECTICUT)


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice as somebody is shown it: the text, and whether anything is asked of them."""

    notice: Notice
    is_coming: bool
    is_asked: bool

    @property
    def in_force_at(self) -> datetime:
        return in_force_from(self.notice)


def notice_to_show(employee: Employee, *, at: datetime) -> Shown | None:
    """Return the notice that waits for this person's acknowledgement, else the one in force.

    None before the first is published. What holds now comes before what is coming: nobody
    acknowledges for the present what only tells of the future.
    """
    form = notice_form_for(employee.jurisdiction)
    notices = notices_from_now(form, at=at)
    if not notices:
        return None
    asked = is_asked(employee.jurisdiction)
    due = unmet(acknowledged_version(employee, form), notices) if asked else None
    shown = due or notices[0]
    return Shown(shown, is_coming(shown, at=at), is_asked=due is not None)


def notice_to_choose_on(employee: Employee, *, at: datetime) -> Shown | None:
    """Return the notice that a yes would be a yes to; asked while the last yes does not cover it.

    None where there is no choice, or nothing is published.
    """
    if not may_choose(employee.jurisdiction):
        return None
    form = notice_form_for(employee.jurisdiction)
    notices = notices_from_now(form, at=at)
    if not notices:
        return None
    due = unmet(consented_version(employee, form), notices)
    shown = due or notices[0]
    return Shown(shown, is_coming(shown, at=at), is_asked=due is not None)


def notice_with(
    digest: str, *, employee: Employee, at: datetime, number: int | None = None
) -> Notice | None:
    """Return the notice of this person's place that has this text, in force or coming.

    Versions that change only the list of applications share a text: `number` says which is meant,
    otherwise it is the one that holds first.
    """
    notices = notices_from_now(notice_form_for(employee.jurisdiction), at=at)
    return next(
        (
            notice
            for notice in notices
            if notice.digest == digest and number in (None, notice.version.number)
        ),
        None,
    )


def daily_notice(employee: Employee, *, at: datetime) -> Notice | None:
    """Return the notice that is to be shown to this person today and was not yet.

    None wherever the law knows no daily notice, for whoever acknowledged it once, and after it was
    shown today.
    """
    # Asked on every page of everybody: elsewhere it costs no query.
    if FORM_OF_PLACE.get(employee.jurisdiction_id) != NoticeForm.DELAWARE:
        return None
    if not is_asked(employee.jurisdiction):
        return None
    notices = notices_from_now(NoticeForm.DELAWARE, at=at)
    if not notices or is_coming(notices[0], at=at) or not is_daily(notices[0]):
        return None
    current = notices[0]
    if acknowledged_version(employee, NoticeForm.DELAWARE) >= current.asks_since:
        return None
    return None if shown_today(employee, current, at=at) else current


def last_asked() -> dict[NoticeForm, datetime]:
    """Return when the last version was published whose notice of a form asks anew, by form."""
    asking = Notice.objects.filter(
        version__state=VersionState.PUBLISHED, asks_since=F("version__number")
    )
    rows = asking.order_by().values_list("form").annotate(Max("version__published_at"))
    return {NoticeForm(form): published_at for form, published_at in rows}


def asked_anew_at(jurisdiction: Jurisdiction, register: RegisterVersion) -> datetime | None:
    """Return when the last version up to this one was published that asks people there anew.

    None where the law asks for neither an acknowledgement nor a yes.
    """
    if not is_asked(jurisdiction) and not may_choose(jurisdiction):
        return None
    asking = Notice.objects.filter(
        version__state=VersionState.PUBLISHED,
        version__number__lte=register.number,
        asks_since=F("version__number"),
        form=notice_form_for(jurisdiction),
    )
    asked_at: datetime | None = asking.aggregate(last=Max("version__published_at"))["last"]
    return asked_at


def notice_of_version(employee: Employee, number: int) -> Notice:
    """Return the notice of a published version for this person's place; 404 where there is none."""
    return get_object_or_404(
        Notice.objects.select_related("version").defer("version__document"),
        version__number=number,
        version__state=VersionState.PUBLISHED,
        form=notice_form_for(employee.jurisdiction),
    )


def records_of(employee: Employee) -> QuerySet[NoticeRecord]:
    """Return what happened between this person and any notice, the last first."""
    records = NoticeRecord.objects.filter(employee=employee).order_by("-at", "stage")
    return records.select_related("notice__version").defer("notice__version__document")


def was_served(employee: Employee, notice: Notice, *, at: datetime) -> bool:
    """Whether it is on record that this notice was shown: today, where it is given each day."""
    if is_daily(notice):
        return shown_today(employee, notice, at=at)
    served = NoticeRecord.objects.filter(employee=employee, notice=notice, stage=NoticeStage.SERVED)
    return served.exists()


def stages_of(employee: Employee, notice: Notice) -> dict[str, datetime]:
    """Return when this notice first reached each stage with this person."""
    records = NoticeRecord.objects.filter(employee=employee, notice=notice).order_by("-at")
    return dict(records.values_list("stage", "at"))


def choice_for(employee: Employee, record_id: uuid.UUID) -> ConsentRecord:
    """Return this person's own record; 404 also hides those of others."""
    return get_object_or_404(choices_of(employee), pk=record_id)
