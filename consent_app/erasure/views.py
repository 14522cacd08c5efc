"""Who holds recordings, for those who answer for it: every store and whether it owes a word."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent_app.erasure import queries
from portal.lib.http import UserRequest


@require_safe
def stores(request: UserRequest) -> HttpResponse:
    return render(request, "erasure/stores.html", {"stores": queries.stores_for(request.user)})
