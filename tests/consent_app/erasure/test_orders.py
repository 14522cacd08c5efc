"""What may be ordered, and what an order does in its own transaction."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.erasure import queries
from consent_app.erasure.actions import order_erasure
from consent_app.erasure.errors import (
    ApplicationsTooMany,
    ApplicationUnknown,
    OrderCovered,
    OrdersTooMany,
    PeriodBackwards,
    PeriodInFuture,
    PeriodTooOld,
)
from consent_app.erasure.models import DeviceErasure, ErasureOrder, StoreErasure
from consent_app.erasure.rules import MOST_OPEN_ORDERS, Scope, wait_after
from consent_app.notifications.models import Notification
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("frozen_time")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def mira(make_employee, make_device):
    person = make_employee()
    make_device(person)
    return person


def listed(number):
    return sorted(queries.collected_slugs())[number]


def test_an_order_is_in_the_policy_of_every_device_when_it_is_made(mira, make_device, order):
    second = make_device(mira, hostname="LAPTOP-2")

    made = order(mira, minutes=15, applications=[listed(0)])

    (erase,) = second.newest_document().erase
    assert (erase.id, erase.starts_at, erase.ends_at) == (str(made.pk), NOON - 15 * MINUTE, NOON)
    assert erase.applications == {listed(0)}
    assert Leaf.objects.get(event="erasure.ordered").person == mira.pseudonym


def test_nobody_elses_devices_are_told(mira, make_device, order):
    other = make_device()

    order(mira)

    assert other.newest_document().erase == ()


def test_each_store_of_now_is_told_and_has_three_days(mira, make_store, order):
    make_store("Archive")
    make_store("Training set")

    made = order(mira)

    rows = StoreErasure.objects.filter(order=made)
    assert {row.store.name for row in rows} == {"Archive", "Training set"}
    assert {row.due_at for row in rows} == {NOON + 3 * DAY}


def test_with_no_device_and_no_store_there_is_nobody_to_wait_for(make_employee, order):
    made = order(make_employee())

    assert made.is_completed


@pytest.mark.parametrize(
    ("starts", "ends", "refusal"),
    [
        (-10 * MINUTE, MINUTE, PeriodInFuture),
        (MINUTE, 2 * MINUTE, PeriodInFuture),
        (-MINUTE, -MINUTE, PeriodBackwards),
        (-MINUTE, -2 * MINUTE, PeriodBackwards),
        (-91 * DAY - MINUTE, -DAY, PeriodTooOld),
    ],
)
def test_refuses_a_period_that_can_hold_nothing(mira, starts, ends, refusal):
    with pytest.raises(refusal):
        order_erasure(employee=mira, by=mira, scope=Scope(NOON + starts, NOON + ends), devices=[])

    assert not ErasureOrder.objects.exists()
    assert not Leaf.objects.filter(event__startswith="erasure.").exists()


def test_refuses_unknown_and_too_many_applications(mira, order):
    with pytest.raises(ApplicationUnknown):
        order(mira, applications=["nothing-like-it"])
    with pytest.raises(ApplicationsTooMany):
        order(mira, applications=[f"application-{number}" for number in range(31)])


def test_what_an_open_order_covers_is_not_ordered_again(mira, order):
    order(mira, minutes=30)

    with pytest.raises(OrderCovered):
        order(mira, minutes=30)
    with pytest.raises(OrderCovered):
        order(mira, minutes=5, applications=[listed(0)])
    order(mira, minutes=31)


def test_an_order_of_one_application_covers_no_other(mira, order):
    order(mira, applications=[listed(0)])

    order(mira, applications=[listed(1)])
    order(mira)

    assert ErasureOrder.objects.count() == 3


def test_twenty_orders_can_be_open(mira, order, frozen_time):
    for _ in range(MOST_OPEN_ORDERS):
        order(mira)
        frozen_time.shift(60)

    with pytest.raises(OrdersTooMany):
        order(mira)


def test_a_policy_full_of_orders_is_still_read_by_devices(mira, make_device, order, frozen_time):
    device = make_device(mira)
    slugs = sorted(queries.collected_slugs())[:30]
    for _ in range(MOST_OPEN_ORDERS):
        order(mira, applications=slugs)
        frozen_time.shift(60)

    assert len(device.newest_document().erase) == MOST_OPEN_ORDERS
    assert len(device.newest().jws) < 64 * 1024


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": NOON - DAY},
        {"applications": ["slack"]},
        {"closed_at": NOON, "outcome": "completed"},
        {"closed_at": NOON, "outcome": "incomplete"},
    ],
)
def test_the_database_keeps_an_order_and_ends_it_no_earlier(mira, make_store, order, change):
    make_store()
    made = order(mira)

    with pytest.raises(IntegrityError), transaction.atomic():
        ErasureOrder.objects.filter(pk=made.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        ErasureOrder.objects.filter(pk=made.pk).delete()


def test_the_database_refuses_an_order_without_end_or_of_the_future(mira):
    wrong = [
        {"starts_at": NOON, "ends_at": NOON},
        {"starts_at": NOON, "ends_at": NOON + MINUTE},
        {"starts_at": NOON - DAY, "ends_at": NOON, "applications": []},
        {"starts_at": NOON - DAY, "ends_at": NOON, "closed_at": NOON, "outcome": "completed"},
    ]

    for fields in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            ErasureOrder.objects.create(employee=mira, ordered_at=NOON, **fields)


def test_what_a_device_confirmed_stays_confirmed(mira, order):
    made = order(mira)
    DeviceErasure.objects.filter(order=made).update(confirmed_at=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        DeviceErasure.objects.filter(order=made).update(confirmed_at=None)


def test_waits_double_up_to_six_hours_and_end():
    waits = [wait_after(attempt, jitter=1) for attempt in range(1, 41)]

    assert waits[:3] == [timedelta(seconds=seconds) for seconds in (30, 60, 120)]
    assert max(wait for wait in waits if wait) == timedelta(hours=6)
    assert waits[-1] is None
    assert wait_after(1, jitter=0) == timedelta(seconds=15)


def test_nothing_about_an_order_is_told_to_anybody_else(mira, order):
    order(mira)

    assert not Notification.objects.exclude(recipient=mira).exists()
    assert queries.orders_of(mira).filter(ordered_at=timezone.now()).count() == 1
