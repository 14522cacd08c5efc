"""The client distrusts every answer (T19, bad input 43)."""

import asyncio
import gzip
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.client import Connection, NewPolicy, PortalClient, StillCurrent, enrol
from consent_agent.errors import (
    AgentError,
    AnswerRefused,
    DeviceRevoked,
    InsecureAddress,
    PortalRefused,
    PortalUnreachable,
)
from consent_agent.protocol.jws import encode_base64url
from tests.agent.simulated_portal import REGISTER_DIGEST, REGISTER_DOCUMENT, Handler

# Of a statement only its number matters here.
WORD = f"a.{encode_base64url(b'{"sequence":1}')}.c"


@pytest.fixture
def ask(portal, make_state):
    """Make one call as an enrolled device, with a deadline short enough for a test."""

    def call(method, *arguments, **options):
        async def run():
            enrolment = make_state(portal.url).enrolment
            async with Connection(portal.url, deadline_seconds=0.4) as connection:
                return await getattr(PortalClient(connection, enrolment), method)(
                    *arguments, **options
                )

        return asyncio.run(run())

    return call


@pytest.fixture
def enrol_here(portal):
    def call(url=None):
        async def run():
            async with Connection(url or portal.url) as connection:
                return await enrol(
                    connection, portal.url, code="ABCD2345", hostname="LAPTOP-1", platform="linux"
                )

        return asyncio.run(run())

    return call


def test_proxy_of_the_environment_is_not_shown_a_token_in_clear(portal, ask, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert isinstance(ask("poll", etag=None), NewPolicy)


def send(status=200, content=b"{}", **headers):
    """Answer the same to every request; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.send(status, content, named)


def drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def pour(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(2**30))
    handler.end_headers()
    for _ in range(2**14):
        handler.wfile.write(b" " * 2**16)


def break_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


def test_takes_a_policy_and_then_its_renewal(ask):
    first = ask("poll", etag=None)
    second = ask("poll", etag=first.etag)

    assert isinstance(first, NewPolicy)
    assert isinstance(second, StillCurrent)


def test_sends_the_token_and_asks_for_plain_answers(ask, portal):
    seen = {}
    portal.wrong_answers["policy"] = lambda handler: (
        seen.update(handler.headers),
        handler.send(500),
    )

    with pytest.raises(PortalRefused):
        ask("poll", etag='"e"', wait_seconds=1)

    assert seen["Authorization"] == "Bearer token-1"
    assert seen["Accept-Encoding"] == "identity"
    assert (seen["If-None-Match"], seen["Prefer"]) == ('"e"', "wait=1")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (send(302, Location="http://127.0.0.1:1/"), "redirect"),
        (send(307, Location="/agent/v1/policy"), "redirect"),
        (send(300), "redirect"),
        (send(200, gzip.compress(b" " * 10**6), Content_Encoding="gzip"), "content_encoding"),
        (send(200, b"{}", Content_Encoding="br"), "content_encoding"),
        (send(200, b"<html>", Content_Type="text/html"), "wrong_media_type"),
        (send(200, b"{}", Content_Type="application/jsonp"), "wrong_media_type"),
        (send(200, b"{}"), "bad_answer"),
        (send(200, b"<html>"), "bad_answer"),
        (send(200, b'{"device":1,"ceiling":2,"freshness":3}'), "bad_answer"),
        (send(200, b'{"device":"a","ceiling":"b","freshness":"c"}'), "etag_missing"),
        (
            send(200, b'{"device":"a","ceiling":"b","freshness":"c"}', ETag="\u00e9"),
            "etag_missing",
        ),
        (send(201, b"{}"), "unexpected_status"),
        (send(200, b" " * (256 * 1024 + 1)), "too_large"),
        (pour, "too_large"),
        (send(304, Policy_Freshness="a.b.c"), "not_modified_unasked"),
    ],
)
def test_refuses_answers_that_no_portal_gives(ask, portal, answer, code):
    portal.wrong_answers["policy"] = answer

    with pytest.raises(AgentError) as caught:
        ask("poll", etag=None)

    assert caught.value.code == code
    assert len(portal.requests) == 1


def test_refuses_not_modified_without_freshness(ask, portal):
    portal.wrong_answers["policy"] = send(304)

    with pytest.raises(AnswerRefused, match="freshness_missing"):
        ask("poll", etag='"e"')


@pytest.mark.parametrize("answer", [drip, break_off, lambda handler: time.sleep(0.6)])
def test_gives_up_on_a_slow_or_broken_answer_within_the_deadline(ask, portal, answer):
    portal.wrong_answers["policy"] = answer
    started = time.monotonic()

    with pytest.raises(PortalUnreachable):
        ask("poll", etag=None)

    assert time.monotonic() - started < 1


def test_no_server_is_unreachable(ask, portal):
    portal.stop()

    with pytest.raises(PortalUnreachable):
        ask("poll", etag=None)


@pytest.mark.parametrize(
    ("answer", "code", "retry_after"),
    [
        (send(401, {"code": "unknown_token"}), "unknown_token", None),
        (send(403, {"code": "forbidden"}), "forbidden", None),
        (send(429, {"code": "slow_down"}, Retry_After="7"), "slow_down", 7),
        (send(503, {"code": "away"}, Retry_After="1e9"), "away", 900),
        (send(503, {"code": "away"}, Retry_After="nan"), "away", None),
        (send(503, {"code": "away"}, Retry_After="Mon, 23 Nov 2026 12:00:00 GMT"), "away", None),
        (send(500, b"<html>", Content_Type="text/html"), "unknown", None),
        (send(403, b'{"code":"device_revoked"}', Content_Type="text/html"), "unknown", None),
        (send(500, b"{"), "unknown", None),
    ],
)
def test_a_refusal_carries_the_portals_code(ask, portal, answer, code, retry_after):
    portal.wrong_answers["policy"] = answer

    with pytest.raises(PortalRefused) as caught:
        ask("poll", etag=None)

    assert (caught.value.code, caught.value.retry_after) == (code, retry_after)


def test_a_revoked_device_learns_it(ask, portal):
    portal.wrong_answers["policy"] = send(403, {"code": "device_revoked"})

    with pytest.raises(DeviceRevoked):
        ask("poll", etag=None)


def test_takes_a_register_with_the_right_digest_only(ask, portal):
    document = ask("fetch_register", REGISTER_DIGEST)
    portal.wrong_answers[f"registers/{REGISTER_DIGEST}"] = send(200, REGISTER_DOCUMENT + b" ")

    with pytest.raises(AnswerRefused, match="wrong_digest"):
        ask("fetch_register", REGISTER_DIGEST)

    assert document == REGISTER_DOCUMENT


def test_a_register_has_at_most_4_mib(ask, portal):
    portal.wrong_answers[f"registers/{REGISTER_DIGEST}"] = pour

    with pytest.raises(AnswerRefused, match="too_large"):
        ask("fetch_register", REGISTER_DIGEST)


def test_an_acknowledgement_is_taken_with_202_only(ask, portal):
    ask("acknowledge", WORD)
    portal.wrong_answers["acknowledgements"] = send(200)

    with pytest.raises(AnswerRefused, match="not_acknowledged"):
        ask("acknowledge", WORD)

    assert portal.bodies("POST", "acknowledgements")[0] == {"jws": WORD}


def test_enrols_with_a_key_made_on_the_device(enrol_here, portal):
    enrolment = enrol_here()
    body = portal.bodies("POST", "enrolments")[0]

    assert sorted(body) == ["agent_version", "code", "hostname", "platform", "public_key"]
    assert sorted(body["public_key"]) == ["crv", "kty", "x"]
    assert isinstance(enrolment.private, Ed25519PrivateKey)
    assert (enrolment.token, enrolment.portal_url) == ("token-1", portal.url)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy_url": "https://evil.test/agent/v1/policy"},
        {"policy_url": "http://127.0.0.1:1/agent/v1/policy"},
        {"policy_url": "//evil.test/policy"},
        {"policy_url": "http://[bad/"},
        {"token": ""},
        {"token": "tokén"},
        {"token": "a\r\nX: y"},
        {"device_id": None},
        {"jwks": {"keys": []}},
        {"jwks": []},
    ],
)
def test_refuses_an_enrolment_that_is_incomplete_or_leads_elsewhere(
    enrol_here, portal, desk, changes
):
    answer = {
        "device_id": "d",
        "token": "t",
        "jwks": desk.jwks,
        "policy_url": "/agent/v1/policy",
    } | changes
    portal.wrong_answers["enrolments"] = send(201, answer)

    with pytest.raises(AnswerRefused, match="bad_enrolment"):
        enrol_here()


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example.com",
        "http://127.0.0.1.evil.test/",
        "http://localhost.evil.test/",
        "http://localhost@evil.test/",
        "ftp://127.0.0.1/",
        "portal.example.com",
        "https://",
        "http://[bad/",
        "",
    ],
)
def test_sends_no_token_in_the_clear(enrol_here, url):
    with pytest.raises(InsecureAddress):
        enrol_here(url or "x")


def test_each_start_of_the_agent_names_another_run(portal, make_state):
    """T15: so the portal notices when two poll that have one token."""
    runs = []
    answer = portal.answer

    def spy(handler, path, body):
        runs.append(handler.headers["Agent-Run"])
        answer(handler, path, body)

    portal.answer = spy
    enrolment = make_state(portal.url).enrolment

    async def start_twice():
        for _ in range(2):
            async with Connection(portal.url) as connection:
                client = PortalClient(connection, enrolment)
                await client.poll(etag=None)
                await client.poll(etag=None)

    asyncio.run(start_twice())

    assert runs[0] == runs[1] != runs[2] == runs[3]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", run) for run in runs)
