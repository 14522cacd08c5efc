"""Forget: order that something is forgotten, see who has confirmed it, take the certificate.

It stands here and not in the room of orders because it knows which devices somebody has.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.audit.receipts import receipt_for
from consent_app.devices.queries import all_devices_of
from consent_app.erasure import actions, queries
from consent_app.erasure.forms import ConfirmForm, ForgetForm
from consent_app.erasure.models import DeviceErasure, ErasureOrder, StoreErasure, Training
from consent_app.erasure.rules import (
    DEVICE_DEADLINE,
    MOST_APPLICATIONS,
    STORE_DEADLINE,
    KnownDevice,
    Scope,
)
from consent_app.people.models import Employee
from consent_app.register.models import Application
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal

PAGE = "erasure/forget.html"
CHECK_PAGE = "erasure/check.html"
ORDER_PAGE = "erasure/order.html"
PARTIAL = "standing"
MOST_SHOWN = 50
# A device that holds a poll, and a store that answers, confirm well within this time.
CONFIRMED_WITHIN = timedelta(minutes=1)
TRAINING = {
    "yes": "Some of it had been used in training.",
    "no": "None of it had been used in training.",
    "unknown": "It is not known whether any of it had been used in training.",
}


@require_http_methods(["GET", "HEAD", "POST"])
def forget(request: UserRequest) -> HttpResponse:
    """Ask what is to be forgotten; POST shows what will happen, and changes nothing."""
    form = _form(request)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    return _check_page(request, form.scope, ConfirmForm.of(form.scope))


@require_POST
def forget_confirm(request: UserRequest) -> HttpResponse:
    """Order what was shown."""
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return _page(request, _form(request, again=True), status=422, refusal="Choose again.")
    try:
        order = actions.order_erasure(
            employee=request.user,
            by=request.user,
            scope=form.scope,
            devices=_devices(request.user, form.scope),
        )
    except Refusal as refusal:
        status = 409 if refusal.code in {"order_covered", "orders_too_many"} else 422
        again = _form(request, again=True)
        return _page(request, again, status=status, refusal=refusal.message)
    return redirect("forget-order", order.pk)


@require_safe
def forget_order(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    order = queries.order_for(request.user, order_id)
    now = timezone.now()
    context = {
        "order": order,
        "applications": _names(order.applications),
        "steps": list(_steps(order, now)),
        "removed": [row.hostname for row in order.devices.all() if not row.is_awaited],
        "trained": [row for row in order.stores.all() if row.used_in_training == Training.YES],
        "unclear": [row for row in order.stores.all() if row.used_in_training == Training.UNKNOWN],
        "overdue": [row.store.name for row in order.stores.all() if row.is_overdue(now)],
        "ask_again": _ask_again(order, now),
    }
    return render_partial(request, ORDER_PAGE, PARTIAL, context)


@require_safe
def forget_certificate(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """Give the signed receipt of the log's entry that everybody has confirmed."""
    entry = queries.completion_of(queries.order_for(request.user, order_id))
    if entry is None:
        raise Http404
    response = HttpResponse(receipt_for(entry), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="erasure-{order_id}.json"'
    response["Cache-Control"] = "no-store"
    return response


def _form(request: UserRequest, *, again: bool = False) -> ForgetForm:
    posted = request.POST if request.method == "POST" and not again else None
    return ForgetForm(
        posted, listed=queries.collected_applications(), kept_for=queries.longest_kept()
    )


def _page(
    request: UserRequest, form: ForgetForm, *, status: int = 200, refusal: str = ""
) -> HttpResponse:
    chosen = form["applications"].value() or []
    context = {
        "form": form,
        "refusal": refusal,
        "categories": list(_categories(form.listed, chosen)),
        "chosen": chosen,
        "most_applications": MOST_APPLICATIONS,
        "stores": queries.active_stores(),
        "orders": queries.orders_of(request.user)[:MOST_SHOWN],
        "kept_days": form.kept_for.days,
    }
    return render(request, PAGE, context, status=status)


@dataclass(frozen=True, slots=True)
class Category:
    """Applications that are for the same."""

    label: str
    applications: list[Application]
    has_chosen: bool


def _categories(listed: Sequence[Application], chosen: Collection[str]) -> Iterator[Category]:
    named = Application.get_category_display
    for label, found in groupby(sorted(listed, key=named), named):
        applications = list(found)
        has_chosen = any(application.slug in chosen for application in applications)
        yield Category(label, applications, has_chosen)


def _check_page(request: UserRequest, scope: Scope, form: ConfirmForm) -> HttpResponse:
    devices = [device for device in _devices(request.user, scope) if device.is_active]
    context = {
        "form": form,
        "scope": scope,
        "applications": _names(sorted(scope.applications or ())),
        "devices": devices,
        "stores": queries.active_stores(),
        "store_days": STORE_DEADLINE.days,
        "device_hours": DEVICE_DEADLINE // timedelta(hours=1),
    }
    return render(request, CHECK_PAGE, context)


def _devices(person: Employee, scope: Scope) -> Iterator[KnownDevice]:
    """Yield what this person has, and what was removed and can have recorded in that time."""
    for device in all_devices_of(person):
        if device.revoked_at is None or (
            device.enrolled_at < scope.ends_at and device.revoked_at > scope.starts_at
        ):
            is_active = device.revoked_at is None
            yield KnownDevice(device.pk, device.hostname, is_active=is_active)


def _names(slugs: list[str] | None) -> list[str]:
    """Return how applications are called, by name."""
    wanted = set(slugs or ())
    return [found.name for found in queries.collected_applications() if found.slug in wanted]


def _ask_again(order: ErasureOrder, now: datetime) -> str:
    return "1s" if now - order.ordered_at < CONFIRMED_WITHIN else "15s"


# The trail


@dataclass(frozen=True, slots=True)
class Step:
    """One step, as templates/components/trail.html shows it."""

    label: str
    at: datetime | None
    state: str
    note: str = ""


def _steps(order: ErasureOrder, now: datetime) -> Iterator[Step]:
    yield Step("Ordered, and signed for your devices", order.ordered_at, "done")
    for device in order.devices.all():
        if device.is_awaited:
            yield _device_step(device, now)
    for store in order.stores.all():
        yield _store_step(store, now)
    if order.is_completed:
        yield Step("Forgotten everywhere", order.closed_at, "done")
    elif order.closed_at:
        yield Step("Ended", order.closed_at, "done", "Without the word of everybody above.")
    else:
        yield Step("Forgotten everywhere", None, "pending")


def _device_step(row: DeviceErasure, now: datetime) -> Step:
    confirmed = f"Confirmed by {row.hostname}"
    if row.confirmed_at:
        return Step(confirmed, row.confirmed_at, "done")
    if row.gone_at:
        note = (
            f"{row.hostname} was removed or did not answer for 90 days. It can't confirm any more."
        )
        return Step(confirmed, None, "failed", note)
    if row.due_at and row.due_at <= now:
        note = f"Overdue. {row.hostname} has its order and has not confirmed it. Tell your IT."
        return Step(confirmed, None, "failed", note)
    note = "" if row.told_at else "It is told with its next answer from here."
    return Step(confirmed, None, "current", note)


def _store_step(row: StoreErasure, now: datetime) -> Step:
    confirmed = f"Erased by {row.store.name}"
    if row.confirmed_at:
        return Step(confirmed, row.confirmed_at, "done", _found(row))
    if row.is_overdue(now):
        note = f"Overdue: {row.store.name}. Programme owner and legal are told every day."
        return Step(confirmed, None, "failed", note)
    if row.received_at:
        return Step(confirmed, None, "current", "It has received the order.")
    note = "It does not answer. It is tried again." if row.attempts > 1 else ""
    return Step(confirmed, None, "current", note)


def _found(row: StoreErasure) -> str:
    records = "" if row.records is None else f"{row.records:,} recordings. "
    return f"{records}{TRAINING[row.used_in_training]}"
