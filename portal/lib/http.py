"""Types of requests, and one way to answer with a page or with a part of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from consent_app.people.models import Employee


class UserRequest(HttpRequest):
    """A request of somebody who is signed in (see LoginRequiredMiddleware in the settings)."""

    user: Employee
    htmx: HtmxDetails


def render_partial(
    request: HttpRequest,
    template: str,
    partial: str,
    context: dict[str, object],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render the named partial for an htmx request that asks for it, the whole page otherwise.

    Boosted and history-restore requests get the page. `partial` is also the element's id.
    """
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # HtmxMiddleware sets it
    wants_part = bool(htmx) and not htmx.boosted and not htmx.history_restore_request
    name = f"{template}#{partial}" if wants_part else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"])
    return response
