"""The pages on which somebody has something forgotten, and the list of stores."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.receipts import verify_receipt
from consent_app.devices.actions import receive_acknowledgement, revoke_device
from consent_app.erasure import queries
from consent_app.erasure.models import ErasureOrder
from consent_app.people.roles import Role
from portal.lib.keys import published_keys
from tests.conftest import NOON
from tests.exemption_fixtures import give_role

pytestmark = pytest.mark.usefixtures("frozen_time")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mira(make_employee, make_device):
    person = make_employee(time_zone="America/Los_Angeles")
    make_device(person)
    return person


@pytest.fixture
def mine(sign_in, mira):
    return sign_in(mira)


def ask(client, **posted):
    return client.post(reverse("forget"), {"period": "15"} | posted)


def press_yes(client, answer):
    """Press the button of the page that says what will happen."""
    form = answer.context["form"]
    shown = {field.name: field.value() for field in form}
    return client.post(reverse("forget-confirm"), shown)


def two_applications():
    return sorted(queries.collected_slugs())[:2]


def test_nothing_is_ordered_before_it_was_shown(mine, mira, make_store):
    make_store("Training archive")

    answer = ask(mine)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Training archive" in page
    assert "LAPTOP-1" in page
    assert "Yes, forget it" in page
    assert not ErasureOrder.objects.exists()

    done = press_yes(mine, answer)

    order = ErasureOrder.objects.get()
    assert done["Location"] == reverse("forget-order", args=[order.pk])
    assert (order.starts_at, order.ends_at) == (NOON - 15 * MINUTE, NOON)


@pytest.mark.parametrize(
    ("posted", "starts", "ends"),
    [
        ({"period": "5"}, NOON - 5 * MINUTE, NOON),
        ({"period": "60"}, NOON - 60 * MINUTE, NOON),
        # Midnight in Los Angeles, where it is four in the morning.
        ({"period": "today"}, NOON - 4 * 60 * MINUTE, NOON),
        (
            {"period": "custom", "starts_at": "2026-11-22T08:00", "ends_at": "2026-11-22T09:30"},
            NOON - (20 * 60) * MINUTE,
            NOON - (18 * 60 + 30) * MINUTE,
        ),
    ],
)
def test_each_period_is_what_its_name_says(mine, posted, starts, ends):
    press_yes(mine, ask(mine, **posted))

    order = ErasureOrder.objects.get()
    assert (order.starts_at, order.ends_at) == (starts, ends)


def test_an_application_as_far_back_as_anything_is_kept(mine):
    chosen = two_applications()

    press_yes(mine, ask(mine, period="kept", applications=chosen))

    order = ErasureOrder.objects.get()
    assert order.applications == chosen
    assert order.starts_at == NOON - queries.longest_kept()


def test_all_that_is_kept_can_be_read_about_before_it_is_ordered(mine, frozen_time):
    shown = ask(mine, period="kept", applications=two_applications())
    frozen_time.shift(20 * MINUTE)

    answer = press_yes(mine, shown)

    assert answer.status_code == 302
    assert ErasureOrder.objects.get().ordered_at == NOON + 20 * MINUTE


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({"period": ""}, "Choose a period."),
        ({"period": "7"}, "Choose one of these periods."),
        ({"period": "kept"}, "Choose a period, or at least one application."),
        ({"period": "custom"}, "Give a day and a time."),
        ({"period": "custom", "starts_at": "soon", "ends_at": "x"}, "that exist"),
        (
            {"period": "custom", "starts_at": "2026-11-23T03:00", "ends_at": "2026-11-23T05:00"},
            "ends in the future",
        ),
        (
            {"period": "custom", "starts_at": "2026-11-22T09:00", "ends_at": "2026-11-22T08:00"},
            "ends before it begins",
        ),
        (
            {"period": "custom", "starts_at": "2026-01-01T09:00", "ends_at": "2026-11-22T08:00"},
            "kept for longer than 90 days",
        ),
        ({"applications": ["nothing-like-it"]}, "Nothing was ever collected"),
    ],
)
def test_what_can_not_be_is_said(mine, posted, words):
    answer = ask(mine, **posted)

    assert answer.status_code == 422
    assert words in answer.content.decode()


@pytest.mark.parametrize(
    "posted",
    [
        {},
        {"starts_at": "x", "ends_at": "y"},
        {"starts_at": "2026-11-23T11:00Z", "ends_at": "2027-11-23T12:00Z"},
        {"starts_at": "2020-11-23T11:00Z", "ends_at": "2026-11-23T12:00Z"},
        {
            "starts_at": "2026-11-23T11:00Z",
            "ends_at": "2026-11-23T12:00Z",
            "applications": "nothing-like-it",
        },
    ],
)
def test_what_is_confirmed_is_looked_at_again(mine, posted):
    assert mine.post(reverse("forget-confirm"), posted).status_code == 422
    assert not ErasureOrder.objects.exists()


def test_the_same_twice_is_refused_in_words(mine):
    answer = ask(mine)
    press_yes(mine, answer)

    again = press_yes(mine, answer)

    assert again.status_code == 409
    assert "still open covers all of this already" in again.content.decode()
    assert ErasureOrder.objects.count() == 1


def test_the_page_of_an_order_shows_who_confirmed(mine, mira, make_store, order, confirm):
    archive = make_store("Training archive")
    made = order(mira)
    page = mine.get(reverse("forget-order", args=[made.pk])).content.decode()
    assert "Confirmed by" in page
    assert "Download the certificate" not in page

    confirm(archive, made, used_in_training="yes", records=41)
    page = mine.get(reverse("forget-order", args=[made.pk])).content.decode()

    assert "41 recordings" in page
    assert "Some of it had been used in training." in page
    assert "What a model learned from them stays in it" in page


def test_an_unknown_use_in_training_is_said_plainly(mine, mira, make_store, order, confirm):
    archive = make_store("Training archive")
    made = order(mira)

    confirm(archive, made, used_in_training="unknown")

    page = mine.get(reverse("forget-order", args=[made.pk])).content.decode()
    assert "does not know whether any of it had been used in training" in page


def test_a_late_store_is_named(sign_in, mira, make_store, order, frozen_time):
    make_store("Training archive")
    made = order(mira)
    frozen_time.shift(3 * 86_400)

    page = sign_in(mira).get(reverse("forget-order", args=[made.pk])).content.decode()

    assert "Overdue: Training archive" in page


def test_a_device_that_is_gone_is_shown_as_it_is(mine, mira, make_device, order):
    lost = make_device(mira, hostname="LAPTOP-2")
    made = order(mira)

    revoke_device(device=lost.device, by=mira)

    page = mine.get(reverse("forget-order", args=[made.pk])).content.decode()
    assert "LAPTOP-2 was removed or did not answer" in page


def test_the_certificate_is_a_receipt_that_verifies(sign_in, make_employee, make_device, order):
    person = make_employee()
    laptop = make_device(person)
    client = sign_in(person)
    made = order(person)
    address = reverse("forget-certificate", args=[made.pk])
    assert client.get(address).status_code == 404

    receive_acknowledgement(device=laptop.device, jws=laptop.acknowledgement())
    answer = client.get(address)

    assert answer["Content-Disposition"] == f'attachment; filename="erasure-{made.pk}.json"'
    receipt = json.loads(answer.content)
    assert str(made.pk) in json.dumps(receipt)
    assert verify_receipt(answer.content, keys=KeySet.from_jwks(published_keys()))


def test_nobody_else_sees_an_order(mine, mira, order, sign_in, make_employee):
    made = order(mira)
    owner = give_role(make_employee("Owner"), Role.PROGRAMME_OWNER, Role.AUDITOR)
    stranger = sign_in(owner)

    for name in ("forget-order", "forget-certificate"):
        assert stranger.get(reverse(name, args=[made.pk])).status_code == 404
    assert str(made.pk) not in stranger.get(reverse("forget")).content.decode()


def test_a_part_of_the_page_is_asked_for_until_it_ends(mine, mira, make_store, order, confirm):
    archive = make_store("Training archive")
    made = order(mira)
    part = mine.get(reverse("forget-order", args=[made.pk]), headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith("<section")
    assert "hx-get" in part.content.decode()
    laptop = made.devices.get()
    laptop.confirmed_at = timezone.now()
    laptop.save()
    confirm(archive, made)

    part = mine.get(reverse("forget-order", args=[made.pk]), headers={"HX-Request": "true"})

    assert "hx-get" not in part.content.decode()


def test_the_list_shows_mine_the_latest_first(mine, mira, order, frozen_time):
    order(mira)
    frozen_time.shift(60)
    second = order(mira)

    page = mine.get(reverse("forget")).content.decode()

    assert page.count("Waiting") == 2
    assert page.index(str(second.pk)) < page.index(str(queries.orders_of(mira)[1].pk))


def test_the_number_of_questions_does_not_grow(
    mine, mira, make_store, order, frozen_time, django_assert_max_num_queries
):
    for name in ("Archive", "Training archive", "Third"):
        make_store(name)
    made = order(mira)
    for _ in range(5):
        frozen_time.shift(60)
        order(mira)

    with django_assert_max_num_queries(20):
        mine.get(reverse("forget"))
    with django_assert_max_num_queries(20):
        mine.get(reverse("forget-order", args=[made.pk]))


def test_the_list_of_stores_says_what_each_holds(sign_in, make_employee, make_store):
    make_store("Training archive")
    client = sign_in(give_role(make_employee(), Role.LEGAL_REVIEWER))

    page = client.get(reverse("data-stores")).content.decode()

    assert "Training archive" in page
    assert "Recordings of all kinds" in page
