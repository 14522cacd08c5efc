"""What an employee may read of their own requests."""

import uuid
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from exemptions import rules
from exemptions.models import (
    Attachment,
    Decision,
    ExemptionRequest,
    Ground,
    Message,
    MessageKind,
    ReviewStep,
    Route,
    RouteState,
    State,
)
from exemptions.models.requests import ExemptionRequestQuerySet
from exemptions.scope import Scope

ATTACHMENTS_WITHOUT_CONTENT = Attachment.objects.defer("content")


def requests_of(employee: Employee) -> ExemptionRequestQuerySet:
    """Return one's own requests, drafts too, newest first."""
    return (
        ExemptionRequest.objects.filter(requester=employee)
        .select_related("ground", "route", "exemption", "protection", "requester__jurisdiction")
        .order_by("-created_at")
    )


def request_for(employee: Employee, request_id: uuid.UUID) -> ExemptionRequest:
    """Return one's own request that was sent; 404 also hides requests of others."""
    return get_object_or_404(requests_of(employee).submitted(), pk=request_id)


def own_request_for(employee: Employee, request_id: uuid.UUID) -> ExemptionRequest:
    """Return one's own request, a draft or sent; 404 also hides requests of others."""
    return get_object_or_404(requests_of(employee), pk=request_id)


def offered_grounds() -> list[Ground]:
    """Return the grounds that can be chosen now, each with its route in force at `route`."""
    in_force = Route.objects.filter(state=RouteState.IN_FORCE).prefetch_related("steps")
    grounds = Ground.objects.filter(is_offered=True).prefetch_related(
        Prefetch("routes", queryset=in_force, to_attr="routes_in_force")
    )
    return [ground for ground in grounds if ground.routes_in_force]


def route_in_force(ground: Ground) -> Route | None:
    return ground.routes.filter(state=RouteState.IN_FORCE).prefetch_related("steps").first()


def statement_of(request: ExemptionRequest) -> Message | None:
    return request.messages.filter(kind=MessageKind.STATEMENT).first()


def messages_of(request: ExemptionRequest) -> list[Message]:
    """Return what the employee and the reviewers wrote to each other, oldest first; no notes."""
    written = request.messages.exclude(kind=MessageKind.NOTE).select_related("author")
    return list(written.order_by("written_at"))


def sent_since(employee: Employee, since: datetime) -> int:
    """Count the requests that somebody sent after `since`, what was withdrawn too."""
    return requests_of(employee).filter(submitted_at__gt=since).count()


def additions_since(request: ExemptionRequest, since: datetime) -> int:
    """Count what the requester added by themself after `since`."""
    return request.messages.filter(kind=MessageKind.ADDITION, written_at__gt=since).count()


def attachments_of(request: ExemptionRequest) -> list[Attachment]:
    """Return the files without their content."""
    return list(ATTACHMENTS_WITHOUT_CONTENT.filter(request=request))


def attachment_of(request: ExemptionRequest, attachment_id: uuid.UUID) -> Attachment:
    """Return one file of a request that the reader may read."""
    return get_object_or_404(Attachment, pk=attachment_id, request=request)


def decisions_on(request: ExemptionRequest) -> list[Decision]:
    return list(request.decisions.select_related("by", "step", "on_behalf_of"))


def open_step(request: ExemptionRequest) -> ReviewStep | None:
    """Return the step that a pending request waits at."""
    return request.steps.open().select_related("assignee").first()


def legal_clock_began(request: ExemptionRequest, step: ReviewStep) -> datetime:
    """Return when what the legal deadline counts from was sent: the request, or the appeal."""
    if step.is_appeal:
        return step.opened_at
    assert request.submitted_at is not None  # noqa: S101 (a constraint says so once submitted)
    return request.submitted_at


def steps_of(request: ExemptionRequest) -> QuerySet[ReviewStep]:
    """Return the steps that a request reached, in the order they were opened."""
    return request.steps.order_by("position")


def protects_same(employee: Employee, scope: Scope) -> bool:
    """Whether a pending request of this person protects just this scope already."""
    return ExemptionRequest.objects.filter(requester=employee, protected_scope=scope.key).exists()


def protection_is_used_up(request: ExemptionRequest, *, since: datetime) -> bool:
    """Whether any of it was asked for on the same grounds after `since`, and that is enough.

    One that was declined, in part too, or revoked is; of those withdrawn, WITHDRAWALS_FORGIVEN are
    not. An appeal does not change that before it is decided.
    """
    earlier = ExemptionRequest.objects.filter(
        requester=request.requester_id, ground=request.ground_id
    )
    ended = Q(revoked_at__gt=since) | Q(
        decided_at__gt=since,
        state__in=[
            State.DECLINED,
            State.PARTLY_APPROVED,
            State.UPHELD,
            State.APPEALED,
            State.INFORMATION_REQUESTED,
        ],
    )
    if any(one.asked.overlaps(request.asked) for one in earlier.filter(ended)):
        return True
    withdrawn = earlier.filter(state=State.WITHDRAWN, decided_at__gt=since)
    overlapping = sum(one.asked.overlaps(request.asked) for one in withdrawn)
    return overlapping > rules.WITHDRAWALS_FORGIVEN
