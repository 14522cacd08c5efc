"""The demo's page that signs a visitor in as anybody of the cast, with one click and no password.

Three things keep it from everywhere else: only the demo has its addresses, a system check refuses
them elsewhere (portal.E006), and it answers only to this machine itself.
"""

import ipaddress
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from consent_app.people.queries import active_person
from portal.demo_data import CAST, PASSWORD

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# A proxy on this machine would make everybody look local; it gives itself away by these.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


class Shown(NamedTuple):
    is_me: bool
    part: NamedTuple


@require_safe
@login_not_required
@never_cache
def cast(request: HttpRequest) -> HttpResponse:
    """List who one can be."""
    _check_local(request)
    me = request.user.email if request.user.is_authenticated else None
    parts = [Shown(is_me=part.email == me, part=part) for part in CAST]
    return render(request, "demo/cast.html", {"cast": parts, "password": PASSWORD})


@require_POST
@login_not_required
@never_cache
def sign_in_as(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the cast; anybody else is as unknown here as a made-up address."""
    _check_local(request)
    wanted = request.POST.get("email", "")
    person = active_person(wanted) if wanted in {part.email for part in CAST} else None
    if person is None:
        raise Http404
    login(request, person, backend=BACKEND)
    return redirect("home")


def _check_local(request: HttpRequest) -> None:
    if not settings.DEMO or not _is_local(request):
        raise Http404


def _is_local(request: HttpRequest) -> bool:
    if any(header in request.headers for header in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


urlpatterns = [
    path("", cast, name="demo-cast"),
    path("sign-in", sign_in_as, name="demo-sign-in"),
]
