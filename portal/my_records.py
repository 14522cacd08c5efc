"""My records: every entry of the log about me, and the receipt of each. Nobody else sees them.

It stands here because the sentences know the events of all rooms.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage, Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from consent_app.audit.models import Leaf
from consent_app.audit.queries import event_about, events_about
from consent_app.audit.receipts import receipt_for
from portal.activity import address_of
from portal.lib.http import UserRequest
from portal.record_words import Kind, kind_of, of_kind, sentence_of

PAGE = "records/my_records.html"
RECORDS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Record:
    """One entry as its person reads it. `address` is where there is more to read, if anywhere."""

    index: int
    at: datetime
    sentence: str
    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that shows the entries of one kind."""

    label: str
    address: str
    is_current: bool


@require_safe
def my_records(request: UserRequest) -> HttpResponse:
    kind = _wanted(request)
    page = _page(request, kind)
    context = {
        "page": page,
        "records": [_record(leaf) for leaf in page],
        "choices": _choices(kind),
        "kind": kind,
    }
    return render(request, PAGE, context)


@require_safe
def my_record_receipt(request: UserRequest, index: int) -> HttpResponse:
    """Hand out the receipt of an entry about the reader; 404 also hides those about others."""
    leaf = event_about(request.user.pseudonym, index)
    response = HttpResponse(receipt_for(leaf), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="receipt-{leaf.index}.json"'
    return response


def _wanted(request: UserRequest) -> Kind | None:
    """Return what the address asks for. Raises BadRequest."""
    value = request.GET.get("show", "")
    if value and value not in Kind.values:
        raise BadRequest
    return Kind(value) if value else None


def _page(request: UserRequest, kind: Kind | None) -> Page[Leaf]:
    entries = events_about(request.user.pseudonym).filter(of_kind(kind))
    try:
        return Paginator(entries, RECORDS_PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404 from None


def _record(leaf: Leaf) -> Record:
    kind = kind_of(leaf)
    label = kind.label if kind else "Other"
    return Record(leaf.index, leaf.at, sentence_of(leaf), label, address_of(leaf))


def _choices(current: Kind | None) -> list[Choice]:
    choices = [Choice("All but technical", reverse("my-records"), current is None)]
    for kind in Kind:
        address = f"{reverse('my-records')}?{urlencode({'show': kind.value})}"
        choices.append(Choice(kind.label, address, kind == current))
    return choices
