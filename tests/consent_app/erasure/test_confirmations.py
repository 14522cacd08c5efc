"""`POST /erasure/confirmations`: what a store says, and what it can say wrong."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_app.audit.models import Details, Leaf
from consent_app.erasure.actions import retire_store, rotate_key
from consent_app.erasure.models import StoreErasure
from consent_app.people.queries import system_user
from tests.conftest import NOON
from tests.consent_app.erasure.conftest import PATH

pytestmark = pytest.mark.usefixtures("frozen_time")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def archive(make_store):
    return make_store("Archive")


@pytest.fixture
def mira(make_employee):
    return make_employee()


@pytest.fixture
def made(mira, archive, order):
    return order(mira)


def refused(response, status, code):
    return (
        response.status_code == status
        and response["content-type"] == "application/problem+json"
        and response.json()["code"] == code
        and not StoreErasure.objects.filter(confirmed_at__isnull=False).exists()
    )


def test_the_stores_word_is_kept_and_completes(made, archive, confirm, sent_to):
    response = confirm(archive, made, used_in_training="yes", records=41)

    assert response.status_code == 200
    assert response.json()["order"] == str(made.pk)
    row = sent_to(made, archive)
    assert (row.used_in_training, row.records, row.erased_at) == ("yes", 41, NOON)
    made.refresh_from_db()
    assert made.is_completed
    said = Details.objects.get(leaf=Leaf.objects.get(event="erasure.completed")).content
    assert said["stores"] == [
        {
            "store": str(archive.store.pk),
            "name": "Archive",
            "confirmed_at": "2026-11-23T12:00:00Z",
            "erased_at": "2026-11-23T12:00:00Z",
            "used_in_training": "yes",
            "records": 41,
        }
    ]


def test_there_is_no_certificate_before_the_last_store(mira, archive, make_store, confirm, order):
    other = make_store("Training set")
    made = order(mira)

    confirm(archive, made)
    made.refresh_from_db()
    assert made.closed_at is None
    confirm(other, made)

    made.refresh_from_db()
    assert made.is_completed


def test_the_same_again_changes_nothing(made, archive, confirm):
    word = archive.word(made)
    headers = archive.headers(word)

    answers = [confirm(archive, made, sent=word, headers=headers) for _ in range(2)]
    again = confirm(archive, made, sent=word)  # signed anew, as a store does that got no answer

    assert {answer.status_code for answer in (*answers, again)} == {200}
    assert Leaf.objects.filter(event="erasure.store_confirmed").count() == 1


def test_other_words_do_not_take_the_place_of_the_first(made, archive, confirm, sent_to):
    confirm(archive, made, used_in_training="yes")

    response = confirm(archive, made, used_in_training="no")

    assert (response.status_code, response.json()["code"]) == (409, "confirmed_differently")
    assert sent_to(made, archive).used_in_training == "yes"


def test_a_replay_after_five_minutes_is_refused(made, archive, confirm, frozen_time):
    word = archive.word(made)
    headers = archive.headers(word)
    frozen_time.shift(301)

    assert refused(
        confirm(archive, made, sent=word, headers=headers), 401, "timestamp_out_of_range"
    )


def test_a_late_confirmation_signed_now_is_taken(made, archive, confirm, frozen_time):
    word = archive.word(made)
    frozen_time.shift(40 * 86_400)

    assert confirm(archive, made, sent=word).status_code == 200


def test_a_wrong_signature_is_refused(made, archive, make_store, confirm):
    word = archive.word(made)
    other = make_store("Training set")

    for headers in ({}, other.headers(word), archive.headers(word + b" ")):
        assert refused(confirm(archive, made, sent=word, headers=headers), 401, "signature_invalid")


def test_an_unknown_store_is_answered_like_a_wrong_signature(made, archive, confirm):
    word = archive.word(made, store="00000000-0000-0000-0000-000000000000")

    assert refused(confirm(archive, made, sent=word), 401, "signature_invalid")


def test_a_store_confirms_its_own_orders_only(mira, made, make_store, confirm):
    late = make_store("Training set")  # after the order, so it was given none

    assert refused(confirm(late, made), 404, "order_unknown")
    word = late.word(made, order="00000000-0000-0000-0000-000000000000")
    assert refused(confirm(late, made, sent=word), 404, "order_unknown")


def test_a_message_id_counts_once(mira, made, archive, confirm, order, frozen_time):
    frozen_time.shift(60)
    second = order(mira)
    for number, wanted in enumerate((made, second)):
        word = archive.word(wanted)
        answer = confirm(
            archive, wanted, sent=word, headers=archive.headers(word, message_id="msg_same")
        )
        assert answer.status_code == (200, 409)[number]
    assert answer.json()["code"] == "message_reused"
    second.refresh_from_db()
    assert second.closed_at is None


@pytest.mark.parametrize("erased_at", [NOON - 6 * MINUTE, NOON + 6 * MINUTE])
def test_nothing_is_erased_before_the_order_or_in_the_future(made, archive, confirm, erased_at):
    response = confirm(archive, made, erased_at=erased_at.isoformat())

    assert refused(response, 422, "erased_at_impossible")


@pytest.mark.parametrize(
    "changes",
    [
        {"used_in_training": "maybe"},
        {"used_in_training": ...},
        {"used_in_training": True},
        {"erased_at": ...},
        {"erased_at": "yesterday"},
        {"erased_at": "2026-11-23T12:00:00"},
        {"erased_at": 1764000000},
        {"records": -1},
        {"records": "3"},
        {"records": 1.5},
        {"records": 2**60},
        {"order": "17"},
        {"order": ...},
        {"store": ...},
        {"remark": "done"},
    ],
    ids=str,
)
def test_words_that_mean_nothing_are_refused_by_name(made, archive, confirm, changes):
    response = confirm(archive, made, **changes)

    assert refused(response, 422, "invalid_value")
    assert f"data.{next(iter(changes))}" in response.json()["detail"]


@pytest.mark.parametrize(
    "body", [b" ", b"{", b"[]", b'"x"', b'{"type": 1, "type": 2}', b"\xff", b"[" * 5_000]
)
def test_what_is_no_confirmation_is_refused(made, archive, confirm, body):
    response = confirm(archive, made, sent=body)

    assert response.status_code in {400, 422}
    assert not StoreErasure.objects.filter(confirmed_at__isnull=False).exists()


def test_a_body_that_is_too_large_is_refused(made, archive, confirm):
    assert refused(confirm(archive, made, sent=b" " * 16_385), 413, "too_large")


def test_another_media_type_is_refused(made, archive, confirm):
    response = confirm(archive, made, kind="text/plain")

    assert refused(response, 415, "unsupported_media_type")


def test_only_post_is_taken(client, db):
    assert client.get(PATH).status_code == 405


def test_too_many_calls_are_put_off(made, archive, confirm, monkeypatch):
    cache.clear()
    monkeypatch.setattr("consent_app.erasure.api.views.MOST_CALLS", 1)
    confirm(archive, made, sent=b"{")

    response = confirm(archive, made)

    assert refused(response, 429, "too_many_requests")
    assert int(response["Retry-After"]) > 0
    cache.clear()


def test_the_former_key_counts_for_a_day(made, archive, confirm, frozen_time):
    rotate_key(name="Archive", by=system_user())
    frozen_time.shift(86_399)
    assert confirm(archive, made).status_code == 200


def test_after_a_day_only_the_new_key_counts(made, archive, confirm, frozen_time):
    new = rotate_key(name="Archive", by=system_user())
    frozen_time.shift(86_400)
    word = archive.word(made)

    assert refused(confirm(archive, made, sent=word), 401, "signature_invalid")
    headers = archive.headers(word, key=new)
    assert confirm(archive, made, sent=word, headers=headers).status_code == 200


def test_a_store_that_was_retired_meanwhile_still_confirms(made, archive, confirm):
    retire_store(name="Archive", by=system_user())

    assert confirm(archive, made).status_code == 200


def test_a_confirmation_before_anything_was_sent_stops_the_sending(made, archive, confirm, sent_to):
    confirm(archive, made)

    row = sent_to(made, archive)
    assert (row.next_attempt_at, row.received_at) == (None, timezone.now())


@pytest.mark.parametrize(
    "change",
    [
        {"used_in_training": "no"},
        {"confirmed_at": None, "erased_at": None, "used_in_training": "", "records": None},
        {"records": 1},
    ],
)
def test_the_database_keeps_what_was_confirmed(made, archive, confirm, change):
    confirm(archive, made, used_in_training="yes")

    with pytest.raises(IntegrityError), transaction.atomic():
        StoreErasure.objects.filter(order=made).update(**change)


def test_the_problem_says_no_more_than_it_has_to(made, archive, confirm):
    response = confirm(archive, made, used_in_training="<script>")

    assert "<script>" not in json.dumps(response.json())
    assert response["Cache-Control"] == "no-store"
