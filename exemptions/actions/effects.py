"""What a request does on the devices: its protection while it is pending, then its exemption."""

from datetime import date, datetime, timedelta

from consent_app.people.models import Employee
from consent_app.restrictions.actions import Narrowing, change_restrictions
from consent_app.restrictions.models import Restriction, Source
from exemptions.actions.changes import change
from exemptions.deadlines import add_business_days, end_of_day, last_day_before
from exemptions.models import ExemptionRequest, ReviewStep
from exemptions.scope import Scope, list_or_none


def start_of(day: date, *, time_zone: str) -> datetime:
    return end_of_day(day - timedelta(days=1), time_zone=time_zone)


def schedule_protection(
    request: ExemptionRequest, step: ReviewStep, *, by: Employee, at: datetime
) -> None:
    """Write when silence begins to protect the requester, before anybody is silent.

    The row begins by its date, on the device too, so it needs no task to run. What protects already
    stays, and so does what the grounds protect from the first day asked for. Without any deadline
    that runs, nothing is scheduled.
    """
    protection = request.protection
    if protection is not None and (
        protection.starts_at <= at or _protects_while_pending(request, step)
    ):
        return
    starts_at = _silent_from(request, step, at=at)
    if protection is not None and protection.starts_at == starts_at:
        return
    end = {protection: at} if protection else {}
    wanted = _protection(request, starts_at=starts_at) if starts_at else None
    made = change_restrictions(
        employee=request.requester, by=by, at=at, end=end, add=[wanted] if wanted else []
    )
    change(request, protection=made[0] if made else None)


def protect_now(request: ExemptionRequest, *, by: Employee, at: datetime) -> Restriction | None:
    """Protect from this moment, or from the first day asked for, until somebody decides."""
    first_day = start_of(request.asked.starts_on, time_zone=request.requester.time_zone)
    wanted = _protection(request, starts_at=max(at, first_day))
    made = change_restrictions(
        employee=request.requester, by=by, at=at, add=[wanted] if wanted else []
    )
    return made[0] if made else None


def settle(
    request: ExemptionRequest, granted: Scope | None, *, by: Employee, at: datetime
) -> dict[str, object]:
    """End the protection and, if something is granted, write the exemption; one change for devices.

    Returns the fields of the request that follow from it.
    """
    protection = request.protection
    end = {}
    # One whose period is over ended then, and not only now.
    if protection is not None and (protection.ends_at is None or protection.ends_at > at):
        end[protection] = at
    fields: dict[str, object] = {"protection": None, "protected_scope": ""}
    add = []
    if granted is not None:
        exemption = _exemption(request, granted, at=at)
        add = [exemption]
        end |= _superseded(request, from_=exemption.starts_at)
    made = change_restrictions(employee=request.requester, by=by, at=at, end=end, add=add)
    if granted is not None:
        fields |= {
            "exemption": made[0],
            "granted_applications": list_or_none(granted.applications),
            "granted_kinds": list_or_none(granted.kinds),
            "granted_starts_on": granted.starts_on,
            "granted_ends_on": granted.ends_on,
            "granted_review_on": granted.review_on,
            "expiry_told_days": None,
        }
    return fields


def last_day_of(step: ReviewStep) -> date:
    """Return the requester's day at whose end the step is due."""
    return last_day_before(step.due_at, time_zone=step.request.requester.time_zone)


def _protects_while_pending(request: ExemptionRequest, step: ReviewStep) -> bool:
    """Whether its protection is there for its grounds, and not for silence."""
    if request.protected_scope:
        return True
    return step.is_appeal and request.route is not None and request.route.protects_while_pending


def _silent_from(request: ExemptionRequest, step: ReviewStep, *, at: datetime) -> datetime | None:
    """Return when a deadline has passed for which the requester is protected."""
    requester = request.requester
    moments = []
    if step.stopped_at is None:
        grace_ends = add_business_days(
            last_day_of(step), step.grace_days, jurisdiction=requester.jurisdiction_id
        )
        moments.append(end_of_day(grace_ends, time_zone=requester.time_zone))
    if request.legal_due_on is not None:
        moments.append(end_of_day(request.legal_due_on, time_zone=requester.time_zone))
    # A renewal sent in time keeps what there was: no gap before it is decided.
    if (renewed_until := _renewed_until(request)) is not None:
        moments.append(renewed_until)
    if not moments:
        return None
    first_day = start_of(request.asked.starts_on, time_zone=requester.time_zone)
    return max(at, min(moments), first_day)


def _renewed_until(request: ExemptionRequest) -> datetime | None:
    """Return when the exemption that this one renews ends, if it was still in force when sent."""
    renewed = request.renews.exemption if request.renews else None
    if renewed is None or renewed.ends_at is None or request.submitted_at is None:
        return None
    return renewed.ends_at if renewed.ends_at > request.submitted_at else None


def _protection(request: ExemptionRequest, *, starts_at: datetime) -> Narrowing | None:
    """Return the restriction that protects what was asked for; None once that period is over."""
    asked = request.asked
    ends_at = _end_of(asked, request.requester)
    if ends_at is not None and ends_at <= starts_at:
        return None
    return Narrowing(
        source=Source.PROTECTION,
        cause=request.cause,
        starts_at=starts_at,
        ends_at=ends_at,
        applications=asked.applications,
        kinds=asked.kinds,
    )


def _exemption(request: ExemptionRequest, granted: Scope, *, at: datetime) -> Narrowing:
    first_day = start_of(granted.starts_on, time_zone=request.requester.time_zone)
    return Narrowing(
        source=Source.EXEMPTION,
        cause=request.cause,
        starts_at=max(at, first_day),
        ends_at=_end_of(granted, request.requester),
        applications=granted.applications,
        kinds=granted.kinds,
    )


def _superseded(request: ExemptionRequest, *, from_: datetime) -> dict[Restriction, datetime]:
    """Return what the new exemption takes the place of: what it renews, what an appeal changes."""
    earlier = [request.exemption, request.renews.exemption if request.renews else None]
    return {
        row: max(from_, row.starts_at)
        for row in earlier
        if row is not None and (row.ends_at is None or row.ends_at > from_)
    }


def _end_of(scope: Scope, person: Employee) -> datetime | None:
    return end_of_day(scope.ends_on, time_zone=person.time_zone) if scope.ends_on else None
