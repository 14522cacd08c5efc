"""Steps: opening them with their deadlines, stopping the clock, handing them over."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from consent_app.notifications.actions import owe, owe_each
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from exemptions import events
from exemptions.actions.changes import expect, locked, record_on, step_of
from exemptions.actions.effects import last_day_of, schedule_protection
from exemptions.deadlines import (
    add_business_days,
    business_days_between,
    end_of_day,
    local_day,
)
from exemptions.errors import AssigneeNotAble, DecidedAlready, NotYourStep
from exemptions.models import ExemptionRequest, Reviewer, ReviewStep, State
from exemptions.queries import reviewing


def open_step(
    request: ExemptionRequest,
    *,
    position: int,
    by: Employee,
    at: datetime,
    reviewer: str,
    people: int,
    target_days: int,
    grace_days: int,
    fallback: str,
    is_appeal: bool = False,
) -> ReviewStep:
    """Let the request wait for its next reviewer; a manager who is away is passed over at once."""
    step = ReviewStep.objects.create(
        request=request,
        position=position,
        is_appeal=is_appeal,
        reviewer=reviewer,
        fallback=fallback,
        people=people,
        target_days=target_days,
        grace_days=grace_days,
        opened_at=at,
        **_deadlines(request, target_days, at=at),
    )
    record_step(step, events.STEP_OPENED, by=by, at=at, due_at=step.due_at.isoformat())
    escalate_if_nobody_is_there(step, at=at)
    schedule_protection(request, step, by=by, at=at)
    tell_handlers("review_waiting", step, at=at)
    return step


def stop_clock(step: ReviewStep, *, by: Employee, at: datetime) -> None:
    """Let no time count while the requester is asked something; the legal clock goes on."""
    request = step.request
    step.stopped_at = at
    step.days_left = business_days_between(
        _today(request, at), last_day_of(step), jurisdiction=request.requester.jurisdiction_id
    )
    step.save(update_fields=["stopped_at", "days_left"])
    schedule_protection(request, step, by=by, at=at)


def start_clock(step: ReviewStep, *, by: Employee, at: datetime) -> None:
    """Give the step the business days that were left, and at least until the end of the next."""
    deadlines = _deadlines(step.request, max(step.days_left or 0, 1), at=at)
    step.due_at, step.remind_at = deadlines["due_at"], deadlines["remind_at"]
    step.stopped_at, step.days_left, step.reminded_at = None, None, None
    step.save(update_fields=["due_at", "remind_at", "stopped_at", "days_left", "reminded_at"])
    schedule_protection(step.request, step, by=by, at=at)


def close_step(step: ReviewStep, *, at: datetime) -> None:
    step.closed_at = at
    step.stopped_at, step.days_left = None, None
    step.save(update_fields=["closed_at", "stopped_at", "days_left"])


def leave_to_others(step: ReviewStep, person: Employee) -> None:
    """Give the step back to its team if it is somebody's who has decided already."""
    if step.assignee_id == person.pk:
        step.assignee = None
        step.save(update_fields=["assignee"])


@transaction.atomic
def assign_step(*, request: ExemptionRequest, by: Employee, to: Employee | None) -> ReviewStep:
    """Give a team's step to one of the team, oneself perhaps, or (None) back to the team.

    Raises:
        NotYourStep, DecidedAlready: `by` can't decide it either, or it is the line manager's.
        AssigneeNotAble: `to` can't.
    """
    request = locked(request)
    now = timezone.now()
    expect(request, State.IN_REVIEW, State.INFORMATION_REQUESTED, State.APPEALED)
    step = step_of(request)
    if step.reviewer == Reviewer.MANAGER and step.escalated_at is None:
        raise NotYourStep
    check_may_act(by, step, at=now)
    if to is not None and not _can_take(to, step, at=now):
        raise AssigneeNotAble
    step.assignee = to
    step.save(update_fields=["assignee"])
    record_step(step, events.STEP_TAKEN if to else events.STEP_RELEASED, by=by, at=now)
    if to is not None and to != by:
        owe("review_waiting", to=to, context={"request": str(request.pk)})
    return step


def check_may_act(by: Employee, step: ReviewStep, *, at: datetime) -> None:
    """Raises NotYourStep, or DecidedAlready: nobody has a hand in the appeal against themself."""
    if not reviewing.may_handle(reviewing.reviewing_as(by, at=at), step):
        raise NotYourStep
    if step.is_appeal and reviewing.has_decided(by, step.request):
        raise DecidedAlready


def escalate_if_nobody_is_there(step: ReviewStep, *, at: datetime) -> bool:
    """Let the fallback decide at once when there is no line manager, or none in reach."""
    if step.reviewer != Reviewer.MANAGER or step.escalated_at is not None:
        return False
    if reviewing.manager_in_reach(step.request.requester, at=at) is not None:
        return False
    mark_escalated(step, at=at, because="away")
    return True


def mark_escalated(step: ReviewStep, *, at: datetime, because: str) -> None:
    """Let the fallback decide as well; without one, the step stays with whom it waits for.

    `because` is "away" or "overdue".
    """
    step.escalated_at = at
    step.save(update_fields=["escalated_at"])
    record_step(step, events.STEP_ESCALATED, by=system_user(), at=at, because=because)


def tell_handlers(event: str, step: ReviewStep, *, at: datetime) -> None:
    handlers = reviewing.named_handlers(step, at=at)
    owe_each(event, {person: {"request": str(step.request_id)} for person in handlers})


def _can_take(person: Employee, step: ReviewStep, *, at: datetime) -> bool:
    who = reviewing.reviewing_as(person, at=at)
    return reviewing.may_handle(who, step) and not reviewing.has_decided(person, step.request)


def _deadlines(request: ExemptionRequest, days: int, *, at: datetime) -> dict[str, datetime]:
    """Return when a step of so many business days is due, and when it is a business day before."""
    today, place = _today(request, at), request.requester.jurisdiction_id
    zone = request.requester.time_zone
    return {
        "due_at": end_of_day(add_business_days(today, days, jurisdiction=place), time_zone=zone),
        "remind_at": end_of_day(
            add_business_days(today, days - 1, jurisdiction=place), time_zone=zone
        ),
    }


def _today(request: ExemptionRequest, at: datetime) -> date:
    return local_day(at, time_zone=request.requester.time_zone)


def record_step(
    step: ReviewStep, event: str, *, by: Employee, at: datetime, **details: object
) -> None:
    """Record what happened to a step under its request, without saying whose step it is."""
    record_on(step.request, event, by=by, at=at, position=step.position, **details)
