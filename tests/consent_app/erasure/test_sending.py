"""The signed message to a store: when it is sent, what it says, and what stores can do wrong."""

import json
import socket

import pytest
from django.utils import timezone

from consent_app.erasure import sending, webhooks
from consent_app.erasure.actions import (
    deliver,
    deliveries,
    move_store,
    resend_orders,
    retire_store,
    rotate_key,
)
from consent_app.erasure.errors import DataStoreRetired, EndpointUnusable
from consent_app.erasure.models import StoreErasure
from consent_app.erasure.queries import waiting_messages
from consent_app.people.queries import system_user
from tests.conftest import NOON


@pytest.fixture
def mira(make_employee):
    return make_employee()


@pytest.fixture
def archive(make_store, endpoint):
    return make_store("Archive", endpoint=endpoint.url)


def test_a_store_gets_the_order_signed(mira, make_device, archive, endpoint, order, sent_to):
    device = make_device(mira).device
    made = order(mira)

    assert deliver(erasure_id=sent_to(made, archive).pk)

    ((headers, body),) = endpoint.got
    assert headers["content-type"] == "application/json"
    assert headers["host"] == endpoint.url.split("/")[2]
    keys = [webhooks.read_key(archive.key)]
    assert webhooks.verify(body, headers, keys=keys, at=timezone.now()) == str(
        sent_to(made, archive).pk
    )
    message = json.loads(body)
    assert message["type"] == "erasure.ordered"
    assert message["data"] == {
        "order": str(made.pk),
        "store": str(archive.store.pk),
        "person": str(mira.pseudonym),
        "devices": [str(device.pk)],
        "from": message["data"]["from"],
        "until": message["data"]["until"],
        "applications": None,
        "deadline": message["data"]["deadline"],
        "reply_to": "http://127.0.0.1:8000/erasure/confirmations",
    }
    row = sent_to(made, archive)
    assert row.received_at is not None
    assert row.next_attempt_at is None
    assert row.confirmed_at is None
    assert mira.name not in body.decode()
    assert mira.email not in body.decode()


def test_what_was_received_is_not_sent_again(mira, archive, endpoint, order, sent_to):
    made = order(mira)
    deliver(erasure_id=sent_to(made, archive).pk)

    assert not deliver(erasure_id=sent_to(made, archive).pk)

    assert len(endpoint.got) == 1


@pytest.mark.parametrize(
    ("status", "headers", "failure"),
    [
        (500, {}, "status_500"),
        (404, {}, "status_404"),
        (302, {"location": "http://127.0.0.1:1/elsewhere"}, "status_302"),
        (307, {"location": "/again"}, "status_307"),
    ],
)
def test_anything_but_2xx_is_tried_again(
    mira, archive, endpoint, order, sent_to, status, headers, failure
):
    endpoint.status, endpoint.headers = status, headers
    made = order(mira)

    assert not deliver(erasure_id=sent_to(made, archive).pk)

    row = sent_to(made, archive)
    assert (row.last_failure, row.attempts, row.received_at) == (failure, 1, None)
    assert row.next_attempt_at > timezone.now()
    assert len(endpoint.got) == 1


def test_a_huge_answer_is_cut_off(mira, archive, endpoint, order, sent_to):
    endpoint.body = b"x" * 10_000_000

    deliver(erasure_id=sent_to(made := order(mira), archive).pk)

    assert sent_to(made, archive).last_failure == "answer_too_large"


def test_a_slow_store_holds_nobody_up(mira, archive, endpoint, order, sent_to, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT", sending.httpx.Timeout(0.2))
    endpoint.delay = 1

    deliver(erasure_id=sent_to(made := order(mira), archive).pk)

    assert sent_to(made, archive).last_failure == "timeout"


@pytest.mark.parametrize("drip", ["header", "body"])
def test_a_store_that_drips_its_answer_is_left(
    mira, make_store, dripping, order, sent_to, monkeypatch, drip
):
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.3)
    slow = make_store(endpoint=dripping(drip))

    deliver(erasure_id=sent_to(made := order(mira), slow).pk)

    assert sent_to(made, slow).last_failure == "timeout"
    assert sent_to(made, slow).received_at is None


def test_a_store_that_is_away_is_tried_again(mira, make_store, order, sent_to):
    away = make_store(endpoint="http://127.0.0.1:1/")

    deliver(erasure_id=sent_to(made := order(mira), away).pk)

    assert sent_to(made, away).last_failure == "no_connection"


def test_each_wait_is_longer_and_the_last_try_gives_up(
    mira, archive, endpoint, order, sent_to, frozen_time
):
    endpoint.status = 503
    row = sent_to(order(mira), archive)
    tries = 0

    while row.next_attempt_at is not None:
        frozen_time.move_to(row.next_attempt_at)
        deliver(erasure_id=row.pk)
        row.refresh_from_db()
        tries += 1

    assert tries == 40
    assert row.given_up_at is not None
    assert not deliver(erasure_id=row.pk)
    resend_orders(name="Archive", by=system_user())
    endpoint.status = 200
    assert deliver(erasure_id=row.pk)


def test_two_workers_send_it_once(mira, archive, endpoint, order, sent_to):
    row = sent_to(order(mira), archive)
    assert deliveries._claimed(row.pk)  # the other one is at it

    assert not deliver(erasure_id=row.pk)

    assert endpoint.got == []


def test_the_sweeper_finds_what_no_worker_took(mira, archive, order, sent_to, frozen_time):
    row = sent_to(order(mira), archive)

    at_once = waiting_messages(at=timezone.now(), limit=10)
    frozen_time.shift(10)

    assert at_once == []
    assert waiting_messages(at=timezone.now(), limit=10) == [row.pk]


def test_a_signed_answer_confirms(mira, archive, endpoint, order, sent_to):
    made = order(mira)

    def answer(_body):
        word = archive.word(made, used_in_training="unknown", records=...)
        return word, archive.headers(word)

    endpoint.answer = answer

    deliver(erasure_id=sent_to(made, archive).pk)

    row = sent_to(made, archive)
    made.refresh_from_db()
    assert (row.used_in_training, row.records) == ("unknown", None)
    assert made.is_completed


@pytest.mark.parametrize("wrong", ["unsigned", "badly signed", "another order", "no json"])
def test_an_answer_that_is_wrong_confirms_nothing(
    mira, archive, endpoint, order, sent_to, wrong, frozen_time
):
    made = order(mira)
    frozen_time.shift(60)
    other = order(mira)
    word = b"{" if wrong == "no json" else archive.word(other if "order" in wrong else made)
    headers = archive.headers(word)
    if wrong == "unsigned":
        headers = {}
    if wrong == "badly signed":
        headers["webhook-signature"] = "v1,AAAA"
    endpoint.body, endpoint.headers = word, headers

    assert deliver(erasure_id=sent_to(made, archive).pk)

    assert sent_to(made, archive).received_at is not None
    assert sent_to(made, archive).confirmed_at is None
    assert sent_to(other, archive).confirmed_at is None


def test_after_a_rotation_both_keys_sign_for_a_day(
    mira, archive, endpoint, order, sent_to, frozen_time
):
    new = rotate_key(name="Archive", by=system_user())
    row = sent_to(order(mira), archive)

    deliver(erasure_id=row.pk)

    ((headers, body),) = endpoint.got
    for key in (archive.key, new):
        webhooks.verify(body, headers, keys=[webhooks.read_key(key)], at=NOON)
    frozen_time.shift(86_400)
    resend_orders(name="Archive", by=system_user())
    deliver(erasure_id=row.pk)
    assert len(endpoint.got[1][0]["webhook-signature"].split()) == 1


def test_a_store_that_is_retired_still_gets_what_it_was_ordered(
    mira, archive, endpoint, order, sent_to, frozen_time
):
    made = order(mira)
    retire_store(name="Archive", by=system_user())
    frozen_time.shift(60)
    later = order(mira)

    assert deliver(erasure_id=sent_to(made, archive).pk)

    assert not StoreErasure.objects.filter(order=later).exists()
    with pytest.raises(DataStoreRetired):
        retire_store(name="Archive", by=system_user())


def test_a_store_that_moved_is_sent_to_where_it_is(mira, make_store, endpoint, order, sent_to):
    store = make_store(endpoint="http://127.0.0.1:1/")
    row = sent_to(order(mira), store)

    move_store(name="Archive", endpoint=endpoint.url, by=system_user())

    assert deliver(erasure_id=row.pk)


# Where messages may go


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://stores.example.com/",
        "https://",
        "https://name:word@stores.example.com/",
        "https://stores.example.com/#part",
        "https://stores.example.com:port/",
        "https://[::1/",
        "stores.example.com",
        "",
    ],
)
def test_refuses_what_is_no_endpoint(url):
    with pytest.raises(EndpointUnusable):
        sending.check_endpoint(url)


def test_in_production_an_endpoint_is_https(settings):
    settings.PRODUCTION = True

    with pytest.raises(EndpointUnusable):
        sending.check_endpoint("http://stores.example.com/")
    sending.check_endpoint("https://stores.example.com/erase")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "0.0.0.0",  # noqa: S104 (an address to refuse)
        "169.254.169.254",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "224.0.0.1",
    ],
)
def test_in_production_nothing_is_sent_to_this_machine(settings, monkeypatch, address):
    settings.PRODUCTION = True
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)

    with pytest.raises(sending.Undelivered, match="forbidden_address"):
        sending.post("https://stores.example.com/", headers={}, body=b"{}")


def test_the_address_that_was_checked_is_connected_to(endpoint, monkeypatch):
    asked = []

    def resolve(host, port, *_args, **_more):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = endpoint.url.replace("127.0.0.1", "stores.example.com")

    sending.post(url, headers={}, body=b"{}")

    assert asked[0] == "stores.example.com"
    assert "stores.example.com" not in asked[1:]
    assert endpoint.got[0][0]["host"].startswith("stores.example.com:")


def test_a_name_that_is_unknown_is_no_fault():
    with pytest.raises(sending.Undelivered, match="unresolvable"):
        sending.post("https://stores.invalid/", headers={}, body=b"{}")
