"""The agent API's answers, right and wrong: status, code, and that nothing was written."""

import json
from datetime import timedelta

import pytest
from django.urls import get_resolver
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.jws import KeySet, public_key_jwk
from consent_app.audit.models import Leaf
from consent_app.devices.actions import issue_enrolment_code, revoke_device
from consent_app.devices.api import endpoint
from consent_app.devices.api.problems import STATUS_OF_REFUSAL
from consent_app.devices.models import Acknowledgement, Device
from consent_app.notifications.models import Notification
from consent_app.register.queries import current_version
from consent_app.restrictions.models import Restriction
from portal.lib.bursts import BurstLimit
from portal.lib.refusals import Refusal
from tests.conftest import NOON

PROBLEM = "application/problem+json"


def problem(response, status):
    """Check the form of a problem document and return its code."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert body["status"] == status
    assert body["type"] == f"urn:consent-portal:problem:{body['code']}"
    return body["code"]


@pytest.fixture
def enrolment(ceilings, make_employee, make_key):
    """Return a body that enrols."""
    person = make_employee()
    return {
        "code": issue_enrolment_code(employee=person, by=person),
        "public_key": public_key_jwk(make_key().private.public_key()),
        "hostname": "LAPTOP-1",
        "platform": "macos",
        "agent_version": "1.0.0",
    }


# Enrolments


def test_enrols_a_device(post_json, enrolment):
    response = post_json("enrolments", enrolment)

    assert response.status_code == 201
    body = response.json()
    device = Device.objects.get(pk=body["device_id"])
    assert device.hostname == "LAPTOP-1"
    assert body["policy_url"].endswith("/agent/v1/policy")
    assert KeySet.from_jwks(body["jwks"])
    assert response["Cache-Control"] == "no-store"


WRONG_FIELDS = {
    "unknown": ({"user_id": 7}, "unknown_field", "user_id"),
    "mass assignment": ({"state": "approved"}, "unknown_field", "state"),
    "platform": ({"platform": "beos"}, "invalid_value", "platform"),
    "number for text": ({"hostname": 7}, "invalid_value", "hostname"),
    "null": ({"code": None}, "invalid_value", "code"),
    "empty hostname": ({"hostname": ""}, "too_short", "hostname"),
    "long hostname": ({"hostname": "x" * 81}, "too_long", "hostname"),
    "right-to-left override": ({"hostname": "LAP\u202eTOP"}, "invalid_value", "hostname"),
    "zero width": ({"hostname": "LAP\u200bTOP"}, "invalid_value", "hostname"),
    "byte order mark": ({"hostname": "LAP\ufeffTOP"}, "invalid_value", "hostname"),
    "line separator": ({"hostname": "LAP\u2028TOP"}, "invalid_value", "hostname"),
    "nothing to see": ({"hostname": " "}, "invalid_value", "hostname"),
    "NUL": ({"hostname": "LAP\x00TOP"}, "invalid_value", "hostname"),
    "other key type": (
        {"public_key": {"kty": "RSA", "crv": "Ed25519", "x": "A" * 43}}, "invalid_value",
        "public_key.kty",
    ),
    "P-256": (
        {"public_key": {"kty": "OKP", "crv": "P-256", "x": "A" * 43}}, "invalid_value",
        "public_key.crv",
    ),
    "private key": (
        {"public_key": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "d": "A" * 43}},
        "unknown_field", "public_key.d",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FIELDS)
def test_names_the_wrong_field(post_json, enrolment, case):
    change, code, field = WRONG_FIELDS[case]

    response = post_json("enrolments", enrolment | change)

    assert problem(response, 422) == code
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not Device.objects.exists()


def test_names_every_missing_field(post_json, enrolment):
    response = post_json("enrolments", {"code": enrolment["code"]})

    assert problem(response, 422) == "missing_field"
    assert {error["field"] for error in response.json()["errors"]} == {
        "public_key", "hostname", "platform", "agent_version",
    }  # fmt: skip


def test_says_nothing_about_the_code_it_refuses(post_json, enrolment):
    response = post_json("enrolments", enrolment | {"code": "WXYZ-2345"})

    assert problem(response, 422) == "enrolment_code_invalid"
    assert b"WXYZ" not in response.content


def test_second_use_answers_conflict(post_json, enrolment, make_key):
    post_json("enrolments", enrolment)

    response = post_json(
        "enrolments", enrolment | {"public_key": public_key_jwk(make_key().private.public_key())}
    )

    assert problem(response, 409) == "enrolment_code_used"
    assert Notification.objects.filter(event="enrolment_code_reused").exists()


def test_small_order_key_is_refused(post_json, enrolment):
    zero = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}

    assert problem(post_json("enrolments", enrolment | {"public_key": zero}), 422) == "key_unusable"


def test_guessing_codes_is_slowed_down(post_json, enrolment, frozen_time):
    answers = [
        post_json("enrolments", enrolment | {"code": f"WXYZ-{2222 + n}"}).status_code
        for n in range(20)
    ]

    response = post_json("enrolments", enrolment)

    assert answers == [422] * 20
    assert problem(response, 429) == "too_many_requests"
    assert 0 < int(response["Retry-After"]) <= 600
    assert not Device.objects.exists()


def test_slowing_counts_who_stands_behind_our_proxy(post_json, enrolment, settings, frozen_time):
    settings.BEHIND_PROXY = True
    for number in range(20):
        post_json(
            "enrolments",
            enrolment | {"code": f"WXYZ-{2222 + number}"},
            HTTP_X_FORWARDED_FOR=f"10.9.9.{number}, 10.0.0.1",
        )

    same = post_json("enrolments", enrolment, HTTP_X_FORWARDED_FOR="10.8.8.8, 10.0.0.1")
    other = post_json("enrolments", enrolment, HTTP_X_FORWARDED_FOR="10.0.0.1, 10.0.0.2")

    assert same.status_code == 429
    assert other.status_code == 201


def test_slowing_believes_no_header_without_a_proxy(post_json, enrolment, frozen_time):
    for number in range(20):
        post_json(
            "enrolments",
            enrolment | {"code": f"WXYZ-{2222 + number}"},
            HTTP_X_FORWARDED_FOR=f"10.9.9.{number}",
        )

    assert post_json("enrolments", enrolment, HTTP_X_FORWARDED_FOR="10.8.8.8").status_code == 429


# Bodies that are none


BAD_BODIES = {
    "NaN": (b'{"minutes": NaN, "idempotency_key": "abcdefgh"}', "invalid_json"),
    "Infinity": (b'{"minutes": Infinity, "idempotency_key": "abcdefgh"}', "invalid_json"),
    "1e400": (b'{"minutes": 1e400, "idempotency_key": "abcdefgh"}', "invalid_json"),
    "duplicate member": (
        b'{"minutes": 5, "minutes": 900, "idempotency_key": "abcdefgh"}', "duplicate_key",
    ),
    "trailing garbage": (b'{"minutes": 5} x', "invalid_json"),
    "two documents": (b"{}{}", "invalid_json"),
    "blank": (b" ", "invalid_json"),
    "byte order mark": (b"\xef\xbb\xbf{}", "invalid_json"),
    "not UTF-8": (b'{"minutes": "\xff"}', "invalid_json"),
    "deeply nested": (b"[" * 30_000, "invalid_json"),
    "lone surrogate": (rb'{"minutes": "\ud800"}', "invalid_json"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_BODIES)
def test_refuses_what_is_no_json(post_json, make_device, case):
    body, code = BAD_BODIES[case]
    enrolled = make_device()

    response = post_json("pauses", body, **enrolled.authorization)

    assert problem(response, 400) == code
    assert not Restriction.objects.exists()


@pytest.mark.parametrize("value", [b"[]", b'"text"', b"5", b"null"])
def test_refuses_json_that_is_no_object(post_json, make_device, value):
    assert (
        problem(post_json("pauses", value, **make_device().authorization), 422) == "invalid_value"
    )


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-7", ""],
)
def test_refuses_other_media_types(post_json, make_device, media_type):
    response = post_json(
        "pauses", {"minutes": 5}, content_type=media_type, **make_device().authorization
    )

    assert problem(response, 415) == "unsupported_media_type"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_refuses_compressed_bodies(post_json, make_device, encoding):
    options = make_device().authorization | {"HTTP_CONTENT_ENCODING": encoding}

    assert problem(post_json("pauses", {"minutes": 5}, **options), 415) == "unsupported_encoding"


def test_refuses_large_bodies(post_json, make_device):
    response = post_json("pauses", b" " * (64 * 1024 + 1), **make_device().authorization)

    assert problem(response, 413) == "too_large"


# Who asks


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic abc"])
@pytest.mark.parametrize("path", ["pauses", "acknowledgements"])
def test_answers_every_wrong_token_alike(post_json, make_device, header, path):
    make_device()
    options = {} if header is None else {"HTTP_AUTHORIZATION": header}

    response = post_json(path, {"minutes": 5}, **options)

    assert problem(response, 401) == "unauthorized"
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.content == post_json(path, {"minutes": 5}).content


def test_tells_a_removed_device_so(post_json, make_device):
    enrolled = make_device()
    revoke_device(device=enrolled.device, by=enrolled.device.employee)

    response = post_json("pauses", {"minutes": 5}, **enrolled.authorization)

    assert problem(response, 403) == "device_revoked"


def test_tells_the_device_of_somebody_who_left_so(post_json, make_device):
    enrolled = make_device()
    enrolled.device.employee.is_active = False
    enrolled.device.employee.save()

    assert problem(post_json("pauses", {}, **enrolled.authorization), 403) == "device_revoked"


def test_a_device_that_calls_without_end_is_slowed_down(post_json, make_device, monkeypatch):
    endless, calm = make_device(), make_device()
    monkeypatch.setattr(endpoint, "_calls", BurstLimit(burst=2, per_second=0.001))

    def code(device, status):
        answer = post_json("acknowledgements", {}, **device.authorization)
        return problem(answer, status)

    assert [code(endless, 422) for _ in range(2)] == ["missing_field"] * 2
    assert code(endless, 429) == "too_many_requests"
    assert post_json("pauses", {}, **endless.authorization)["Retry-After"] == "5"
    assert code(calm, 422) == "missing_field"


def test_a_removed_device_that_calls_without_end_is_told_that_it_is_removed(
    post_json, make_device, monkeypatch
):
    enrolled = make_device()
    monkeypatch.setattr(endpoint, "_calls", BurstLimit(burst=1, per_second=0.001))
    assert problem(post_json("acknowledgements", {}, **enrolled.authorization), 422)
    revoke_device(device=enrolled.device, by=enrolled.device.employee)

    for _ in range(2):
        answer = post_json("acknowledgements", {}, **enrolled.authorization)
        assert problem(answer, 403) == "device_revoked"


# Pauses


def test_tray_pauses_its_own_device(post_json, make_device, frozen_time):
    enrolled = make_device()

    response = post_json(
        "pauses", {"minutes": 15, "idempotency_key": "abcdefgh"}, **enrolled.authorization
    )

    assert response.status_code == 201
    assert response.json()["until"] == "2026-11-23T12:15:00Z"
    assert Restriction.objects.get().device == enrolled.device.pk
    assert enrolled.newest().state == "paused"


def test_same_key_gives_the_same_answer(post_json, make_device, frozen_time):
    enrolled = make_device()
    body = {"minutes": 15, "idempotency_key": "abcdefgh"}

    answers = {post_json("pauses", body, **enrolled.authorization).content for _ in range(5)}

    assert len(answers) == 1
    assert Restriction.objects.count() == 1


def test_same_key_with_another_body_is_refused(post_json, make_device):
    enrolled = make_device()
    post_json("pauses", {"minutes": 15, "idempotency_key": "abcdefgh"}, **enrolled.authorization)

    response = post_json(
        "pauses", {"minutes": 5, "idempotency_key": "abcdefgh"}, **enrolled.authorization
    )

    assert problem(response, 422) == "idempotency_key_reused"


def test_same_key_of_another_device_is_its_own(post_json, make_device):
    one, other = make_device(), make_device()
    body = {"minutes": 15, "idempotency_key": "abcdefgh"}

    assert post_json("pauses", body, **one.authorization).status_code == 201
    assert post_json("pauses", body, **other.authorization).status_code == 201


@pytest.mark.parametrize("minutes", [31, 0, -5])
def test_refuses_minutes_out_of_range(post_json, make_device, minutes):
    body = {"minutes": minutes, "idempotency_key": "abcdefgh"}

    response = post_json("pauses", body, **make_device().authorization)

    assert problem(response, 422) == "out_of_range"
    assert not Restriction.objects.exists()


@pytest.mark.parametrize("minutes", [True, "5", 5.5, 5.0, None, [5]])
def test_refuses_minutes_that_are_no_integer(post_json, make_device, minutes):
    body = {"minutes": minutes, "idempotency_key": "abcdefgh"}

    assert problem(post_json("pauses", body, **make_device().authorization), 422) == "invalid_value"


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space", "ünïcödé-key"])
def test_refuses_odd_idempotency_keys(post_json, make_device, key):
    body = {"minutes": 5, "idempotency_key": key}

    assert post_json("pauses", body, **make_device().authorization).status_code == 422
    assert not Restriction.objects.exists()


def test_device_ends_its_own_pause(client, post_json, make_device, frozen_time):
    enrolled = make_device()
    post_json("pauses", {"minutes": 15, "idempotency_key": "abcdefgh"}, **enrolled.authorization)
    frozen_time.shift(timedelta(minutes=1))

    response = client.delete("/agent/v1/pauses/current", **enrolled.authorization)

    assert response.status_code == 204
    assert Restriction.objects.get().ends_at == NOON + timedelta(minutes=1)


def test_ending_no_pause_is_not_found(client, make_device):
    response = client.delete("/agent/v1/pauses/current", **make_device().authorization)

    assert problem(response, 404) == "no_pause"


# Acknowledgements


def test_keeps_the_word_of_a_device(post_json, make_device):
    enrolled = make_device()

    response = post_json(
        "acknowledgements", {"jws": enrolled.acknowledgement()}, **enrolled.authorization
    )

    assert (response.status_code, response.json()) == (202, {"sequence": 1})
    kept = Acknowledgement.objects.get()
    assert (kept.effect, kept.policy) == ("collecting", enrolled.newest())
    assert Leaf.objects.filter(event="policy.confirmed").count() == 1


def test_same_word_twice_is_kept_once(post_json, make_device):
    enrolled = make_device()
    body = {"jws": enrolled.acknowledgement()}

    answers = [post_json("acknowledgements", body, **enrolled.authorization) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert Leaf.objects.filter(event="policy.confirmed").count() == 1


def test_other_word_with_the_same_number_is_refused(post_json, make_device):
    enrolled = make_device()
    post_json("acknowledgements", {"jws": enrolled.acknowledgement()}, **enrolled.authorization)

    other = enrolled.acknowledgement(effect="not_collecting")
    response = post_json("acknowledgements", {"jws": other}, **enrolled.authorization)

    assert problem(response, 409) == "sequence_reused"


def test_word_signed_by_another_key_is_refused(post_json, make_device, make_key):
    enrolled = make_device()
    enrolled.key = make_key()

    response = post_json(
        "acknowledgements", {"jws": enrolled.acknowledgement()}, **enrolled.authorization
    )

    assert problem(response, 422) == "acknowledgement_unreadable"
    assert not Acknowledgement.objects.exists()


@pytest.mark.parametrize("effect", ["x" * 30, "COLLECTING", "collecting more"])
def test_word_of_no_known_effect_is_refused(post_json, make_device, effect):
    enrolled = make_device()

    said = enrolled.acknowledgement(effect=effect)
    response = post_json("acknowledgements", {"jws": said}, **enrolled.authorization)

    assert problem(response, 422) == "acknowledgement_unreadable"
    assert not Acknowledgement.objects.exists()


def test_word_about_another_device_is_not_found(post_json, make_device):
    enrolled, other = make_device(), make_device()

    said = enrolled.acknowledgement(device=str(other.device.pk))
    response = post_json("acknowledgements", {"jws": said}, **enrolled.authorization)

    assert problem(response, 404) == "not_found"


WRONG_WORDS = {
    "version never issued": ({"device_version": 9}, 422, "policy_never_issued"),
    "other bytes of a version": (
        {"device_digest": "sha256:" + "1" * 64}, 422, "policy_never_issued",
    ),
    "ceiling never issued": ({"ceiling_digest": "sha256:" + "1" * 64}, 422, "policy_never_issued"),
    "future": ({"applied_at": NOON + timedelta(seconds=61)}, 409, "acknowledgement_in_future"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_word_that_can_not_be_true_is_refused(frozen_time, post_json, make_device, case):
    change, status, code = WRONG_WORDS[case]
    enrolled = make_device()

    response = post_json(
        "acknowledgements", {"jws": enrolled.acknowledgement(**change)}, **enrolled.authorization
    )

    assert problem(response, status) == code
    assert not Acknowledgement.objects.exists()
    recorded = Leaf.objects.filter(event="acknowledgement.refused").exists()
    assert recorded == (code == "policy_never_issued")


@pytest.mark.parametrize("before", [timedelta(0), timedelta(days=365)], ids=["now", "back-dated"])
def test_device_that_collects_what_is_denied_is_caught(post_json, make_device, before):
    enrolled = make_device()
    post_json("pauses", {"minutes": 15, "idempotency_key": "abcdefgh"}, **enrolled.authorization)

    applied_at = enrolled.newest().signed_at - before
    said = enrolled.acknowledgement(effect="collecting", applied_at=applied_at)
    response = post_json("acknowledgements", {"jws": said}, **enrolled.authorization)

    assert problem(response, 422) == "effect_wider_than_policy"
    assert Leaf.objects.filter(event="acknowledgement.refused").count() == 1
    assert Notification.objects.filter(event="device_contradicts").count() == 1


# Documents


def test_serves_the_register_by_its_digest_for_ever(client, make_device):
    make_device()
    digest = current_version().digest

    response = client.get(f"/agent/v1/registers/{digest}")

    assert content_digest(response.content) == digest
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["sha256:" + "0" * 64, "sha256:abc", "..%2f", "x" * 500])
def test_unknown_register_is_not_found(client, db, name):
    assert problem(client.get(f"/agent/v1/registers/{name}"), 404) == "not_found"


def test_publishes_keys_with_their_roles(client, db, keys):
    response = client.get("/.well-known/jwks.json")

    body = response.json()
    assert KeySet.from_jwks(body)
    assert sorted(key["use_role"] for key in body["keys"]) == [
        "checkpoint", "checkpoint", "policy", "policy", "programme", "programme",
    ]  # fmt: skip
    assert all("d" not in key for key in body["keys"])


# The whole


def test_description_is_valid_openapi_3_1(client, db):
    document = client.get("/agent/v1/openapi.json").json()

    validate(document)
    assert document["openapi"] == "3.1.0"


def test_description_names_every_address_and_nothing_else(client, db):
    document = client.get("/agent/v1/openapi.json").json()
    described = {path for path in document["paths"] if path.startswith("/agent/")}

    routed = set()
    rooms = ("consent_app.ledger.api.urls", "consent_app.devices.api.urls")
    for pattern in (found for room in rooms for found in get_resolver(room).url_patterns):
        if pattern.name not in ("agent-unknown", "agent-openapi"):
            route = str(pattern.pattern).removeprefix("^").removesuffix("$")
            routed.add("/agent/v1/" + route.replace("(?P<digest>sha256:[0-9a-f]{64})", "{digest}"))
    assert described == routed


def test_answers_are_as_described(client, post_json, enrolment):
    document = client.get("/agent/v1/openapi.json").json()
    schemas = document["components"]

    def check(name, body):
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        Draft202012Validator(schema).validate(body)

    check("Enrolled", post_json("enrolments", enrolment).json())
    check("KeySet", client.get("/.well-known/jwks.json").json())
    check("Problem", post_json("enrolments", {}).json())


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/agent/v1/enrolments", {"POST"}),
        ("/agent/v1/acknowledgements", {"POST"}),
        ("/agent/v1/pauses", {"POST"}),
        ("/agent/v1/pauses/current", {"DELETE"}),
        ("/agent/v1/policy", {"GET"}),
        ("/agent/v1/openapi.json", {"GET"}),
        ("/.well-known/jwks.json", {"GET"}),
    ],
)
def test_other_methods_are_not_allowed(client, db, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        response = client.generic(method, path)

        assert problem(response, 405) == "method_not_allowed"
        assert response["Allow"] == ", ".join(sorted(allowed))


def test_unknown_address_is_a_problem_too(client, db):
    assert problem(client.get("/agent/v1/anything/else"), 404) == "not_found"


def test_every_refusal_that_agents_can_meet_has_a_status():
    def all_of(kind):
        for sub in kind.__subclasses__():
            yield sub
            yield from all_of(sub)

    rooms = ("consent_app.devices", "consent_app.restrictions")
    codes = {kind.code for kind in all_of(Refusal) if kind.__module__.startswith(rooms)}

    met_by_commands = {
        "ceiling_file_unreadable",
        "ceiling_not_wanted",
        "ceiling_unsigned",
        "key_announced_lately",
        "key_kept_for_ever",
        "key_not_announced",
        "key_set_not_wanted",
        "key_set_unreadable",
        "key_set_unsigned",
        "key_still_in_use",
        "register_missing",
    }
    met_on_pages = {
        "application_unknown",
        "device_does_not_wait",
        "nothing_to_start",
        "quiet_time_unclear",
        "quiet_times_too_close",
        "quiet_times_too_many",
        "reason_missing",
        "restart_not_asked",
        "rollout_out_of_range",
        "rollout_over",
        "second_person_needed",
        "stop_forbidden",
        "stopped_already",
    }
    assert codes - set(STATUS_OF_REFUSAL) == met_by_commands | met_on_pages


def test_method_override_is_ignored(client, make_device):
    options = make_device().authorization | {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}

    assert client.get("/agent/v1/pauses/current", **options).status_code == 405


def test_policy_bytes_hold_nothing_of_the_person(make_device, make_employee):
    person = make_employee("Canary Person", email="canary@example.com")

    policy = make_device(person).newest()

    text = json.dumps(policy.jws) + str(make_device(person).newest_document())
    assert "canary" not in text.lower()
