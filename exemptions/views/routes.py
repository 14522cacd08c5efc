"""Grounds and their routes: what is in force, what is proposed, and what was before."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from exemptions.queries import routes as queries
from portal.lib.http import UserRequest

PAGE = "routes/routes.html"


@require_safe
def routes(request: UserRequest) -> HttpResponse:
    queries.check_reader(request.user)
    return render(request, PAGE, {"grounds": queries.grounds_with_routes()})
