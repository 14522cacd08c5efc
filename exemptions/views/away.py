"""Being away, and who decides meanwhile."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.people.models import Employee
from consent_app.register.subjects import visible
from exemptions.actions import delegations as actions
from exemptions.deadlines import A_MOMENT
from exemptions.errors import (
    DelegateNotAble,
    DelegationInPast,
    DelegationOutOfRange,
    DelegationOverlaps,
    ReasonMissing,
    TextTooLong,
)
from exemptions.forms.away import AwayForm, begin
from exemptions.models import Delegation
from exemptions.queries import away as queries
from exemptions.views.statuses import status_of
from portal.lib.http import UserRequest, render_partial
from portal.lib.rate_limits import RateLimited, check_rate
from portal.lib.refusals import Refusal

PAGE = "review/away.html"
PARTIAL = "found-people"
# Names are there to be chosen from; a list of everybody is not to be had by asking often.
MOST_SEARCHES, PER_SECONDS = 60, 60

FIELD_OF: Mapping[type[Refusal], str] = {
    DelegationInPast: "first_day",
    DelegationOverlaps: "first_day",
    DelegationOutOfRange: "last_day",
    DelegateNotAble: "name",
    ReasonMissing: "reason",
    TextTooLong: "reason",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A delegation as the page shows it; `last_moment` is within its last day."""

    delegation: Delegation
    is_current: bool
    last_moment: datetime
    reason: str


@require_http_methods(["GET", "HEAD", "POST"])
def review_away(request: UserRequest) -> HttpResponse:
    """Show my delegations and begin another; htmx asks who a name stands for."""
    queries.check_may_read(request.user, at=timezone.now())
    sent = request.POST if request.method == "POST" else request.GET
    if sent.get("name") and not _may_search(request.user):
        return render(request, "429.html", status=429)
    if request.method == "POST":
        return _start(request, AwayForm(request.POST, person=request.user))
    if request.htmx and "name" in request.GET:
        found = queries.colleagues_like(request.user, request.GET["name"])
        return render_partial(request, PAGE, PARTIAL, {"found": found})
    return _page(request, begin(request.user))


@require_POST
def review_away_end(request: UserRequest, delegation_id: uuid.UUID) -> HttpResponse:
    delegation = queries.delegation_for(request.user, delegation_id)
    actions.end_delegation(delegation=delegation, by=request.user)
    messages.info(request, "It is over. What waits for you is yours to decide again.")
    return redirect("review-away")


def _start(request: UserRequest, form: AwayForm) -> HttpResponse:
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        actions.start_delegation(
            person=request.user,
            by=request.user,
            delegate=form.delegate,
            starts_at=form.starts_at,
            ends_at=form.ends_at,
            reason=form.cleaned_data["reason"],
        )
    except Refusal as refusal:
        form.add_error(FIELD_OF.get(type(refusal)), refusal.message)
        return _page(request, form, status=status_of(refusal))
    who = form.delegate.name if form.delegate else "Who steps in for you"
    messages.info(request, f"Saved. {who} decides while you are away.")
    return redirect("review-away")


def _page(request: UserRequest, form: AwayForm, *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    mine = queries.own_delegations(request.user, over=False, at=now)
    over = queries.own_delegations(request.user, over=True, at=now)
    given = queries.given_to(request.user, at=now)
    context = {
        "form": form,
        "mine": [_shown(delegation, now) for delegation in mine],
        "over": [_shown(delegation, now) for delegation in over],
        "given": [_shown(delegation, now) for delegation in given],
    }
    return render(request, PAGE, context, status=status)


def _shown(delegation: Delegation, now: datetime) -> Shown:
    return Shown(
        delegation=delegation,
        is_current=delegation.starts_at <= now < delegation.ends_at,
        last_moment=delegation.ends_at - A_MOMENT,
        reason=visible(delegation.reason),
    )


def _may_search(person: Employee) -> bool:
    try:
        check_rate("people-search", str(person.pk), most=MOST_SEARCHES, per_seconds=PER_SECONDS)
    except RateLimited:
        return False
    return True
