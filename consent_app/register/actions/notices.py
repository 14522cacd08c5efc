"""Writes what happened between a notice and a person, and what they freely chose.

Each function belongs into the caller's transaction, which holds the person's lock
(`consent_app.devices.actions.standing`, which signs what follows). Only people themselves do any of
this, so whoever acts is whom it is about. Asking twice for the same writes it once.
"""

import uuid
from datetime import datetime, timedelta

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.register import events, queries
from consent_app.register.consent_record import ChoiceFacts, consent_record
from consent_app.register.errors import NoChoiceHere, NoticeChanged
from consent_app.register.models import (
    ConsentChoice,
    ConsentRecord,
    Notice,
    NoticeRecord,
    NoticeStage,
)

LONGEST_BROWSER = 120
_EVENT_OF_STAGE = {
    NoticeStage.SERVED: events.NOTICE_SERVED,
    NoticeStage.READ: events.NOTICE_READ,
    NoticeStage.ACKNOWLEDGED: events.NOTICE_ACKNOWLEDGED,
}
_EVENT_OF_CHOICE = {
    ConsentChoice.GIVEN: events.CONSENT_GIVEN,
    ConsentChoice.REFUSED: events.CONSENT_REFUSED,
    ConsentChoice.WITHDRAWN: events.CONSENT_WITHDRAWN,
}


def serve_notice(*, employee: Employee, digest: str, browser: str, at: datetime) -> None:
    """Write down that this text was shown to this person: once, or once a day where it is daily.

    Raises:
        NoticeChanged: no notice that is theirs has this text now.
    """
    notice = _notice_with(digest, employee, at)
    _serve(employee, notice, browser, at)


def confirm_reading(
    *, employee: Employee, digest: str, browser: str, at: datetime, number: int | None = None
) -> None:
    """Write down that this person says that they have read this text, of version `number` if given.

    Raises:
        NoticeChanged: no notice that is theirs has this text now.
    """
    notice = _notice_with(digest, employee, at, number)
    _serve(employee, notice, browser, at)
    if NoticeStage.READ not in queries.stages_of(employee, notice):
        _reach(employee, notice, NoticeStage.READ, browser, at)


def acknowledge_notice(*, employee: Employee, digest: str, browser: str, at: datetime) -> None:
    """Write down that this person acknowledges that they were told.

    Raises:
        NoticeChanged: what waits for their acknowledgement has another text now.
    """
    shown = queries.notice_to_show(employee, at=at)
    if shown is None or shown.notice.digest != digest:
        raise NoticeChanged
    _serve(employee, shown.notice, browser, at)
    if NoticeStage.ACKNOWLEDGED not in queries.stages_of(employee, shown.notice):
        _reach(employee, shown.notice, NoticeStage.ACKNOWLEDGED, browser, at)


def choose(*, employee: Employee, says_yes: bool, digest: str, at: datetime) -> None:
    """Keep a free choice as a consent record. A no needs no text, and after a yes takes it back.

    Raises:
        NoChoiceHere: the law where they work leaves nothing to choose, and there is no yes.
        NoticeChanged: a yes to a text that is not the one they are asked about now.
    """
    last = queries.newest_choice(employee)
    has_yes = last is not None and last.choice == ConsentChoice.GIVEN
    if has_yes and last and not says_yes:
        _keep(employee, last.notice, ConsentChoice.WITHDRAWN, last=last, at=at)
        return
    shown = queries.notice_to_choose_on(employee, at=at)
    if shown is None:
        raise NoChoiceHere
    if says_yes and shown.notice.digest != digest:
        raise NoticeChanged
    if says_yes and shown.is_asked:
        _keep(employee, shown.notice, ConsentChoice.GIVEN, last=last, at=at)
    elif last is None:
        _keep(employee, shown.notice, ConsentChoice.REFUSED, last=last, at=at)


def _notice_with(
    digest: str, employee: Employee, at: datetime, number: int | None = None
) -> Notice:
    notice = queries.notice_with(digest, employee=employee, at=at, number=number)
    if notice is None:
        raise NoticeChanged
    return notice


def _serve(employee: Employee, notice: Notice, browser: str, at: datetime) -> None:
    if not queries.was_served(employee, notice, at=at):
        _reach(employee, notice, NoticeStage.SERVED, browser, at)


def _reach(
    employee: Employee, notice: Notice, stage: NoticeStage, browser: str, at: datetime
) -> None:
    row = NoticeRecord.objects.create(
        notice=notice,
        employee=employee,
        stage=stage,
        at=at,
        digest=notice.digest,
        language=notice.language,
        browser=browser[:LONGEST_BROWSER],
    )
    _record(_EVENT_OF_STAGE[stage], employee, row, notice, at)


def _keep(
    employee: Employee,
    notice: Notice,
    choice: ConsentChoice,
    *,
    last: ConsentRecord | None,
    at: datetime,
) -> None:
    # The last choice counts. A clock that was set back must not put a no before the yes it ends.
    said_at = max(at, last.at + timedelta(microseconds=1)) if last else at
    facts = ChoiceFacts(
        record_id=uuid.uuid4(),
        principal=employee.pseudonym,
        choice=choice,
        at=said_at,
        jurisdiction=employee.jurisdiction.code,
        notice=notice,
        kinds=tuple(notice.version.kinds.all()),
    )
    row = ConsentRecord.objects.create(
        id=facts.record_id,
        employee=employee,
        notice=notice,
        choice=choice,
        at=said_at,
        record=consent_record(facts),
    )
    _record(_EVENT_OF_CHOICE[choice], employee, row, notice, at)


def _record(
    event: str,
    employee: Employee,
    row: NoticeRecord | ConsentRecord,
    notice: Notice,
    at: datetime,
) -> None:
    details = {
        "form": notice.form,
        "version": notice.version.number,
        "language": notice.language,
        "notice": notice.digest,
    }
    record(event, actor=employee, subject=row, at=at, person=employee, details=details)
