"""What is written about a request once it was sent: questions, answers, messages, notes, delays."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from exemptions import events, rules
from exemptions.actions.changes import change, expect, locked, record_on, step_of
from exemptions.actions.effects import schedule_protection
from exemptions.actions.steps import check_may_act, start_clock, stop_clock
from exemptions.deadlines import latest_extension, local_day
from exemptions.errors import (
    DeadlineNotExtensible,
    OwnRequest,
    TooManyAdditions,
    TooManyQuestions,
)
from exemptions.models import PENDING, ExemptionRequest, Message, MessageKind, ReviewStep, State
from exemptions.queries import own, reviewing
from exemptions.sealed import seal_text


@sensitive_variables()
@transaction.atomic
def ask_for_information(
    *, request: ExemptionRequest, by: Employee, seen: int, text: str
) -> Message:
    """Ask the requester something; the step's clock stops until they answer.

    Raises:
        OwnRequest, NotYourStep, DecidedAlready: not by this person.
        SomebodyWasFirst, WrongState, TextMissing, TextTooLong.
        TooManyQuestions: MAX_QUESTIONS were asked at this step.
    """
    clean = rules.clean_text(text)
    request, step, now = _reviewers_turn(request, by, seen=seen)
    expect(request, State.IN_REVIEW, State.APPEALED)
    asked = request.messages.filter(kind=MessageKind.QUESTION, written_at__gte=step.opened_at)
    if asked.count() >= rules.MAX_QUESTIONS:
        raise TooManyQuestions
    message = _write(request, MessageKind.QUESTION, clean, by=by, at=now)
    change(request, state=State.INFORMATION_REQUESTED)
    record_on(request, events.INFORMATION_REQUESTED, by=by, at=now)
    stop_clock(step, by=by, at=now)
    owe("request_question", to=request.requester, context={"request": str(request.pk)})
    return message


@sensitive_variables()
@transaction.atomic
def answer_question(*, request: ExemptionRequest, by: Employee, text: str) -> Message:
    """Answer as the requester; the clock goes on. Raises WrongState, TextMissing, TextTooLong."""
    clean = rules.clean_text(text)
    request = locked(request)
    now = timezone.now()
    expect(request, State.INFORMATION_REQUESTED)
    step = step_of(request)
    message = _write(request, MessageKind.ANSWER, clean, by=by, at=now)
    change(request, state=State.APPEALED if step.is_appeal else State.IN_REVIEW)
    record_on(request, events.INFORMATION_ANSWERED, by=by, at=now)
    start_clock(step, by=by, at=now)
    for person in _who_asked(request, step, at=now):
        owe("review_answered", to=person, context={"request": str(request.pk)})
    return message


@sensitive_variables()
@transaction.atomic
def add_statement(*, request: ExemptionRequest, by: Employee, text: str) -> Message:
    """Add something as the requester while nothing is decided; reviewers have to look again.

    Raises:
        TooManyAdditions: there were MAX_ADDITIONS within a day.
        WrongState, TextMissing, TextTooLong.
    """
    clean = rules.clean_text(text)
    request = locked(request)
    now = timezone.now()
    expect(request, *PENDING)
    if own.additions_since(request, now - rules.ADDITIONS_WITHIN) >= rules.MAX_ADDITIONS:
        raise TooManyAdditions
    message = _write(request, MessageKind.ADDITION, clean, by=by, at=now)
    change(request)
    record_on(request, events.MESSAGE_ADDED, by=by, at=now)
    return message


@sensitive_variables()
@transaction.atomic
def write_message(*, request: ExemptionRequest, by: Employee, seen: int, text: str) -> Message:
    """Write to the requester without asking anything; no clock stops."""
    clean = rules.clean_text(text)
    request, _step, now = _reviewers_turn(request, by, seen=seen)
    message = _write(request, MessageKind.MESSAGE, clean, by=by, at=now)
    change(request)
    record_on(request, events.MESSAGE_ADDED, by=by, at=now)
    owe("request_message", to=request.requester, context={"request": str(request.pk)})
    return message


@sensitive_variables()
@transaction.atomic
def write_note(*, request: ExemptionRequest, by: Employee, text: str) -> Message:
    """Leave a note for the other reviewers of this request; the requester never reads it."""
    clean = rules.clean_text(text)
    request, _step, now = _reviewers_turn(request, by)
    return _write(request, MessageKind.NOTE, clean, by=by, at=now)


@sensitive_variables()
@transaction.atomic
def extend_deadline(
    *, request: ExemptionRequest, by: Employee, seen: int, until: date, text: str
) -> ExemptionRequest:
    """Extend the legal deadline once, with the reason that the requester reads.

    Raises:
        DeadlineNotExtensible: the law here names none, it was extended before or has passed, or
            `until` is no later day that the law allows. Source: GDPR, article 12(3).
    """
    clean = rules.clean_text(text)
    request, step, now = _reviewers_turn(request, by, seen=seen)
    requester = request.requester
    latest = latest_extension(
        local_day(own.legal_clock_began(request, step), time_zone=requester.time_zone),
        days=requester.jurisdiction.response_deadline_days,
        regime=requester.jurisdiction.regime,
    )
    due_on, today = request.legal_due_on, local_day(now, time_zone=requester.time_zone)
    if request.legal_extended_at or due_on is None or latest is None or today > due_on:
        raise DeadlineNotExtensible
    if not due_on < until <= latest:
        raise DeadlineNotExtensible(f"Choose a day after {due_on} and up to {latest}.")
    _write(request, MessageKind.DELAY, clean, by=by, at=now)
    change(request, legal_due_on=until, legal_extended_at=now)
    record_on(request, events.DEADLINE_EXTENDED, by=by, at=now, until=until.isoformat())
    schedule_protection(request, step, by=by, at=now)
    owe("request_delayed", to=requester, context={"request": str(request.pk)})
    return request


def _reviewers_turn(
    request: ExemptionRequest, by: Employee, *, seen: int | None = None
) -> tuple[ExemptionRequest, ReviewStep, datetime]:
    """Lock a pending request whose step is `by`'s to handle."""
    if request.requester_id == by.pk:
        raise OwnRequest
    request = locked(request, seen=seen)
    now = timezone.now()
    expect(request, *PENDING)
    step = step_of(request)
    check_may_act(by, step, at=now)
    return request, step, now


def _who_asked(request: ExemptionRequest, step: ReviewStep, *, at: datetime) -> list[Employee]:
    """Return who asked last, if the step is still theirs to handle, else whoever has it now."""
    asked = request.messages.filter(kind=MessageKind.QUESTION).order_by("-written_at").first()
    if asked and reviewing.may_handle(reviewing.reviewing_as(asked.author, at=at), step):
        return [asked.author]
    return reviewing.named_handlers(step, at=at)


@sensitive_variables()
def _write(
    request: ExemptionRequest, kind: MessageKind, text: str, *, by: Employee, at: datetime
) -> Message:
    message = Message(request=request, author=by, kind=kind, written_at=at)
    message.text = seal_text(request, text, purpose=message.purpose)
    message.save(force_insert=True)
    return message
