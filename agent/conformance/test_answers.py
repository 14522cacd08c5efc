"""Answers that no portal gives: refused for their form, before anything in them is believed."""

import gzip
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import pytest

from conformance.checks import check_refusal
from conformance.device import SHORT_DEADLINE_SECONDS, USUAL_POLICY, Device
from conformance.forge import Forge
from conformance.portal import Handler
from consent_agent.protocol.canonical import canonical_json

type Answer = Callable[[Handler], None]
# A poll that never ends must be given up in time; how loaded the machine is, is not the agent's.
PATIENCE_SECONDS = 10.0
KIB = 1024


def forged(handler: Handler) -> bytes:
    """Return documents that would open everything, as they would be answered."""
    portal = handler.server
    return canonical_json(asdict(Forge(portal.desk, portal.clock()).bind()))


def with_headers(status: int = 200, **headers: str) -> Answer:
    """Answer documents under other headers; names with underscores for hyphens."""
    named = {"ETag": '"1"'} | {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.send(status, forged(handler), named)


def with_body(change: Callable[[bytes], bytes]) -> Answer:
    return lambda handler: handler.send(200, change(forged(handler)), {"ETag": '"1"'})


def redirect(status: int) -> Answer:
    return lambda handler: handler.send(status, b"", {"Location": "/elsewhere"})


def redirect_to_another_server(handler: Handler) -> None:
    host = handler.server.url.replace("127.0.0.1", "localhost")
    handler.send(307, b"", {"Location": f"{host}/elsewhere"})


def bomb(handler: Handler) -> None:
    body = gzip.compress(forged(handler) + b" " * 20_000 * KIB)
    handler.send(200, body, {"ETag": '"1"', "Content-Encoding": "gzip"})


def begin(handler: Handler, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("ETag", '"1"')
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def pour(handler: Handler) -> None:
    """Send a body that goes on for a gigabyte, and begins with all that is needed."""
    begin(handler, 2**30)
    handler.wfile.write(forged(handler))
    for _ in range(2**14):
        handler.wfile.write(b" " * 64 * KIB)


def drip(handler: Handler) -> None:
    """Send one byte a second, so that no single read takes long."""
    body = forged(handler)
    begin(handler, len(body))
    for position in range(10):
        handler.wfile.write(body[position : position + 1])
        handler.wfile.flush()
        time.sleep(1)


def say_nothing(handler: Handler) -> None:
    time.sleep(3)
    handler.close_connection = True


def break_off(handler: Handler) -> None:
    body = forged(handler)
    begin(handler, len(body) + 10)
    handler.wfile.write(body)
    handler.close_connection = True


def refuse(status: int, code: str = "later", **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.send(status, {"code": code}, named)


def two_policies(body: bytes) -> bytes:
    return body.replace(b'{"ceiling"', b'{"device":"a.b.c","ceiling"')


WRONG: Final[dict[str, tuple[str | None, Answer]]] = {
    "moved for good": ("redirect", redirect(301)),
    "found elsewhere": ("redirect", redirect(302)),
    "see other": ("redirect", redirect(303)),
    "moved for now": ("redirect", redirect(307)),
    "moved for good, same method": ("redirect", redirect(308)),
    "moved to another server": ("redirect", redirect_to_another_server),
    "gzip bomb": ("content_encoding", bomb),
    "said to be compressed": ("content_encoding", with_headers(Content_Encoding="br")),
    "HTML": ("wrong_media_type", with_headers(Content_Type="text/html")),
    "HTML page": (
        "wrong_media_type",
        lambda handler: handler.send(200, b"<html>Sign in", {"Content-Type": "text/html"}),
    ),
    "JSON of another kind": ("wrong_media_type", with_headers(Content_Type="application/jwt")),
    "no content type": ("wrong_media_type", with_headers(Content_Type="")),
    "HTML said to be JSON": ("bad_answer", with_body(lambda _: b"<html>Sign in")),
    "member twice": ("bad_answer", with_body(two_policies)),
    "list": ("bad_answer", with_body(lambda body: b"[" + body + b"]")),
    "empty": ("bad_answer", with_body(lambda _: b"")),
    "cut short": ("bad_answer", with_body(lambda body: body[:-1])),
    "no freshness": (
        "bad_answer",
        with_body(lambda body: body.replace(b'"freshness"', b'"freshest"')),
    ),
    "documents of another type": (
        "bad_answer",
        with_body(lambda _: b'{"device":1,"ceiling":[],"freshness":null}'),
    ),
    "no ETag": ("etag_missing", lambda handler: handler.send(200, forged(handler))),
    "created": ("unexpected_status", with_headers(201)),
    "partial content": ("unexpected_status", with_headers(206)),
    "longer than 256 KiB": ("too_large", with_body(lambda body: body + b" " * 256 * KIB)),
    "a gigabyte": ("too_large", pour),
    "less than it says": (None, break_off),
    "token not known": (None, refuse(401, "unauthorized")),
    "forbidden": (None, refuse(403, "forbidden")),
    "not found": (None, refuse(404, "not_found")),
    "too many": (None, refuse(429, "too_many_requests", Retry_After="7")),
    "fault": (None, refuse(500, "fault")),
    "unavailable": (None, refuse(503, "unavailable", Retry_After="soon")),
    "fault with documents": (None, with_headers(500)),
    "revoked, says a page": (
        None,
        lambda handler: handler.send(
            403, b'{"code":"device_revoked"}', {"Content-Type": "text/html"}
        ),
    ),
    "revoked, with another status": (None, refuse(404, "device_revoked")),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_refuses_an_answer(device: Device, name: str) -> None:
    code, answer = WRONG[name]
    followed = []

    def answer_elsewhere(handler: Handler) -> None:
        followed.append(handler.path)
        device.portal.answer_poll(handler)

    device.portal.wrong_answers["/elsewhere"] = answer_elsewhere

    check_refusal(device, answer, code)

    assert not followed, "a redirect was followed"


@pytest.mark.parametrize("answer", [drip, say_nothing], ids=["1 byte a second", "silence"])
def test_gives_up_on_an_answer_that_does_not_end(device: Device, answer: Answer) -> None:
    portal = device.portal
    portal.publish(**USUAL_POLICY)
    portal.wrong_answers["policy"] = answer

    started = time.monotonic()
    device.refuses(None, deadline_seconds=SHORT_DEADLINE_SECONDS)

    took = time.monotonic() - started
    assert took < SHORT_DEADLINE_SECONDS + 2.0, f"it took {took:.1f} s"
    device.denies("no_policy")
    portal.wrong_answers.clear()
    device.takes_policy()
    device.allows()


def test_not_modified_is_refused_where_nothing_is_held(device: Device) -> None:
    portal = device.portal
    portal.publish(**USUAL_POLICY)
    freshness = portal.sign_current().freshness
    portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"ETag": '"1"', "Policy-Freshness": freshness}
    )

    device.refuses("not_modified_unasked")
    device.denies("no_policy")
    device.restart()
    device.refuses("not_modified_unasked")

    portal.wrong_answers.clear()
    device.takes_policy()
    device.allows()


def test_not_modified_renews_by_its_freshness_alone(working: Device) -> None:
    portal, clock = working.portal, working.clock
    clock.pass_time(minutes=10)
    portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"ETag": handler.headers["If-None-Match"]}
    )
    working.refuses("freshness_missing")
    clock.pass_time(minutes=5)
    working.denies("not_fresh")

    portal.wrong_answers.clear()
    working.takes_policy()
    assert working.last_poll().headers["if-none-match"]
    working.allows()


def test_not_modified_with_the_freshness_of_another_policy_is_refused(working: Device) -> None:
    portal = working.portal
    other = Forge(portal.desk, working.clock.true).bind()
    portal.wrong_answers["policy"] = lambda handler: handler.send(
        304, headers={"Policy-Freshness": other.freshness}
    )

    working.refuses("freshness_mismatch")
    working.denies("preference", "chat")

    portal.wrong_answers.clear()
    working.takes_policy()
    assert "if-none-match" not in working.last_poll().headers, "it must ask for all of it again"


def test_asks_with_its_token_and_for_no_compression(working: Device) -> None:
    asked = [request for request in working.portal.requests if request.path == "policy"]

    for request in asked:
        assert request.headers["authorization"] == "Bearer token-1"
        assert request.headers.get("accept-encoding", "identity") in {"identity", ""}
        assert "prefer" not in request.headers


def test_no_server_changes_nothing(working: Device) -> None:
    working.portal.stop()

    working.refuses(None)
    working.allows()
    working.denies("preference", "chat")
    working.restart()
    working.refuses(None)
    working.allows()

    working.clock.pass_time(minutes=15)
    working.denies("not_fresh")


def test_a_revoked_device_forgets_everything(working: Device) -> None:
    working.hold("editor", working.clock.true, working.clock.true)
    working.portal.wrong_answers["policy"] = refuse(403, "device_revoked")

    working.refuses("device_revoked")

    working.denies(None)
    assert not working.show()["enrolled"]
    assert working.show()["held"] == 0
    assert all(b"token-1" not in path.read_bytes() for path in working.files()), (
        "the token is still there"
    )
    working.portal.wrong_answers.clear()
    working.refuses(None)
    working.restart()
    working.denies(None)
