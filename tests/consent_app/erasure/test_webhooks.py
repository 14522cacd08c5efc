"""Signatures after the Standard Webhooks convention."""

from datetime import UTC, datetime, timedelta

import pytest

from consent_app.erasure.errors import SignatureInvalid, TimestampOutOfRange
from consent_app.erasure.webhooks import new_key, read_key, signed_headers, verify

# The example of the convention's own libraries.
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, tz=UTC)
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
KEYS = [read_key(KEY)]


def test_signs_as_the_convention_does():
    signed = signed_headers(BODY, message_id=HEADERS["webhook-id"], at=AT, keys=KEYS)

    assert signed == HEADERS
    assert verify(BODY, HEADERS, keys=KEYS, at=AT) == HEADERS["webhook-id"]


def test_one_right_signature_of_several_is_enough():
    given = {**HEADERS, "webhook-signature": f"v1,AAAA v2,x {HEADERS['webhook-signature']}"}

    assert verify(BODY, given, keys=[read_key(new_key()), *KEYS], at=AT)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64 at all ü"},
        {"webhook-signature": HEADERS["webhook-signature"].replace("v1", "v2")},
        {"webhook-signature": " ".join(["v1,AAAA"] * 8 + [HEADERS["webhook-signature"]])},
        {"webhook-id": ""},
        {"webhook-id": "msg_another"},
        {"webhook-id": "a.b"},
        {"webhook-id": "x" * 121},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": "-1614265330"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 400},
    ],
)
def test_refuses_what_is_not_signed_so(changed):
    with pytest.raises(SignatureInvalid):
        verify(BODY, HEADERS | changed, keys=KEYS, at=AT)


def test_refuses_another_body_another_key_and_no_key():
    for body, keys in [(BODY + b" ", KEYS), (BODY, [read_key(new_key())]), (BODY, [])]:
        with pytest.raises(SignatureInvalid):
            verify(body, HEADERS, keys=keys, at=AT)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_refuses_a_message_of_another_time(seconds):
    with pytest.raises(TimestampOutOfRange):
        verify(BODY, HEADERS, keys=KEYS, at=AT + timedelta(seconds=seconds))


def test_takes_a_message_of_five_minutes_ago():
    assert verify(BODY, HEADERS, keys=KEYS, at=AT + timedelta(minutes=5))


def test_every_key_is_another_and_long_enough():
    keys = {read_key(new_key()) for _ in range(20)}

    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}
