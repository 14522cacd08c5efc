"""The inbox: my messages, marking them as read, and which of them are mailed as well."""

import uuid

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage, Page, Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.notifications import actions, catalogue, queries
from consent_app.notifications.catalogue import Kind
from consent_app.notifications.forms import MailForm, SeenForm
from consent_app.notifications.models import Notification
from portal.lib.http import UserRequest, render_partial

PAGE = "notifications/inbox.html"
MESSAGES_PER_PAGE = 25


@require_safe
def inbox(request: UserRequest) -> HttpResponse:
    page = _page_of_messages(request)
    return render(request, PAGE, {"page": page, "seen_at": timezone.now().isoformat()})


@require_POST
def inbox_read(request: UserRequest, message_id: uuid.UUID) -> HttpResponse:
    """Mark one message as read; `open` leads on to where something can be done about it."""
    message = queries.message_for(request.user, message_id)
    actions.mark_read(message)
    if "open" in request.POST:
        return redirect(message.address)
    if request.htmx:
        return render_partial(request, PAGE, "message-read", {"message": message})
    return _back_to_inbox(request.POST, fragment=f"message-{message.pk}")


@require_POST
def inbox_read_all(request: UserRequest) -> HttpResponse:
    form = SeenForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    actions.mark_all_read(employee=request.user, seen_at=form.cleaned_data["seen_at"])
    return _back_to_inbox(request.POST)


@require_http_methods(["GET", "HEAD", "POST"])
def inbox_preferences(request: UserRequest) -> HttpResponse:
    mailed = list(queries.mailed_kinds(request.user))
    form = MailForm(request.POST if request.method == "POST" else None, initial={"kinds": mailed})
    if form.is_valid():
        kinds = form.cleaned_data["kinds"]
        actions.choose_mails(employee=request.user, by=request.user, kinds=kinds)
        messages.info(request, "Saved. It holds for every mail that has not left yet.")
        return redirect("inbox-preferences")
    always = [(kind.label, catalogue.when_mailed(kind, can_stop=False)) for kind in Kind]
    context = {"form": form, "always_mailed": always}
    status = 422 if form.errors else 200
    return render(request, "notifications/preferences.html", context, status=status)


def _page_of_messages(request: UserRequest) -> Page[Notification]:
    messages_of_mine = queries.inbox_of(request.user)
    try:
        return Paginator(messages_of_mine, MESSAGES_PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404 from None


def _back_to_inbox(sent: QueryDict, *, fragment: str = "") -> HttpResponseRedirect:
    """Lead back to the page of the inbox that the reader came from."""
    query = {"page": sent["page"]} if "page" in sent else {}
    return HttpResponseRedirect(reverse("inbox", query=query, fragment=fragment or None))
