"""Pages that belong to no room: errors and health. The home page is in `portal/home.py`.

The pages of 400, 500 and 503 are rendered without the request: its reader may be unknown (a wrong
host is refused before the session is read), or asking for them may be what failed.
"""

import sys

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from consent_app.devices.api.problems import ProblemError, problem_response
from portal.lib.keys import KeysMissing

RETRY_AFTER_SECONDS = 5
WITHOUT_READER = {400, 500, 503}
# What agents are told where no endpoint of theirs answered.
CODE_OF_STATUS = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    500: "fault",
    503: "unavailable",
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 if a part is away that will come back, also where a middleware failed."""
    if isinstance(sys.exception(), (OperationalError, InterfaceError, KeysMissing)):
        return database_away(request)
    return _error(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the page was too old; the reason is for logs, not for people."""
    return render(request, "errors/csrf.html", status=403)


def database_away(request: HttpRequest) -> HttpResponse:
    response = _error(request, 503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


@require_safe
@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 when this process reaches the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def _error(request: HttpRequest, status: int) -> HttpResponse:
    """Render the page of an error, or its problem document for the agent API."""
    if request.path.startswith("/agent/"):
        return problem_response(ProblemError(status, CODE_OF_STATUS[status]))
    page = f"errors/{status}.html"
    if status in WITHOUT_READER:
        return HttpResponse(render_to_string(page), status=status)
    return render(request, page, status=status)
