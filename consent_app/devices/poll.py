"""`GET /agent/v1/policy`: answered beside Django, from memory, the portal's hot path.

An ASGI application. It knows devices by the hash of their token, keeps what it read of them until
PostgreSQL's NOTIFY says that it changed, signs a freshness document for every answer, and holds
agents that wait (`Prefer: wait=N`, RFC 7240) as coroutines, each woken on its own.

What makes it safe: nothing is remembered while the listening connection is down, and nothing is
remembered of a read during which a notification arrived. `knowledge` holds that part.

Source: design, section 6 (contract) and section 5 (freshness).
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from psycopg_pool import PoolTimeout

from consent_agent.protocol.documents import format_time
from consent_agent.protocol.jws import sign
from consent_app.devices.api.problems import problem_body
from consent_app.devices.knowledge import Knowledge
from consent_app.devices.told import Told
from portal.lib.keys import KeysMissing, signing_key

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PATH = "/agent/v1/policy"
LONGEST_WAIT_SECONDS = 55
RETRY_AFTER_SECONDS = 5
WAIT = re.compile(rb"(?:^|[,;\s])wait=(\d{1,4})(?=$|[,;\s])")


class PolicyPoll:
    """Answers one GET at a time; `knowledge` is shared by all of them in this process."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _first_of_each(scope["headers"])
        try:
            status, answer_headers, body = await self._answer(headers, receive)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, KeysMissing):
            status, answer_headers, body = _problem(503, "unavailable", retry=True)
        except _GoneAway:
            return
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[int, Headers, bytes]:
        token_hash = _token_hash(headers.get(b"authorization", b""))
        told = await self.knowledge.told(token_hash) if token_hash else None
        if token_hash is None or told is None:
            return _problem(401, "unauthorized")
        known_etag = headers.get(b"if-none-match", b"")
        wait = _wait_seconds(headers.get(b"prefer", b""))
        if wait and _is_unchanged(told, known_etag):
            told = await self._wait_for_change(token_hash, told, known_etag, wait, receive)
        if told is None:
            return _problem(401, "unauthorized")
        if told.revoked:
            return _problem(403, "device_revoked")
        if told.ceiling is None:
            return _problem(503, "no_ceiling", retry=True)
        self.knowledge.note_seen(told)
        freshness = await self._freshness(told)
        if _matches(told.etag, known_etag):
            return 304, _headers(told.etag, freshness=freshness), b""
        self.knowledge.note_delivered(told)
        body = _documents(told.jws, told.ceiling.jws, freshness)
        return 200, _headers(told.etag, length=len(body)), body

    async def _wait_for_change(
        self, token_hash: bytes, told: Told, known_etag: bytes, seconds: int, receive: Receive
    ) -> Told | None:
        """Hold the answer until it would differ, or `seconds` passed, or the agent went away."""
        self.knowledge.note_seen(told)
        deadline = asyncio.get_running_loop().time() + seconds
        gone = asyncio.ensure_future(_until_disconnected(receive))
        try:
            current: Told | None = told
            while current is not None and _is_unchanged(current, known_etag):
                if not await self.knowledge.changed(
                    current.device, deadline=deadline, or_when=gone
                ):
                    break
                current = await self.knowledge.told(token_hash)
            if gone.done():
                raise _GoneAway
            # Fresh facts for the freshness document: a stop may have begun meanwhile.
            return await self.knowledge.told(token_hash)
        finally:
            gone.cancel()

    async def _freshness(self, told: Told) -> str:
        """Sign that these two documents hold now."""
        assert told.ceiling is not None  # noqa: S101 (the caller answered that case)
        now = datetime.now(UTC)
        checkpoint = await self.knowledge.checkpoint()
        payload = {
            "schema": "freshness/1",
            "device": told.device,
            "device_version": told.version,
            "device_digest": told.digest,
            "ceiling_version": told.ceiling.version,
            "ceiling_digest": told.ceiling.digest,
            "programme": "stopped" if told.is_stopped(now) else "running",
            "deny": told.denied_to_many(now),
            "issued_at": format_time(now),
            "expires_at": format_time(now + timedelta(minutes=settings.FRESHNESS_MINUTES)),
            "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
        }
        return sign(payload, typ="freshness+jws", key=signing_key("policy"))


class _GoneAway(Exception):
    """The agent closed its connection while it waited."""


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _first_of_each(headers: Headers) -> dict[bytes, bytes]:
    """Return the headers by name; of a name sent twice, the first."""
    first: dict[bytes, bytes] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    return first


def _token_hash(authorization: bytes) -> bytes | None:
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        return None
    return hashlib.sha256(token.strip()).digest()


def _wait_seconds(prefer: bytes) -> int:
    """Return N of `Prefer: wait=N`, at most 55; 0 when it is absent or unreadable (RFC 7240)."""
    found = WAIT.search(prefer)
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


def _matches(etag: str, if_none_match: bytes) -> bool:
    """Compare as If-None-Match does: a list of tags, weak ones included (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag.encode() in tags or tags == [b"*"]


def _is_unchanged(told: Told, known_etag: bytes) -> bool:
    return not told.revoked and told.ceiling is not None and _matches(told.etag, known_etag)


def _headers(etag: str, *, freshness: str | None = None, length: int | None = None) -> Headers:
    headers = [
        (b"etag", etag.encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"authorization"),
    ]
    if freshness is not None:
        headers.append((b"policy-freshness", freshness.encode()))
    if length is not None:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    return headers


def _documents(device: str, ceiling: str, freshness: str) -> bytes:
    # A JWS holds no character that JSON escapes; to look for one in each costs 13 microseconds.
    return f'{{"device":"{device}","ceiling":"{ceiling}","freshness":"{freshness}"}}'.encode()


def _problem(status: int, code: str, *, retry: bool = False) -> tuple[int, Headers, bytes]:
    body = json.dumps(problem_body(status, code)).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if retry:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
    return status, headers, body
