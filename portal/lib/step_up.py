"""Asks for the password again before what a stolen session must not do.

Signing in does not count: a session that was left open, or taken, began with it. Only the page
`account_reauthenticate` confirms, and for settings.STEP_UP_SECONDS. Source: threats, T8.
"""

import time

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode


def was_confirmed(request: HttpRequest) -> bool:
    """Whether the reader gave their password again in this session, and not long ago.

    allauth's own answer to this lets everybody pass who has no password.
    """
    records = get_authentication_records(request, request.user)
    confirmed = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(confirmed) and 0 <= time.time() - confirmed[-1] < settings.STEP_UP_SECONDS


def ask_for_password(request: HttpRequest) -> HttpResponse:
    """Lead to the page that confirms, and from there back to this one (for GET)."""
    return HttpResponseRedirect(confirm_url(back_to=request.get_full_path()))


def confirm_url(*, back_to: str) -> str:
    query = urlencode({REDIRECT_FIELD_NAME: back_to})
    return f"{reverse('account_reauthenticate')}?{query}"
