"""What the requester does with a request: send, withdraw, renew, appeal."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.register.queries import application_slugs, kind_codes
from exemptions import events, rules
from exemptions.actions.changes import change, expect, locked, new_request, record_on, step_of
from exemptions.actions.effects import protect_now, settle
from exemptions.actions.steps import close_step, open_step
from exemptions.deadlines import legal_due_on, local_day
from exemptions.errors import (
    AlreadyRenewed,
    AppealTooLate,
    DraftNotComplete,
    GroundNotOffered,
    NothingToRenew,
    SameScopePending,
    TooManyRequests,
    WrongState,
)
from exemptions.models import ExemptionRequest, Message, MessageKind, Route, State
from exemptions.queries import own, reviewing
from exemptions.sealed import message_text, seal_text


@transaction.atomic
def submit_request(*, request: ExemptionRequest, by: Employee) -> ExemptionRequest:
    """Send a draft on its route, and protect its requester at once where the grounds say so.

    Raises:
        DraftNotComplete, PeriodOutOfRange, NotInRegister: see which page of the form is to be done.
        TooManyRequests: as many as one may have open are, or as many were sent within a day.
        SameScopePending: the same scope is pending and protected already.
        GroundNotOffered: its grounds can't be chosen any more.
    """
    request = locked(request)
    now = timezone.now()
    expect(request, State.DRAFT)
    _check_complete(request, at=now)
    return _send(request, by=by, at=now)


@transaction.atomic
def withdraw_request(*, request: ExemptionRequest, by: Employee) -> ExemptionRequest:
    """Take back a request that is in review; its protection ends. Raises WrongState."""
    request = locked(request)
    now = timezone.now()
    expect(request, State.IN_REVIEW, State.INFORMATION_REQUESTED)
    step = step_of(request)
    if step.is_appeal:
        raise WrongState("An appeal goes on until it is decided.")
    handlers = reviewing.named_handlers(step, at=now)
    close_step(step, at=now)
    change(
        request,
        **settle(request, None, by=by, at=now),
        state=State.WITHDRAWN,
        decided_at=now,
    )
    record_on(request, events.REQUEST_WITHDRAWN, by=by, at=now)
    for person in handlers:
        owe("review_withdrawn", to=person, context={"request": str(request.pk)})
    return request


@sensitive_variables()
@transaction.atomic
def appeal(*, request: ExemptionRequest, by: Employee, text: str) -> ExemptionRequest:
    """Ask somebody else to decide again, within 30 days; once.

    Raises:
        WrongState: nothing was declined, or the appeal was heard already.
        AppealTooLate, TextMissing, TextTooLong.
    """
    clean = rules.clean_text(text)
    request = locked(request)
    now = timezone.now()
    expect(request, State.DECLINED, State.PARTLY_APPROVED)
    if now > request.appeal_until:
        raise AppealTooLate
    route = request.route
    assert route is not None  # noqa: S101 (a constraint says so once submitted)
    message = Message(request=request, author=by, kind=MessageKind.APPEAL, written_at=now)
    message.text = seal_text(request, clean, purpose=message.purpose)
    message.save(force_insert=True)
    # The first decision met its legal deadline or not; the appeal has one of its own.
    change(
        request, state=State.APPEALED, legal_due_on=_legal_due_on(by, at=now),
        legal_extended_at=None, protection_told_at=None,
    )  # fmt: skip
    if route.protects_while_pending:
        protection = protect_now(request, by=by, at=now)
        change(request, protection=protection, protection_told_at=now)
    record_on(request, events.APPEAL_FILED, by=by, at=now)
    last = route.steps.order_by("-position").first()
    assert last is not None  # noqa: S101 (a route has steps)
    open_step(
        request, position=request.steps.count() + 1, by=by, at=now,
        reviewer=route.appeal_reviewer, people=1, target_days=last.target_days,
        grace_days=last.grace_days, fallback="", is_appeal=True,
    )  # fmt: skip
    return request


@transaction.atomic
def renew_exemption(*, request: ExemptionRequest, by: Employee) -> ExemptionRequest:
    """Send the same request again for as long a time after its end; reviewers check it anew.

    Raises:
        NothingToRenew: nothing of it is in force, or its end is far away.
        AlreadyRenewed: it was renewed before.
        TooManyRequests, SameScopePending, GroundNotOffered, NotInRegister: as for any request.
    """
    request = locked(request)
    now = timezone.now()
    today = local_day(now, time_zone=by.time_zone)
    granted = request.granted
    if granted is None or not request.is_renewable(today=today):
        raise NothingToRenew
    if ExemptionRequest.objects.filter(renews=request).exists():
        raise AlreadyRenewed
    scope = granted.renewed(today=today)
    rules.check_lists(scope, applications=application_slugs(), kinds=kind_codes())
    renewal = new_request(
        requester=by,
        ground=request.ground,
        is_sensitive=request.is_sensitive,
        created_at=now,
        renews=request,
        applications=request.granted_applications,
        kinds=request.granted_kinds,
        starts_on=scope.starts_on,
        ends_on=scope.ends_on,
        review_on=scope.review_on,
    )
    _copy_statement(request, renewal, at=now)
    return _send(renewal, by=by, at=now)


@sensitive_variables()
def _copy_statement(request: ExemptionRequest, renewal: ExemptionRequest, *, at: datetime) -> None:
    statement = own.statement_of(request)
    if statement is None:
        return
    copy = Message(
        request=renewal, author=request.requester, kind=MessageKind.STATEMENT, written_at=at
    )
    copy.text = seal_text(renewal, message_text(request, statement), purpose=copy.purpose)
    copy.save(force_insert=True)


def _check_complete(request: ExemptionRequest, *, at: datetime) -> None:
    if request.starts_on is None:
        raise DraftNotComplete("Choose from when to when.")
    if own.statement_of(request) is None:
        raise DraftNotComplete("Say in your own words why.")
    today = local_day(at, time_zone=request.requester.time_zone)
    rules.check_lists(request.asked, applications=application_slugs(), kinds=kind_codes())
    rules.check_period(request.asked, today=today)


def _send(request: ExemptionRequest, *, by: Employee, at: datetime) -> ExemptionRequest:
    employee = request.requester
    if own.requests_of(employee).pending().count() >= rules.MAX_OPEN_REQUESTS:
        raise TooManyRequests
    if own.sent_since(employee, at - rules.SENT_WITHIN) >= rules.MAX_SENT:
        raise TooManyRequests("You sent many requests within a day. Send this one tomorrow.")
    route = own.route_in_force(request.ground)
    if route is None or not request.ground.is_offered:
        raise GroundNotOffered
    change(
        request,
        state=State.IN_REVIEW,
        route=route,
        submitted_at=at,
        legal_due_on=_legal_due_on(employee, at=at),
    )
    record_on(request, events.REQUEST_SUBMITTED, by=by, at=at)
    _protect_from_submission(request, route, by=by, at=at)
    first = route.steps.all()[0]
    open_step(
        request, position=1, by=by, at=at, reviewer=first.reviewer, people=first.people,
        target_days=first.target_days, grace_days=first.grace_days, fallback=first.fallback,
    )  # fmt: skip
    owe("request_submitted", to=employee, context={"request": str(request.pk)})
    return request


def _protect_from_submission(
    request: ExemptionRequest, route: Route, *, by: Employee, at: datetime
) -> None:
    """Protect at once if the grounds say so: once per person and scope, not again and again."""
    if not route.protects_while_pending:
        return
    if own.protects_same(request.requester, request.asked):
        raise SameScopePending
    if own.protection_is_used_up(request, since=at - rules.UNPROTECTED_AFTER_DECLINE):
        return
    protection = protect_now(request, by=by, at=at)
    if protection is not None:
        change(request, protection=protection, protected_scope=request.asked.key)


def _legal_due_on(employee: Employee, *, at: datetime) -> date | None:
    """Return the day by which the law where they work wants an answer to what is sent `at`."""
    today = local_day(at, time_zone=employee.time_zone)
    place = employee.jurisdiction
    return legal_due_on(today, days=place.response_deadline_days, regime=place.regime)
