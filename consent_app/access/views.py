"""The page from which somebody downloads everything that is held about them."""

import uuid
from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from consent_app.access import actions, queries, rules
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal
from portal.lib.step_up import ask_for_password, was_confirmed

PAGE = "access/download.html"
PARTIAL = "my-copy"


@require_safe
def access_download(request: UserRequest) -> HttpResponse:
    return render_partial(request, PAGE, PARTIAL, _context(request))


@require_POST
def access_request(request: UserRequest) -> HttpResponse:
    try:
        actions.request_copy(employee=request.user, by=request.user)
    except Refusal as refusal:
        context = _context(request) | {"refusal": refusal.message}
        return render(request, PAGE, context, status=409)
    return redirect("access-download")


# Not for HEAD: what is recorded was given out.
@require_GET
def access_file(request: UserRequest, copy_id: uuid.UUID) -> HttpResponseBase:
    """Give out one's own copy, to whoever gave their password again just now."""
    copy = queries.copy_for(request.user, copy_id, at=timezone.now())
    if not was_confirmed(request):
        return ask_for_password(request)
    pieces = queries.content_of(copy)
    first = next(pieces)  # what can't be opened is no download
    response = StreamingHttpResponse(chain([first], pieces), content_type="application/zip")
    response["Content-Length"] = copy.size_bytes
    response["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    actions.note_download(copy=copy, by=request.user)
    return response


def _context(request: UserRequest) -> dict[str, object]:
    now = timezone.now()
    last = queries.last_request_at(request.user)
    next_at = rules.next_request_at(last) if last else now
    return {
        "copy": queries.newest_copy(request.user, at=now),
        "can_ask": next_at <= now,
        "next_at": next_at,
        "kept_days": rules.KEPT_FOR.days,
    }
