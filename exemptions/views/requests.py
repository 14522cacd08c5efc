"""My requests: the list, one request with all that happened to it, and what can be done with it.

The top of a request's page is asked for again by the page itself, to show how far its devices are;
the answer is 204 while it would look the same. What it says of devices comes from a tag of the
wiring: this room does not know them.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from django.contrib import messages
from django.core.paginator import InvalidPage, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from consent_app.register.subjects import visible_lines
from exemptions.actions import conversation, submission
from exemptions.forms.requests import AdditionForm, AnswerForm, AppealForm, WritingForm
from exemptions.models import ExemptionRequest
from exemptions.queries import own, standings
from exemptions.queries.own_page import own_page
from exemptions.views.downloads import download
from exemptions.views.statuses import status_of
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal

LIST = "requests/my_requests.html"
PAGE = "requests/my_request.html"
PARTIAL = "request-now"
PER_PAGE = 20


@require_safe
def my_requests(request: UserRequest) -> HttpResponse:
    paginator = Paginator(standings.with_steps(own.requests_of(request.user)), PER_PAGE)
    try:
        page = paginator.page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404 from None
    shown = standings.placed(list(page.object_list), at=timezone.now())
    return render(request, LIST, {"page": page, "shown": shown})


@require_safe
def my_request(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    asked = standings.request_for(request.user, request_id)
    return _page(request, asked)


@require_safe
def request_file(
    request: UserRequest, request_id: uuid.UUID, attachment_id: uuid.UUID
) -> HttpResponse:
    asked = own.own_request_for(request.user, request_id)
    attachment = own.attachment_of(asked, attachment_id)
    if asked.sealing_key is None:
        raise Http404  # erased
    return download(asked, attachment)


@require_POST
def request_withdraw(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    asked = own.request_for(request.user, request_id)
    try:
        submission.withdraw_request(request=asked, by=request.user)
    except Refusal as refusal:
        return _refused(request, request_id, refusal)
    messages.info(request, "You withdrew the request. Nobody decides on it any more.")
    return redirect("my-request", request_id)


@require_POST
def request_renew(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    asked = own.request_for(request.user, request_id)
    try:
        renewal = submission.renew_exemption(request=asked, by=request.user)
    except Refusal as refusal:
        return _refused(request, request_id, refusal)
    messages.info(request, "You asked for it again. This is the new request.")
    return redirect("my-request", renewal.pk)


@require_POST
@sensitive_post_parameters()
@sensitive_variables()
def request_answer(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    def answer(asked: ExemptionRequest, text: str) -> object:
        return conversation.answer_question(request=asked, by=request.user, text=text)

    form = AnswerForm(request.POST)
    return _write(request, request_id, form, answer, done="Your answer was sent.")


@require_POST
@sensitive_post_parameters()
@sensitive_variables()
def request_add(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    def add(asked: ExemptionRequest, text: str) -> object:
        return conversation.add_statement(request=asked, by=request.user, text=text)

    form = AdditionForm(request.POST)
    return _write(request, request_id, form, add, done="It was added to your request.")


@require_POST
@sensitive_post_parameters()
@sensitive_variables()
def request_appeal(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    def appeal(asked: ExemptionRequest, text: str) -> object:
        return submission.appeal(request=asked, by=request.user, text=text)

    form = AppealForm(request.POST)
    return _write(request, request_id, form, appeal, done="Your appeal was sent.")


@sensitive_variables()
def _write(
    request: UserRequest,
    request_id: uuid.UUID,
    form: WritingForm,
    act: Callable[[ExemptionRequest, str], object],
    *,
    done: str,
) -> HttpResponse:
    asked = standings.request_for(request.user, request_id)
    if not form.is_valid():
        return _page(request, asked, shown={f"{form.name}_form": form}, status=422)
    try:
        act(asked, form.cleaned_data["text"])
    except Refusal as refusal:
        return _refused(request, request_id, refusal, unsent=form.cleaned_data["text"])
    messages.info(request, done)
    return redirect("my-request", request_id)


@sensitive_variables()
def _refused(
    request: UserRequest, request_id: uuid.UUID, refusal: Refusal, *, unsent: str = ""
) -> HttpResponse:
    """Show the request as it is now, why nothing was done, and what was written for nothing."""
    asked = standings.request_for(request.user, request_id)
    shown = {"refusal": refusal.message, "unsent": visible_lines(unsent)}
    return _page(request, asked, shown=shown, status=status_of(refusal))


@sensitive_variables()
def _page(
    request: UserRequest,
    asked: ExemptionRequest,
    *,
    shown: Mapping[str, object] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answer with the page, or with its top for htmx; `shown` takes the place of what is usual."""
    now = timezone.now()
    usual = {f"{form.name}_form": form() for form in (AnswerForm, AdditionForm, AppealForm)}
    context = _top(request, asked, usual | dict(shown or {}), at=now)
    if not request.htmx:
        context["page"] = own_page(asked, at=now)
    elif request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    return render_partial(request, PAGE, PARTIAL, context, status=status)


def _top(
    request: UserRequest, asked: ExemptionRequest, shown: dict[str, object], *, at: datetime
) -> dict[str, object]:
    """Draw the top of the page first, so that its mark can name what it shows."""
    context = shown | {
        "asked": asked,
        "standing": standings.standing(asked, at=at),
        "version": request.GET.get("version") if request.htmx else str(asked.version),
    }
    top = render_to_string(f"{PAGE}#request-top", context, request)
    mark = hashlib.sha256(top.encode()).hexdigest()[:16]
    return context | {"top": top, "mark": mark}
