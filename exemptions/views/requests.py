"""My requests: the list, one request with all that happened to it, and its files."""

import uuid

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from exemptions.queries import own
from exemptions.sealed import attachment_content
from portal.lib.http import UserRequest

PER_PAGE = 20


@require_safe
def my_requests(request: UserRequest) -> HttpResponse:
    page = Paginator(own.requests_of(request.user), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "requests/my_requests.html", {"page": page})


@require_safe
def my_request(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    asked = own.request_for(request.user, request_id)
    return render(request, "requests/my_request.html", {"asked": asked})


@require_safe
@sensitive_variables()
def request_file(
    request: UserRequest, request_id: uuid.UUID, attachment_id: uuid.UUID
) -> HttpResponse:
    """Give out a file as a download that no browser opens inside this site."""
    asked = own.own_request_for(request.user, request_id)
    attachment = own.attachment_of(asked, attachment_id)
    response = HttpResponse(
        attachment_content(asked, attachment), content_type=attachment.media_type
    )
    name = f"file-{attachment.number}.{attachment.extension}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    return response
