"""What people outside the programme read without an account: the notice, and a page of their own.

A mailed link opens that page: what protects them, and their objection. Both stand here and not in
the room of contacts because they show the notice of the register and what devices are told.
"""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from consent_app.contacts import actions, links
from consent_app.contacts.errors import LinkUnusable
from consent_app.contacts.forms import OBJECT, ChoiceForm
from consent_app.contacts.queries import contact_standing
from consent_app.contacts.rules import mailbox_of
from consent_app.contacts.views import too_many
from consent_app.devices.counterparties import devices_protect
from consent_app.register.models import Notice, NoticeForm
from consent_app.register.queries import notice_in_force
from portal.lib.rate_limits import RateLimited, check_rate

PAGE = "contacts/contact.html"
CHOICES_PER_HOUR = 10


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest, token: str) -> HttpResponse:
    """Show what holds for the address of the link; POST objects, or takes that back."""
    try:
        address = links.address_of(token)
    except LinkUnusable:
        return render(request, "contacts/link_unusable.html", status=410)
    if request.method == "POST":
        return _choose(request, address, token)
    context = {
        "address": address,
        "standing": contact_standing(address),
        "devices_protect": devices_protect(address),
        "notice": _notice(),
    }
    return render(request, PAGE, context)


@login_not_required
@require_safe
def notice(request: HttpRequest) -> HttpResponse:
    """Show the notice for people outside to anybody: it asks for no address."""
    return render(request, "contacts/notice.html", {"notice": _notice()})


def _notice() -> Notice | None:
    return notice_in_force(NoticeForm.GDPR_14, at=timezone.now())


def _choose(request: HttpRequest, address: str, token: str) -> HttpResponse:
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        mailbox = mailbox_of(address)
        check_rate("contact-choice", mailbox, most=CHOICES_PER_HOUR, per_seconds=3600)
    except RateLimited as limited:
        return too_many(request, limited)
    if form.cleaned_data["choice"] == OBJECT:
        actions.object_to_all(address=address)
    else:
        actions.withdraw_objection(address=address)
    return redirect("contact", token)
