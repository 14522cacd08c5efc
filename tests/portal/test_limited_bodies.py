"""Nobody fills the disk with a body, announced or not; everything below the limit arrives whole."""

import asyncio

import pytest

from portal.lib.limited_bodies import MAX_BODY_BYTES, LimitedBodies, body_limit

CHUNK = b"x" * 65536


def send_body(*, size, announced=None, path="/agent/v1/ledger"):
    """Send a body in chunks; return the status and how much the application was given."""
    given, sent, left = 0, [], size

    async def receive():
        nonlocal left
        chunk = CHUNK[:left]
        left -= len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": left > 0}

    async def send(message):
        sent.append(message)

    async def application(_scope, receive, send):
        nonlocal given
        more = True
        while more:
            message = await receive()
            given += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    length = [] if announced is None else [(b"content-length", b"%d" % announced)]
    scope = {"type": "http", "method": "POST", "path": path, "headers": length}
    asyncio.run(LimitedBodies(application)(scope, receive, send))
    return sent[0]["status"], given


@pytest.mark.parametrize("announced", [None, MAX_BODY_BYTES])
def test_body_at_the_limit_arrives_whole(announced):
    assert send_body(size=MAX_BODY_BYTES, announced=announced) == (200, MAX_BODY_BYTES)


def test_body_announced_as_too_large_is_not_read():
    size = MAX_BODY_BYTES + 1

    assert send_body(size=size, announced=size) == (413, 0)


@pytest.mark.parametrize("announced", [None, 10])
def test_body_that_turns_out_too_large_is_cut_off(announced):
    status, given = send_body(size=100 * MAX_BODY_BYTES, announced=announced)

    assert status == 413
    assert given <= MAX_BODY_BYTES


def test_only_the_address_of_attachments_takes_more():
    files = "/requests/0190c2f4-7a7e-4d5e-9c3b-0d7a1f1f2a3b/files"

    assert body_limit("POST", files) == 11 * 1024 * 1024
    for method, path in [("PUT", files), ("POST", files + "/1"), ("POST", "/requests/new/files")]:
        assert body_limit(method, path) == MAX_BODY_BYTES
