"""Ends sessions: after SESSION_COOKIE_AGE from sign-in, however often somebody comes back.

Django counts from when a session was last written, and giving one's password again writes it. So
whoever does that every day would never have to sign in, nor would whoever took their cookie.
Source: threats, T9.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

BEGAN = "signed_in_at"


@receiver(user_logged_in)
def note_when_it_began(request: HttpRequest, **_signal: object) -> None:
    request.session[BEGAN] = time.time()


class SessionsEnd:
    """Treat a session that is over, or whose beginning nobody noted, as nobody's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            age = time.time() - request.session.get(BEGAN, 0)
            if age >= settings.SESSION_COOKIE_AGE:
                logout(request)
        return self.get_response(request)
