"""Deciding a step, and revoking what was granted."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.register.queries import application_slugs, kind_codes
from consent_app.restrictions.actions import change_restrictions
from exemptions import events, rules
from exemptions.actions.changes import change, expect, locked, record_on, step_of
from exemptions.actions.effects import settle
from exemptions.actions.steps import close_step, leave_to_others, open_step, record_step
from exemptions.deadlines import add_business_days, end_of_day, local_day
from exemptions.errors import (
    DecidedAlready,
    NoticeTooShort,
    NotYourStep,
    OwnRequest,
    PeriodOver,
    WiderThanAsked,
    WrongState,
)
from exemptions.models import (
    Decision,
    DeclineCode,
    ExemptionRequest,
    Message,
    MessageKind,
    Reviewer,
    ReviewStep,
    State,
    Verdict,
)
from exemptions.queries import reviewing
from exemptions.scope import Scope, list_or_none
from exemptions.sealed import seal_text

UNDECIDED = (State.IN_REVIEW, State.INFORMATION_REQUESTED, State.APPEALED)


@sensitive_variables()
@transaction.atomic
def decide(
    *,
    request: ExemptionRequest,
    by: Employee,
    seen: int,
    verdict: Verdict,
    text: str = "",
    code: str = "",
    scope: Scope | None = None,
) -> Decision:
    """Say yes, yes to a part (`scope`), or no to the step that the request waits at.

    `seen` is the version on the reviewer's screen; `text` is what the employee reads.

    Raises:
        OwnRequest, NotYourStep, DecidedAlready: not by this person.
        SomebodyWasFirst, WrongState, PeriodOver: not any more.
        ReasonMissing, CodeMissing, TextTooLong: the words don't do.
        WiderThanAsked, NotNarrower, NothingChosen, NotInRegister, PeriodOutOfRange: the scope
            doesn't.
    """
    if request.requester_id == by.pk:
        raise OwnRequest
    code = _code(verdict, code)
    rules.check_words(verdict=verdict, code=code, text=text)
    clean = rules.clean_text(text) if text.strip() else ""
    request = locked(request, seen=seen)
    now = timezone.now()
    expect(request, *UNDECIDED)
    step = step_of(request)
    _check_may_decide(by, step, at=now)
    granted = _granted(request, step, verdict=verdict, scope=scope, at=now)
    decision = _write_decision(
        step, by=by, at=now, verdict=verdict, code=code, text=clean, granted=granted
    )
    outcome = rules.agreed_outcome(_verdicts(step), people=step.people)
    if outcome is None:
        leave_to_others(step, by)
        change(request)  # whoever has it open sees that one of two has decided
    elif outcome == Verdict.DECLINE:
        _close(request, step, None, by=by, at=now)
    elif step.is_appeal or not _next_step(request, step, by=by, at=now):
        _close(request, step, reviewing.standing_scope(request, step), by=by, at=now)
    return decision


@sensitive_variables()
@transaction.atomic
def revoke_exemption(
    *, request: ExemptionRequest, by: Employee, seen: int, last_day: date, text: str
) -> ExemptionRequest:
    """End an exemption after `last_day`, with the reason that the employee reads.

    Raises:
        NoticeTooShort: fewer than REVOCATION_NOTICE_DAYS business days from today.
        PeriodOutOfRange: a day that is too far away.
        NotYourStep: not by somebody of a team that decided on it.
        WrongState, SomebodyWasFirst, TextMissing, TextTooLong.
    """
    if request.requester_id == by.pk:
        raise OwnRequest
    clean = rules.clean_text(text)
    request = locked(request, seen=seen)
    now = timezone.now()
    expect(request, State.APPROVED, State.PARTLY_APPROVED, State.OVERTURNED, State.UPHELD)
    if request.exemption is None or not may_revoke(request, by, at=now):
        raise NotYourStep
    granted = request.granted
    assert granted is not None  # noqa: S101 (a constraint says so of an exemption)
    rules.check_last_day(last_day, today=local_day(now, time_zone=request.requester.time_zone))
    ends_at = end_of_day(last_day, time_zone=request.requester.time_zone)
    if request.exemption.ends_at is not None and request.exemption.ends_at <= ends_at:
        raise WrongState("It ends by then anyway.")
    if last_day < earliest_last_day(request, at=now):
        raise NoticeTooShort
    message = Message(request=request, author=by, kind=MessageKind.REVOCATION, written_at=now)
    message.text = seal_text(request, clean, purpose=message.purpose)
    message.save(force_insert=True)
    change_restrictions(employee=request.requester, by=by, at=now, end={request.exemption: ends_at})
    change(
        request, state=State.REVOKED, revoked_at=now,
        granted_starts_on=min(granted.starts_on, last_day), granted_ends_on=last_day,
        granted_review_on=None,
    )  # fmt: skip
    record_on(request, events.EXEMPTION_REVOKED, by=by, at=now, ends_on=last_day.isoformat())
    owe("exemption_revoked", to=request.requester, context={"request": str(request.pk)})
    return request


def may_revoke(request: ExemptionRequest, by: Employee, *, at: datetime) -> bool:
    """Whether somebody is of a team that had a step of the request, or stepped in at one.

    Never the line manager, nor who stands in for them: an escalated step is theirs still.
    """
    if request.requester.line_manager_id == by.pk:
        return False
    who = reviewing.reviewing_as(by, at=at)
    as_team = Q(reviewer__in=who.teams) | Q(escalated_at__isnull=False, fallback__in=who.teams)
    return reviewing.steps_before(who).filter(as_team, request=request).exists()


def earliest_last_day(request: ExemptionRequest, *, at: datetime) -> date:
    """Return the first day after whose end an exemption may be revoked."""
    requester = request.requester
    today = local_day(at, time_zone=requester.time_zone)
    return add_business_days(
        today, rules.REVOCATION_NOTICE_DAYS, jurisdiction=requester.jurisdiction_id
    )


def _check_may_decide(by: Employee, step: ReviewStep, *, at: datetime) -> None:
    if not reviewing.may_handle(reviewing.reviewing_as(by, at=at), step):
        raise NotYourStep
    if reviewing.has_decided(by, step.request):
        raise DecidedAlready


def _code(verdict: Verdict, code: str) -> str:
    """Return the code of a decline, empty if it is none that exists; other verdicts have none."""
    return code if verdict == Verdict.DECLINE and code in DeclineCode.values else ""


def _granted(
    request: ExemptionRequest,
    step: ReviewStep,
    *,
    verdict: Verdict,
    scope: Scope | None,
    at: datetime,
) -> Scope | None:
    """Return what this decision lets stand, checked against what stood before it."""
    if verdict == Verdict.DECLINE:
        return None
    standing = reviewing.standing_scope(request, step)
    in_part = verdict == Verdict.APPROVE_IN_PART
    granted = scope if in_part and scope is not None else standing
    rules.check_approval(granted, standing=standing, in_part=in_part)
    if in_part:
        _check_register(granted, standing)
    today = local_day(at, time_zone=request.requester.time_zone)
    if granted.ends_on is not None and granted.ends_on < today:
        raise PeriodOver
    earlier = request.granted
    if earlier is not None and not earlier.is_within(granted):
        raise WiderThanAsked("An appeal never leaves less than was approved before it.")
    return granted


def _check_register(granted: Scope, standing: Scope) -> None:
    """Accept what the register has, and what was asked for while it had it."""
    rules.check_lists(
        granted,
        applications=application_slugs() | (standing.applications or frozenset()),
        kinds=kind_codes() | (standing.kinds or frozenset()),
    )


@sensitive_variables()
def _write_decision(
    step: ReviewStep,
    *,
    by: Employee,
    at: datetime,
    verdict: Verdict,
    code: str,
    text: str,
    granted: Scope | None,
) -> Decision:
    request = step.request
    decision = Decision(
        request=request, step=step, by=by, on_behalf_of=_stands_in_for(by, step, at=at),
        verdict=verdict, code=code, saw=_what_was_seen(request), decided_at=at,
    )  # fmt: skip
    if granted is not None:
        decision.applications = list_or_none(granted.applications)
        decision.kinds = list_or_none(granted.kinds)
        decision.starts_on = granted.starts_on
        decision.ends_on = granted.ends_on
        decision.review_on = granted.review_on
    decision.text = seal_text(request, text, purpose=decision.purpose)
    decision.save(force_insert=True)
    record_step(step, events.STEP_DECIDED, by=by, at=at, verdict=verdict.value)
    return decision


def _stands_in_for(by: Employee, step: ReviewStep, *, at: datetime) -> Employee | None:
    """Return whose place somebody takes: the manager's or the assignee's, if not their own.

    Whoever steps in for a manager by their own role takes nobody's place.
    """
    teams = reviewing.reviewing_as(by, at=at).teams
    steps_in = step.escalated_at is not None and step.fallback in teams
    if step.reviewer == Reviewer.MANAGER and not steps_in:
        meant = step.request.requester.line_manager
    else:
        meant = step.assignee
    return meant if meant is not None and meant != by else None


def _what_was_seen(request: ExemptionRequest) -> dict[str, Any]:
    """Name everything on the reviewer's screen; it never changes, so its ids are enough."""
    return {
        "version": request.version,
        "messages": [str(pk) for pk in request.messages.values_list("pk", flat=True)],
        "attachments": [str(pk) for pk in request.attachments.values_list("pk", flat=True)],
    }


def _verdicts(step: ReviewStep) -> Sequence[str]:
    return list(step.decisions.values_list("verdict", flat=True))


def _next_step(request: ExemptionRequest, step: ReviewStep, *, by: Employee, at: datetime) -> bool:
    """Open the step after this one, if the request's route has one."""
    assert request.route is not None  # noqa: S101 (a constraint says so once submitted)
    plan = request.route.steps.filter(position__gt=step.position).first()
    if plan is None:
        return False
    close_step(step, at=at)
    change(request, state=State.IN_REVIEW)
    open_step(
        request, position=plan.position, by=by, at=at, reviewer=plan.reviewer, people=plan.people,
        target_days=plan.target_days, grace_days=plan.grace_days, fallback=plan.fallback,
    )  # fmt: skip
    owe("request_moved_on", to=request.requester, context={"request": str(request.pk)})
    return True


def _close(
    request: ExemptionRequest,
    step: ReviewStep,
    granted: Scope | None,
    *,
    by: Employee,
    at: datetime,
) -> None:
    state = _final_state(request, step, granted)
    close_step(step, at=at)
    change(request, **settle(request, granted, by=by, at=at), state=state, decided_at=at)
    event = events.APPEAL_DECIDED if step.is_appeal else events.REQUEST_DECIDED
    record_on(request, event, by=by, at=at, state=state.value)
    message = "appeal_decided" if step.is_appeal else "request_decided"
    owe(message, to=request.requester, context={"request": str(request.pk)})


def _final_state(request: ExemptionRequest, step: ReviewStep, granted: Scope | None) -> State:
    if step.is_appeal:
        return State.UPHELD if granted is None else State.OVERTURNED
    if granted is None:
        return State.DECLINED
    return State.APPROVED if granted == request.asked else State.PARTLY_APPROVED
