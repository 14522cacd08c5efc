"""The request form: its first page, the period, the last look before sending, and giving up."""

import itertools
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.people.models import Employee
from consent_app.register.subjects import visible_lines
from exemptions import rules
from exemptions.actions import drafts, submission
from exemptions.deadlines import add_business_days
from exemptions.forms.form import GroundForm, PeriodForm, Until
from exemptions.models import ExemptionRequest, Ground, Message, Route, State
from exemptions.queries import own
from exemptions.queries.drafts import Missing, is_protected_at_once, missing_in
from exemptions.sealed import attachment_name, message_text
from exemptions.views.form_steps import of_a_draft, steps_of
from exemptions.views.statuses import status_of
from exemptions.words.names import register_names
from exemptions.words.way import PROTECTED_AT_ONCE, Way, way_of
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

DISCARDED = "The draft is gone, with everything in it."
SENT = "Sent. Here you see who has it and until when they have to answer."
MOST_NAMED = 12  # applications in the summary


@dataclass(frozen=True, slots=True)
class Choice:
    """Grounds as they can be chosen, with what happens with each."""

    number: int
    ground: Ground
    way: Way
    is_chosen: bool


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: UserRequest) -> HttpResponse:
    """Show the grounds; choosing one begins a draft."""
    grounds = own.offered_grounds()
    form = GroundForm(request.POST if request.method == "POST" else None, grounds=grounds)
    if form.is_valid():
        chosen = next(g for g in grounds if g.slug == form.cleaned_data["ground"])
        try:
            draft = drafts.start_draft(employee=request.user, ground=chosen)
        except Refusal as refusal:
            form.add_error("ground", refusal.message)
        else:
            return redirect("request-scope", draft.pk)
    context = {
        "form": form,
        "drafts": own.requests_of(request.user).filter(state=State.DRAFT),
        "choices": _choices(grounds, form, manager=request.user.line_manager),
        "unprotected_days": rules.UNPROTECTED_AFTER_DECLINE.days,
        **steps_of(None, "request-new"),
    }
    return render(request, "requests/new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_draft
def request_period(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    today = timezone.localdate()
    posted = request.POST if request.method == "POST" else None
    form = PeriodForm(posted, today=today, initial=_period_so_far(draft, today))
    status = 200
    if form.is_valid():
        try:
            drafts.choose_period(request=draft, scope=form.scope)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
            status = status_of(refusal)
        else:
            return redirect("request-statement", draft.pk)
    elif form.errors:
        status = 422
    context = {"form": form, "draft": draft, **steps_of(draft, "request-period")}
    return render(request, "requests/period.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_draft
def request_check(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    """Show all of it once more; sending it is the employee's last word."""
    statement = own.statement_of(draft)
    missing = missing_in(draft, statement=statement, today=timezone.localdate())
    refusal_message, status = "", 200
    if request.method == "POST" and missing:
        status = 422
    elif request.method == "POST":
        try:
            submission.submit_request(request=draft, by=request.user)
        except Refusal as refusal:
            refusal_message, status = refusal.message, status_of(refusal)
        else:
            messages.info(request, SENT)
            return redirect("my-request", draft.pk)
    context = {"draft": draft, "missing": missing, "refusal": refusal_message}
    context |= _summary(draft, statement) | _what_happens(draft, missing)
    context |= steps_of(draft, "request-check")
    return render(request, "requests/check.html", context, status=status)


@require_POST
@of_a_draft
def request_discard(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    try:
        drafts.discard_draft(request=draft)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, DISCARDED)
    return redirect("request-new")


def _choices(
    grounds: list[Ground], form: GroundForm, *, manager: Employee | None
) -> dict[str, list[Choice]]:
    """Return the grounds in two groups: those that the manager never hears of, then the others."""
    chosen = form["ground"].value()
    choices = [
        Choice(
            number,
            ground,
            way_of(
                ground.routes_in_force[0],  # type: ignore[attr-defined]  # offered_grounds
                is_sensitive=ground.is_sensitive,
                manager=manager,
            ),
            is_chosen=ground.slug == chosen,
        )
        for number, ground in enumerate(sorted(grounds, key=lambda g: not g.is_sensitive))
    ]
    return {
        "confidential": [choice for choice in choices if choice.ground.is_sensitive],
        "other": [choice for choice in choices if not choice.ground.is_sensitive],
    }


def _period_so_far(draft: ExemptionRequest, today: date) -> dict[str, object]:
    if draft.starts_on is None:
        return {"starts_on": today}
    until = Until.DAY if draft.ends_on else Until.REVIEW_DAY
    return {
        "starts_on": draft.starts_on,
        "until": until,
        "ends_on": draft.ends_on,
        "review_on": draft.review_on,
    }


@sensitive_variables()
def _summary(draft: ExemptionRequest, statement: Message | None) -> dict[str, object]:
    names = register_names()
    applications = names.applications_of(draft) or []
    return {
        "applications": applications[:MOST_NAMED],
        "more_applications": applications[MOST_NAMED:],
        "kinds": names.kinds_of(draft) or [],
        "statement": visible_lines(message_text(draft, statement)) if statement else "",
        "files": [
            visible_lines(attachment_name(draft, file)) for file in own.attachments_of(draft)
        ],
    }


def _what_happens(draft: ExemptionRequest, missing: list[Missing]) -> dict[str, object]:
    """Return the route in words and days; nothing if no route is in force."""
    route = own.route_in_force(draft.ground)
    if route is None:
        return {"way": None}
    now, person = timezone.now(), draft.requester
    way = way_of(route, is_sensitive=draft.is_sensitive, manager=person.line_manager)
    is_protected, meanwhile = _meanwhile(draft, route, way, missing, at=now)
    return {
        "way": way,
        "due_on": _due_days(route, person, today=timezone.localdate(now)),
        "is_protected": is_protected,
        "meanwhile": meanwhile,
        "deadline_days": person.jurisdiction.response_deadline_days,
        "appeal_days": rules.APPEAL_WITHIN.days,
        "unprotected_days": rules.UNPROTECTED_AFTER_DECLINE.days,
    }


def _due_days(route: Route, person: Employee, *, today: date) -> date:
    """Return the last day if it is sent today and everybody takes all their time."""
    days = [step.target_days for step in route.steps.all()]
    *_, last = itertools.accumulate(
        days,
        lambda day, count: add_business_days(day, count, jurisdiction=person.jurisdiction_id),
        initial=today,
    )
    return last


def _meanwhile(
    draft: ExemptionRequest, route: Route, way: Way, missing: list[Missing], *, at: datetime
) -> tuple[bool, str]:
    """Return whether sending this very draft protects its author, and say so."""
    if missing or not route.protects_while_pending:
        return route.protects_while_pending, way.meanwhile
    if own.protects_same(draft.requester, draft.asked):
        return True, "You are protected already, by a request for just this that is in review."
    if not is_protected_at_once(draft, route, at=at):
        return False, (
            "Some of it was declined not long ago, so sending it again does not protect you at "
            "once. If they are late, you are protected until they decide."
        )
    if draft.asked.starts_on > timezone.localdate(at):
        return True, "You are protected from the first day that you ask for, until they decide."
    return True, PROTECTED_AT_ONCE
