"""The notice of a person's place: to read, to print, to acknowledge.

Nothing here stands in anybody's way: every other page works the same with a notice unread. A GET
writes nothing; that a text was shown is said by the page itself once it is there (a POST), or with
the button that the reader presses.
"""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from consent_app.devices.actions import standing
from consent_app.register import queries
from consent_app.register.errors import NoticeChanged
from consent_app.register.models import NoticeForm
from portal.lib.http import UserRequest
from portal.notices.browsers import browser_name

PAGE = "notices/notice.html"
RECORDS_SHOWN = 20
LONGEST_NUMBER = 9


@require_safe
def notice(request: UserRequest) -> HttpResponse:
    return _page(request)


@require_POST
def notice_served(request: UserRequest) -> HttpResponse:
    """Keep that the page showed a notice; htmx says so by itself, the button says so without it."""
    said = _say(request, standing.serve_notice)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(_way_back(request, otherwise="home")) if said else _changed(request)


@require_POST
def notice_read(request: UserRequest) -> HttpResponse:
    version = request.POST.get("version", "")
    number = int(version) if version.isdecimal() and len(version) < LONGEST_NUMBER else None
    if not _say(request, partial(standing.confirm_reading, number=number)):
        return _changed(request)
    messages.info(request, "It is on record that you have read this notice.")
    return redirect(_way_back(request, otherwise="notice"))


@require_POST
def notice_acknowledge(request: UserRequest) -> HttpResponse:
    if not _say(request, standing.acknowledge_notice):
        return _changed(request)
    messages.info(
        request,
        "It is on record that you were told. Your devices are being told; the home page shows "
        "what each of them has confirmed.",
    )
    return redirect("notice")


@require_safe
def notice_version(request: UserRequest, number: int) -> HttpResponse:
    """Show the notice of one version, as it was or will be; what holds or comes can be read."""
    employee, now = request.user, timezone.now()
    shown = queries.notice_of_version(employee, number)
    context = {
        "notice": shown,
        "is_coming": queries.is_coming(shown, at=now),
        "is_over": queries.notice_with(shown.digest, employee=employee, at=now, number=number)
        is None,
        "stages": queries.stages_of(employee, shown),
    }
    return render(request, "notices/version.html", context)


@require_safe
def notice_poster(request: UserRequest, form: str) -> HttpResponse:
    """Show a notice for a wall, as two laws want it; printed, it is the notice and nothing else."""
    shown = (
        queries.notice_in_force(NoticeForm(form), at=timezone.now())
        if form in NoticeForm.values
        else None
    )
    if shown is None:
        raise Http404
    context = {
        "notice": shown,
        "portal": request.build_absolute_uri(reverse("notice")),
        "others": [other for other in queries.POSTED if other != shown.form],
    }
    return render(request, "notices/poster.html", context)


def _say(request: UserRequest, act: Callable[..., None]) -> bool:
    """Let the reader say something to the text that they were shown; False if it has changed."""
    try:
        act(
            employee=request.user,
            digest=request.POST.get("digest", ""),
            browser=browser_name(request.headers.get("User-Agent", "")),
        )
    except NoticeChanged:
        return False
    return True


def _changed(request: UserRequest) -> HttpResponse:
    return _page(request, status=409, refusal=NoticeChanged.message)


def _way_back(request: UserRequest, *, otherwise: str) -> str:
    """Return the page on which something was said to a notice."""
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return page if is_ours else reverse(otherwise)


def _page(request: UserRequest, *, status: int = 200, refusal: str = "") -> HttpResponse:
    employee, now = request.user, timezone.now()
    shown = queries.notice_to_show(employee, at=now)
    if shown is None:
        return render(request, "notices/not_published.html", status=status)
    context = {
        "shown": shown,
        "notice": shown.notice,
        "was_served": queries.was_served(employee, shown.notice, at=now),
        "stages": queries.stages_of(employee, shown.notice),
        "is_daily": shown.is_asked and queries.is_daily(shown.notice),
        "may_choose": queries.may_choose(employee.jurisdiction),
        "records": queries.records_of(employee)[:RECORDS_SHOWN],
        "refusal": refusal,
    }
    return render(request, PAGE, context, status=status)
