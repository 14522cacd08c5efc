"""What time does to requests: reminders, escalation, telling who is protected, expiry.

Celery beat calls `keep_time` once a minute. Nothing here decides anything: a protection and an
exemption begin and end by the dates of their Restrictions, a delegation by its own, whether this
runs or not. It tells people, and lets the fallback step in.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from consent_app.notifications.actions import owe
from consent_app.people.queries import system_user
from exemptions import events, rules
from exemptions.actions.changes import locked, record_on
from exemptions.actions.steps import (
    escalate_if_nobody_is_there,
    mark_escalated,
    record_step,
    tell_handlers,
)
from exemptions.deadlines import local_day
from exemptions.models import PENDING, Delegation, ExemptionRequest, Reviewer, ReviewStep
from exemptions.queries import own

logger = logging.getLogger(__name__)

BATCH = 500
ONE_DAY = timedelta(days=1)

Keeper = Callable[[ExemptionRequest, datetime], None]


def keep_time() -> int:
    """Do what is due for each request; return for how many. One at fault holds up no other."""
    now = timezone.now()
    done = 0
    for keeper, due in (
        (_escalate, _overdue(now)),
        (_remind, _nearly_due(now)),
        (_pass_over_who_left, _steps_of_who_left(now)),
        (_tell_protected, _protected_untold(now)),
        (_tell_ending, _ending_soon(now)),
    ):
        done += _each(keeper, due)
    return done


def _each(keeper: Keeper, due: Iterable[uuid.UUID]) -> int:
    done = 0
    for request_id in due:
        try:
            with transaction.atomic():
                known = ExemptionRequest.objects.select_related("requester").get(pk=request_id)
                keeper(locked(known), timezone.now())
            done += 1
        except Exception:  # the outermost edge of each request's own timekeeping
            logger.exception("request %s: timekeeping failed", request_id)
    return done


def _overdue(now: datetime) -> list[uuid.UUID]:
    """Return the requests whose step is overdue with nobody asked to step in."""
    steps = ReviewStep.objects.open().filter(
        due_at__lte=now, escalated_at__isnull=True, stopped_at__isnull=True
    )
    return list(steps.order_by("due_at").values_list("request", flat=True)[:BATCH])


def _nearly_due(now: datetime) -> list[uuid.UUID]:
    """Return the requests whose step is due soon with nobody reminded; overdue is too late."""
    steps = ReviewStep.objects.open().filter(
        remind_at__lte=now, due_at__gt=now, reminded_at__isnull=True, stopped_at__isnull=True
    )
    return list(steps.order_by("remind_at").values_list("request", flat=True)[:BATCH])


def _steps_of_who_left(now: datetime) -> list[uuid.UUID]:
    """Return the requests that wait for somebody who is not there any more, or away with nobody."""
    away = Delegation.objects.in_force(now)
    # As reviewing.manager_in_reach says of one request.
    nobody_stands_in = away.filter(
        Q(delegate__isnull=True)
        | Q(delegate__is_active=False)
        | Q(delegate=OuterRef("request__requester"))
        | Exists(away.filter(person=OuterRef("delegate"))),
        person=OuterRef("request__requester__line_manager"),
    )
    for_manager = Q(reviewer=Reviewer.MANAGER, escalated_at__isnull=True)
    steps = ReviewStep.objects.open().filter(
        Q(assignee__is_active=False)
        | for_manager & Q(request__requester__line_manager__isnull=True)
        | for_manager & Q(request__requester__line_manager__is_active=False)
        | for_manager & Exists(nobody_stands_in)
    )
    return list(steps.values_list("request", flat=True)[:BATCH])


def _protected_untold(now: datetime) -> list[uuid.UUID]:
    """Return the requests that silence protects since a moment that has passed."""
    requests = ExemptionRequest.objects.filter(
        state__in=PENDING,
        protected_scope="",
        protection__starts_at__lte=now,
        protection_told_at__isnull=True,
    ).filter(Q(protection__ends_at__isnull=True) | Q(protection__ends_at__gt=now))
    return list(requests.values_list("pk", flat=True)[:BATCH])


def _ending_soon(now: datetime) -> list[uuid.UUID]:
    """Return the requests whose exemption ends, or is to be looked at again, in few days."""
    near = Q()
    for days in (*rules.REMINDED_BEFORE_END, 0):
        # Nowhere is the day later than one after that of UTC.
        untold = Q(expiry_told_days__isnull=True) | Q(expiry_told_days__gt=days)
        latest = now.date() + ONE_DAY * days
        near |= untold & (Q(granted_ends_on__lte=latest) | Q(granted_review_on__lte=latest))
    requests = ExemptionRequest.objects.filter(
        # What was renewed goes on.
        near, exemption__isnull=False, renewal__exemption__isnull=True
    )  # fmt: skip
    day = Coalesce("granted_ends_on", "granted_review_on")
    due = requests.select_related("requester").order_by(day)[: 4 * BATCH]
    return [request.pk for request in due if _reminder_due(request, now) is not None]


def _reminder_due(request: ExemptionRequest, now: datetime) -> int | None:
    """Return which reminder is due and not given: 30, 7 or 1 days before, or 0 at the end."""
    left = _days_left(request, now)
    if left is None:
        return None
    due = [days for days in (*rules.REMINDED_BEFORE_END, 0) if left <= days]
    if not due or left > max(rules.REMINDED_BEFORE_END):
        return None
    told = request.expiry_told_days
    return due[-1] if told is None or due[-1] < told else None


def _days_left(request: ExemptionRequest, now: datetime) -> int | None:
    """Return the days of the requester until it ends or is to be looked at again, today too."""
    last_day = request.granted_ends_on or request.granted_review_on
    if last_day is None:
        return None
    return (last_day - local_day(now, time_zone=request.requester.time_zone)).days + 1


def _escalate(request: ExemptionRequest, now: datetime) -> None:
    step = own.open_step(request)
    if step is None or step.escalated_at or step.stopped_at or step.due_at > now:
        return
    step.request = request
    mark_escalated(step, at=now, because="overdue")
    tell_handlers("review_escalated", step, at=now)


def _remind(request: ExemptionRequest, now: datetime) -> None:
    step = own.open_step(request)
    if step is None or step.reminded_at or step.stopped_at or step.remind_at > now:
        return
    step.request = request
    step.reminded_at = now
    step.save(update_fields=["reminded_at"])
    record_step(step, events.STEP_REMINDED, by=system_user(), at=now)
    tell_handlers("review_reminder", step, at=now)


def _pass_over_who_left(request: ExemptionRequest, now: datetime) -> None:
    step = own.open_step(request)
    if step is None:
        return
    step.request = request
    if step.assignee is not None and not step.assignee.is_active:
        step.assignee = None
        step.save(update_fields=["assignee"])
        record_step(step, events.STEP_RELEASED, by=system_user(), at=now)
    if escalate_if_nobody_is_there(step, at=now):
        tell_handlers("review_waiting", step, at=now)


def _tell_protected(request: ExemptionRequest, now: datetime) -> None:
    protection = request.protection
    if protection is None or protection.starts_at > now or request.protection_told_at:
        return
    request.protection_told_at = now
    request.save(update_fields=["protection_told_at"])
    record_on(request, events.REQUEST_PROTECTED, by=system_user(), at=now)
    owe("request_protected", to=request.requester, context={"request": str(request.pk)})


def _tell_ending(request: ExemptionRequest, now: datetime) -> None:
    days = _reminder_due(request, now)
    if days is None:
        return
    request.expiry_told_days = days
    request.save(update_fields=["expiry_told_days"])
    last_day = request.granted_ends_on
    if last_day is None:
        _tell_review(request)
        return
    context: dict[str, object] = {"request": str(request.pk), "ends_on": last_day.isoformat()}
    if days:
        context["days"] = _days_left(request, now)
        owe("exemption_expiring", to=request.requester, context=context)
        return
    record_on(request, events.EXEMPTION_EXPIRED, by=system_user(), at=now)
    owe("exemption_expired", to=request.requester, context=context)


def _tell_review(request: ExemptionRequest) -> None:
    """Say that an open exemption is to be looked at again; it goes on, nothing ends by itself."""
    review_on = request.granted_review_on
    assert review_on is not None  # noqa: S101 (a granted scope has one or the other)
    context = {"request": str(request.pk), "review_on": review_on.isoformat()}
    owe("exemption_review", to=request.requester, context=context)
