"""My data: what was collected from me, for me alone."""

from collections.abc import Iterator
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.core.exceptions import BadRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_app.ledger import display, rules
from consent_app.ledger.exports import csv_lines, json_pieces
from consent_app.ledger.forms.mine import PeriodForm
from consent_app.ledger.queries import own
from consent_app.ledger.spans import Period, Span
from portal.lib.http import UserRequest

PAGE = "ledger/my_data.html"
LABELS = {Span.DAY: "Day", Span.WEEK: "Week", Span.MONTH: "Month"}


@require_safe
def my_data(request: UserRequest) -> HttpResponse:
    now = timezone.now()
    today = _today(request, now)
    period = _period(request, now)
    reporters = own.reporters_of(request.user)
    context: dict[str, object] = {
        "period": period,
        "retention_days": rules.RETENTION.days,
        "devices": display.devices_told(reporters, now=now),
    }
    if reporters:
        context |= {
            "tabs": [(LABELS[span], _address(span, period), span == period.span) for span in Span],
            "earlier": _earlier(period, now),
            "later": _later(period, today),
            "counted": display.counted_in(reporters, period, today=today),
            "costs": display.costs_in(reporters, period),
            "kept": display.what_is_kept(reporters, now=now),
        }
    return render(request, PAGE, context)


@require_safe
def my_data_csv(request: UserRequest) -> HttpResponseBase:
    rows = own.every_count(own.reporters_of(request.user))
    return _download(csv_lines(rows), "text/csv; charset=utf-8", "my-data.csv")


@require_safe
def my_data_json(request: UserRequest) -> HttpResponseBase:
    reporters = own.reporters_of(request.user)
    pieces = json_pieces(
        own.every_count(reporters), own.every_cost(reporters), made_at=timezone.now()
    )
    return _download(pieces, "application/json", "my-data.json")


def _period(request: UserRequest, now: datetime) -> Period:
    """Return what the address asks for, never beyond today. Raises BadRequest."""
    form = PeriodForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    today = _today(request, now)
    span = Span(form.cleaned_data["show"] or Span.DAY)
    wanted = form.cleaned_data["to"] or today
    oldest = rules.oldest_day_kept(now)
    zone = ZoneInfo(request.user.time_zone)
    return Period(span, min(max(wanted, oldest), today), zone, oldest=oldest)


def _today(request: UserRequest, now: datetime) -> date:
    return timezone.localdate(now, ZoneInfo(request.user.time_zone))


def _earlier(period: Period, now: datetime) -> str:
    """Return the address of the days before; empty where they are deleted."""
    before = period.before()
    return _address(period.span, before) if before.last >= rules.oldest_day_kept(now) else ""


def _later(period: Period, today: date) -> str:
    """Return the address of the days after; empty where they are still to come."""
    return _address(period.span, period.after()) if period.last < today else ""


def _address(span: Span, period: Period) -> str:
    return f"{reverse('my-data')}?{urlencode({'show': span.value, 'to': period.last.isoformat()})}"


def _download(pieces: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        pieces,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
