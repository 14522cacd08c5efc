"""One request as a reviewer sees it, what they do with it, and its files.

Whoever may not open a request gets the same 404 as for one that does not exist. A confidential one
asks for the password first; before that nothing is read, written or logged as opened.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from exemptions import errors
from exemptions.actions.decisions import earliest_last_day
from exemptions.actions.openings import OPENINGS_WINDOW, open_before_acting, open_case
from exemptions.models import ExemptionRequest
from exemptions.queries import own, reviewing
from exemptions.queries.case import Case, neighbours, next_after
from exemptions.views.case_acts import ACTS, OF_VERDICT, Act, offers
from exemptions.views.downloads import download
from exemptions.views.statuses import status_of
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal
from portal.lib.step_up import ask_for_password, confirm_url, was_confirmed

PAGE = "review/case.html"
# Which question of a form a refusal is about; all others are said on top of it.
FIELD_OF: Mapping[type[Refusal], str] = {
    errors.ReasonMissing: "text",
    errors.TextMissing: "text",
    errors.TextTooLong: "text",
    errors.CodeMissing: "code",
    errors.AssigneeNotAble: "to",
    errors.DeadlineNotExtensible: "until",
    errors.NoticeTooShort: "last_day",
    errors.PeriodOutOfRange: "last_day",
}


@require_safe
def review_case(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    found = _found(request, request_id)
    if _needs_password(request, found):
        return ask_for_password(request)
    return _page(request, found)


@require_safe
def review_file(
    request: UserRequest, request_id: uuid.UUID, attachment_id: uuid.UUID
) -> HttpResponse:
    found = _found(request, request_id)
    attachment = own.attachment_of(found, attachment_id)
    if _needs_password(request, found):
        return ask_for_password(request)
    if found.sealing_key is None:
        raise Http404  # erased
    try:
        open_case(request=found, by=request.user)
    except errors.TooManyOpenings as refusal:
        return _too_many(request, refusal)
    return download(found, attachment)


@require_POST
@sensitive_post_parameters()
def review_decide(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    found = _found(request, request_id)
    act = OF_VERDICT.get(request.POST.get("verdict", ""))
    if act is None:
        raise BadRequest
    return _act(request, found, act)


@require_POST
@sensitive_post_parameters()
def review_ask(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["ask"])


@require_POST
@sensitive_post_parameters()
def review_message(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["message"])


@require_POST
@sensitive_post_parameters()
def review_note(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["note"])


@require_POST
@sensitive_post_parameters()
def review_assign(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["assign"])


@require_POST
@sensitive_post_parameters()
def review_delay(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["delay"])


@require_POST
@sensitive_post_parameters()
def review_revoke(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    return _act(request, _found(request, request_id), ACTS["revoke"])


def _found(request: UserRequest, request_id: uuid.UUID) -> ExemptionRequest:
    who = reviewing.reviewing_as(request.user, at=timezone.now())
    return reviewing.case_for(who, request_id)


def _needs_password(request: UserRequest, found: ExemptionRequest) -> bool:
    return found.is_sensitive and not was_confirmed(request)


@sensitive_variables()
def _act(request: UserRequest, found: ExemptionRequest, act: Act) -> HttpResponse:
    """Do what was posted, or show the case with what is wrong and what was typed."""
    if _needs_password(request, found):
        back_to = reverse("review-case", args=[found.pk])
        context = {"confirm_url": confirm_url(back_to=back_to), "typed": request.POST.get("text")}
        return render(request, "review/confirm_first.html", context, status=403)
    try:
        open_before_acting(request=found, by=request.user)
    except errors.TooManyOpenings as too_many:
        return _too_many(request, too_many)
    case = _case(request, found)
    form = act.make_form(case, act.name, request.POST)
    if not form.is_valid():
        return _page(request, found, act=act, status=422)
    try:
        sentence = act.do(found, request.user, form)
    except Refusal as refusal:
        return _page(request, found, act=act, refusal=refusal, status=status_of(refusal))
    messages.info(request, sentence)
    return _next_case(case) if act.moves_on else redirect("review-case", found.pk)


def _next_case(case: Case) -> HttpResponse:
    following = next_after(case.who, case.step)
    return redirect("review-case", following) if following else redirect("review")


@sensitive_variables()
def _page(
    request: UserRequest,
    found: ExemptionRequest,
    *,
    act: Act | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the case as it is now; what was typed for `act` comes back with it."""
    try:
        open_case(request=found, by=request.user)
    except errors.TooManyOpenings as too_many:
        return _too_many(request, too_many)
    case = _case(request, _found(request, found.pk) if refusal else found)
    changed = status == 409
    box = offers(case, posted=act, data=_typed(request, case, changed=changed))
    if refusal is not None and not changed:
        for offer in box:
            if offer.is_open:
                _add_refusal(offer.form, refusal)
    context = {
        "case": case,
        "offers": box,
        "neighbours": neighbours(case.who, case.step),
        "refusal": refusal if status in {403, 409} else None,
        "typed": request.POST.get("text") if not any(offer.is_open for offer in box) else None,
        "earliest_last_day": earliest_last_day(case.request, at=case.at),
    }
    return render(request, PAGE, context, status=status)


def _case(request: UserRequest, found: ExemptionRequest) -> Case:
    now = timezone.now()
    return Case(reviewing.reviewing_as(request.user, at=now), found, at=now)


def _typed(request: UserRequest, case: Case, *, changed: bool) -> Any:
    """Return what was posted; after a change the page shows, and so sends, the version of now."""
    if not changed:
        return request.POST
    typed = request.POST.copy()
    typed["seen"] = str(case.request.version)
    return typed


def _add_refusal(form: Any, refusal: Refusal) -> None:
    field = FIELD_OF.get(type(refusal))
    form.add_error(field if field in form.fields else None, refusal.message)


def _too_many(request: UserRequest, refusal: Refusal) -> HttpResponse:
    response = render(
        request, "review/too_many.html", {"refusal": refusal}, status=status_of(refusal)
    )
    response["Retry-After"] = str(int(OPENINGS_WINDOW.total_seconds()))
    return response
