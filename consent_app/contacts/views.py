"""Asking for one's own page without an account, and the list that legal keeps.

The page that the mailed link opens is `portal/contacts_page.py`: it shows a notice, which belongs
to the register.
"""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.contacts import actions, queries
from consent_app.contacts.errors import LinesUnclear
from consent_app.contacts.forms import AddForm, ListSearchForm, LookUpForm
from consent_app.contacts.models import ListEntry
from portal.lib.client_address import client_address
from portal.lib.http import UserRequest
from portal.lib.rate_limits import RateLimited, check_rate
from portal.lib.refusals import Refusal

LOOK_UP_PAGE = "contacts/look_up.html"
LIST_PAGE = "contacts/protected.html"
ENTRIES_PER_PAGE = 50
# Enough for an office behind one address; one mailbox gets fewer links still (`delivery`).
LOOK_UPS_PER_HOUR = 30


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def look_up(request: HttpRequest) -> HttpResponse:
    """Say what this is about; POST sends a link to an address, known or not, and answers alike."""
    if request.method != "POST":
        return render(request, LOOK_UP_PAGE, {"form": LookUpForm()})
    form = LookUpForm(request.POST)
    if not form.is_valid():
        return render(request, LOOK_UP_PAGE, {"form": form}, status=422)
    try:
        client = client_address(request)
        check_rate("contact-look-up", client, most=LOOK_UPS_PER_HOUR, per_seconds=3600)
    except RateLimited as limited:
        return too_many(request, limited)
    actions.ask_for_link(address=form.cleaned_data["address"])
    return redirect("contacts-asked")


@login_not_required
@require_safe
def look_up_asked(request: HttpRequest) -> HttpResponse:
    return render(request, "contacts/asked.html")


@require_http_methods(["GET", "HEAD", "POST"])
def protected(request: UserRequest) -> HttpResponse:
    """Show the list; POST adds to it."""
    queries.check_may_keep(request.user)
    if request.method != "POST":
        return _list_page(request, AddForm())
    form = AddForm(request.POST)
    if not form.is_valid():
        return _list_page(request, form, status=422)
    try:
        added = actions.add_entries(
            text=form.cleaned_data["lines"], reason=form.cleaned_data["reason"], by=request.user
        )
    except LinesUnclear as unclear:
        form.add_error("lines", unclear.problems or [unclear.message])
        return _list_page(request, form, status=422)
    known = f" {added.known} stood there already." if added.known else ""
    messages.info(request, f"{added.new} added to the list.{known}")
    return redirect("contacts-protected")


@require_POST
def entry_end(request: UserRequest, entry_id: uuid.UUID) -> HttpResponse:
    entry = queries.entry_for(request.user, entry_id)
    try:
        actions.end_entry(entry=entry, by=request.user)
    except Refusal as refusal:
        return _list_page(request, AddForm(), refusal=refusal, status=409)
    messages.info(request, f"{entry.entry} is off the list.")
    return redirect("contacts-protected")


def too_many(request: HttpRequest, limited: RateLimited) -> HttpResponse:
    """Answer that this was too often, and when to come back."""
    response = render(request, "contacts/too_many.html", status=429)
    response["Retry-After"] = str(limited.retry_after_seconds)
    return response


def _list_page(
    request: UserRequest, form: AddForm, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    search = ListSearchForm(request.GET)
    if not search.is_valid():
        raise BadRequest
    context = {
        "form": form,
        "refusal": refusal.message if refusal else "",
        "search": search,
        "counts": queries.count_protected(),
        "shows_ended": search.cleaned_data["show"] == "ended",
        "page": _page_of_entries(request, search),
    }
    return render(request, LIST_PAGE, context, status=status)


def _page_of_entries(request: UserRequest, search: ListSearchForm) -> Page[ListEntry]:
    wanted = search.cleaned_data
    rows = queries.list_entries(
        request.user, text=wanted["search"].strip(), ended=wanted["show"] == "ended"
    )
    try:
        return Paginator(rows, ENTRIES_PER_PAGE).page(wanted["page"] or 1)
    except EmptyPage:
        raise Http404 from None
