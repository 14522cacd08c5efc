"""An order on devices: told by policy, confirmed by acknowledgement, or given up."""

from datetime import timedelta

import pytest

from consent_app.audit.models import Details, Leaf
from consent_app.devices.actions import (
    note_erasures_told,
    receive_acknowledgement,
    revoke_device,
)
from consent_app.erasure.actions import keep_time
from consent_app.erasure.models import DeviceErasure
from consent_app.notifications.models import Notification
from consent_app.restrictions.actions import start_pause

pytestmark = pytest.mark.usefixtures("frozen_time")
DAY = 86_400


@pytest.fixture
def mira(make_employee):
    return make_employee()


@pytest.fixture
def laptop(mira, make_device):
    return make_device(mira)


def acknowledge(enrolled, **changes):
    said = enrolled.acknowledgement(**changes)
    return receive_acknowledgement(device=enrolled.device, jws=said)


def row(made, enrolled):
    return DeviceErasure.objects.get(order=made, device=enrolled.device.pk)


def test_acknowledging_the_policy_confirms_the_order(mira, laptop, order):
    made = order(mira)

    acknowledge(laptop)

    made.refresh_from_db()
    assert row(made, laptop).confirmed_at == made.ordered_at
    assert made.is_completed
    events = Leaf.objects.filter(event__startswith="erasure.").order_by("index")
    assert [leaf.event for leaf in events] == [
        "erasure.ordered",
        "erasure.device_confirmed",
        "erasure.completed",
    ]


def test_an_older_policy_confirms_nothing(mira, laptop, order):
    before = laptop.acknowledgement()
    made = order(mira)

    receive_acknowledgement(device=laptop.device, jws=before)

    assert row(made, laptop).confirmed_at is None


def test_a_later_policy_confirms_what_it_still_lists(mira, laptop, order):
    made = order(mira)
    start_pause(employee=mira, by=mira, minutes=5, longest=30)

    acknowledge(laptop)

    assert row(made, laptop).confirmed_at is not None


def test_the_order_leaves_the_policy_of_the_device_that_confirmed(mira, laptop, make_device, order):
    second = make_device(mira, hostname="LAPTOP-2")
    made = order(mira)
    acknowledge(laptop)

    start_pause(employee=mira, by=mira, minutes=5, longest=30)

    assert laptop.newest_document().erase == ()
    assert [erase.id for erase in second.newest_document().erase] == [str(made.pk)]
    assert not made.is_completed


def test_the_last_device_completes(mira, laptop, make_device, order):
    second = make_device(mira, hostname="LAPTOP-2")
    made = order(mira)

    acknowledge(laptop)
    made.refresh_from_db()
    assert made.closed_at is None
    acknowledge(second)

    made.refresh_from_db()
    assert made.is_completed
    (leaf,) = Leaf.objects.filter(event="erasure.completed")
    said = Details.objects.get(leaf=leaf).content
    assert [device["hostname"] for device in said["devices"]] == ["LAPTOP-1", "LAPTOP-2"]
    assert Notification.objects.get(event="erasure_completed").recipient == mira


def test_a_device_that_is_removed_can_not_confirm_any_more(mira, laptop, order):
    made = order(mira)

    revoke_device(device=laptop.device, by=mira)

    made.refresh_from_db()
    assert row(made, laptop).gone_at is not None
    assert made.outcome == "incomplete"
    assert not Leaf.objects.filter(event="erasure.completed").exists()
    assert Notification.objects.filter(event="erasure_closed", recipient=mira).exists()


def test_a_device_that_confirmed_may_be_removed(mira, laptop, make_store, order):
    make_store()
    made = order(mira)
    acknowledge(laptop)

    revoke_device(device=laptop.device, by=mira)

    assert row(made, laptop).gone_at is None


def test_one_that_was_removed_before_is_not_awaited(mira, laptop, order):
    revoke_device(device=laptop.device, by=mira)

    made = order(mira)

    assert not row(made, laptop).is_awaited
    assert made.is_completed


def test_a_device_has_a_day_from_when_it_was_given_the_order(mira, laptop, order, frozen_time):
    made = order(mira)
    frozen_time.shift(3 * DAY)
    note_erasures_told()
    keep_time()
    assert row(made, laptop).due_at is None  # nobody has heard of it since

    policy = laptop.newest()
    policy.delivered_at = made.ordered_at + timedelta(days=3)
    policy.save()
    note_erasures_told()
    frozen_time.shift(DAY - 1)
    keep_time()
    assert not Notification.objects.filter(event="erasure_overdue").exists()
    frozen_time.shift(1)
    keep_time()
    keep_time()

    assert row(made, laptop).due_at == policy.delivered_at + timedelta(days=1)
    assert Notification.objects.get(event="erasure_overdue").recipient == mira


def test_a_policy_from_before_the_order_begins_no_time(mira, laptop, order, frozen_time):
    policy = laptop.newest()
    policy.delivered_at = policy.signed_at
    policy.save()
    frozen_time.shift(1)
    made = order(mira)

    note_erasures_told()

    assert row(made, laptop).told_at is None


def test_after_ninety_days_the_order_leaves_the_policy(mira, laptop, order, frozen_time):
    made = order(mira)

    frozen_time.shift(90 * DAY)
    start_pause(employee=mira, by=mira, minutes=5, longest=30)
    keep_time()

    made.refresh_from_db()
    assert laptop.newest_document().erase == ()
    assert made.outcome == "incomplete"


def test_another_persons_device_confirms_nothing(mira, laptop, make_device, order):
    made = order(mira)
    other = make_device()

    acknowledge(other)

    assert row(made, laptop).confirmed_at is None
