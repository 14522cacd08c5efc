"""`GET /agent/v1/policy`: answered beside Django, from memory, the portal's hot path.

`knowledge` says what a device is told, `freshness` signs that it holds now, and agents that wait
(`Prefer: wait=N`, RFC 7240) are held as coroutines, each woken on its own. Nothing here knows which
server it runs in: `portal/rsgi.py` and `portal/asgi.py` put questions and take answers.

Source: design, section 6 (contract) and section 5 (freshness).
"""

import asyncio
import hashlib
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple

import psycopg
from psycopg_pool import PoolTimeout

from consent_app.devices.api.problems import problem_body
from consent_app.devices.freshness import WINDOW_SECONDS, Form, Signer
from consent_app.devices.knowledge import Knowledge
from consent_app.devices.limits import DeviceLimit, wrong_tokens_limit
from consent_app.devices.reads_together import TooMany
from consent_app.devices.told import Told
from portal.lib.bursts import BurstLimit
from portal.lib.keys import KeysMissing

PATH = "/agent/v1/policy"
LONGEST_WAIT_SECONDS = 55
# Whoever is sent away comes back spread over this time.
RETRY_AFTER_SECONDS = (5, 30)
WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?=$|[,;\s])")
MAX_TURNS = 10

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes = b""


class Question(NamedTuple):
    """The header fields that count, empty where absent, and what tells who asks if that counts."""

    authorization: str
    address: Callable[[], str]
    if_none_match: str = ""
    prefer: str = ""
    agent_run: str = ""


class PolicyPoll:
    """Answers one GET at a time; `knowledge` is shared by all of them in this process."""

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        device_limit: DeviceLimit | None = None,
        address_limit: BurstLimit | None = None,
    ) -> None:
        self.knowledge = knowledge
        self._signer = Signer()
        self._device_limit = device_limit or DeviceLimit()
        self._address_limit = address_limit or wrong_tokens_limit()

    def answer_at_once(self, question: Question) -> Answer | None:
        """Answer from memory; None where there is something to read, to wait for or to refuse."""
        token_hash = _token_hash(question.authorization)
        told = self.knowledge.told_at_once(token_hash) if token_hash else None
        ceiling = told.cohort.ceiling if told else None
        if told is None or ceiling is None or told.known.revoked:
            return None
        unchanged = _matches(told.etag, question.if_none_match)
        if unchanged and question.prefer:
            return None
        policy = None if unchanged else self.knowledge.policy_at_once(told)
        if policy is None and not unchanged:
            return None
        now = time.time()
        form = self._signer.form(told, now)
        idle = self._device_limit.take(told.known, now) if form else None
        if form is None or idle is None:
            return None
        self.knowledge.note_seen(told, now)
        if question.agent_run != told.known.agent_run:
            self.knowledge.note_run(told, question.agent_run)
        freshness = self._signer.freshness(told, form, asks_often=idle < WINDOW_SECONDS)
        if policy is None:
            return Answer(304, _headers(told.etag, freshness))
        return self._give(told, policy, ceiling.jws, freshness)

    def _give(self, told: Told, policy: str, ceiling: str, freshness: str) -> Answer:
        self.knowledge.note_delivered(told)
        body = _documents(policy, ceiling, freshness)
        return Answer(200, _document_headers(told.etag, body), body)

    async def answer(
        self, question: Question, *, gone: Callable[[], Awaitable[None]]
    ) -> Answer | None:
        """Answer, after a wait if the question asks for one; None where the agent went away.

        `gone` is called at most once; what it returns is done when the connection is closed.
        """
        try:
            return await self._answer(question, gone)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, KeysMissing):
            return problem(503, "unavailable", retry=True)
        except TooMany:
            return problem(429, "too_many_requests", retry=True)
        except _GoneAway:
            return None

    async def _answer(self, question: Question, gone: Callable[[], Awaitable[None]]) -> Answer:
        token_hash = _token_hash(question.authorization)
        if token_hash is None:
            return problem(401, "unauthorized")
        now = time.time()
        told = self.knowledge.told_at_once(token_hash)
        read = _Read(told, at=now, is_heard=True)
        if told is None:
            # Only what memory does not know costs a read, and only wrong tokens count.
            address = question.address()
            if not self._address_limit.allows(address):
                return problem(429, "too_many_requests", retry=True)
            read = await self._read(token_hash)
            told = read.told
            if told is None:
                self._address_limit.count(address)
                return problem(401, "unauthorized")
            now = time.time()
        idle = self._device_limit.take(told.known, now)
        if idle is None:
            return problem(429, "too_many_requests", retry=True)
        # Of a poll that arrives, not of one that was held: that may belong to a run that is over.
        if question.agent_run != told.known.agent_run:
            self.knowledge.note_run(told, question.agent_run)
        wait = _wait_seconds(question.prefer)
        if wait and _is_unchanged(told, question.if_none_match):
            self.knowledge.note_seen(told, now)
            await self._wait_for_change(token_hash, told, question.if_none_match, wait, gone)
            idle, read = wait, await self._read(token_hash)
        return await self._say(
            read, token_hash, question.if_none_match, asks_often=idle < WINDOW_SECONDS
        )

    async def _read(self, token_hash: bytes) -> "_Read":
        at, is_heard = time.time(), self.knowledge.is_listening
        return _Read(await self.knowledge.told(token_hash), at, is_heard)

    async def _say(
        self, read: "_Read", token_hash: bytes, known_etag: str, *, asks_often: bool
    ) -> Answer:
        """Gather what the answer needs, and sign that it holds at a moment when it did."""
        for _ in range(MAX_TURNS):
            told = read.told
            ceiling = told.cohort.ceiling if told else None
            if told is None or ceiling is None or told.known.revoked:
                return _refusal(told)
            self.knowledge.note_seen(told, time.time())
            unchanged = _matches(told.etag, known_etag)
            policy = None if unchanged else await self.knowledge.policy(told, token_hash)
            form = await self._form(told, at=None if read.is_heard else read.at)
            # Somebody may have decided something while a read took its time. Where nobody would
            # have told us, the answer is dated as its first read is.
            holds = not read.is_heard or self.knowledge.still_holds(told, token_hash)
            if holds and (unchanged or policy is not None):
                freshness = self._signer.freshness(told, form, asks_often=asks_often)
                if policy is None:
                    return Answer(304, _headers(told.etag, freshness))
                return self._give(told, policy, ceiling.jws, freshness)
            read = await self._read(token_hash)
        return problem(503, "unavailable", retry=True)

    async def _form(self, told: Told, *, at: float | None) -> Form:
        """Return what holds for this device's cohort, written if need be: at this time, or now."""
        form = self._form_at(told, at)
        if form is None:
            checkpoint = await self.knowledge.checkpoint()
            # Of all who waited for the checkpoint, the first writes the form.
            form = self._form_at(told, at) or self._signer.write(
                told, checkpoint, now=time.time() if at is None else at
            )
        return form

    def _form_at(self, told: Told, at: float | None) -> Form | None:
        form = self._signer.form(told, time.time() if at is None else at)
        is_later = form is not None and at is not None and form.issued_at.timestamp() > at
        return None if is_later else form

    async def _wait_for_change(
        self,
        token_hash: bytes,
        told: Told,
        known_etag: str,
        seconds: int,
        gone: Callable[[], Awaitable[None]],
    ) -> None:
        """Hold the answer until it would differ, or `seconds` passed.

        Raises:
            _GoneAway: the agent closed its connection.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        going = asyncio.ensure_future(gone())
        try:
            current: Told | None = told
            while current is not None and _is_unchanged(current, known_etag):
                remaining = deadline - loop.time()
                if remaining <= 0 or not await self.knowledge.changed(
                    current.device, seconds=remaining, gone=going
                ):
                    break
                current = await self.knowledge.told(token_hash)
            if going.done():
                raise _GoneAway
        finally:
            going.cancel()


def _refusal(told: Told | None) -> Answer:
    """Say why there is no policy for this device."""
    if told is None:
        return problem(401, "unauthorized")
    if told.known.revoked:
        return problem(403, "device_revoked")
    return problem(503, "no_ceiling", retry=True)


class _Read(NamedTuple):
    """What a device is told, the time (UNIX) from before it was read, and whether we would hear
    of any change since.
    """

    told: Told | None
    at: float
    is_heard: bool


class _GoneAway(Exception):
    """The agent closed its connection while it waited."""


def _token_hash(authorization: str) -> bytes | None:
    scheme, token = authorization[:7], authorization[7:].strip()
    if scheme != "Bearer " and scheme.lower() != "bearer ":
        return None
    return hashlib.sha256(token.encode()).digest() if token else None


def _wait_seconds(prefer: str) -> int:
    """Return N of `Prefer: wait=N`, at most 55; 0 when it is absent or unreadable (RFC 7240)."""
    found = WAIT.search(prefer)
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


def _matches(etag: str, if_none_match: str) -> bool:
    """Compare as If-None-Match does: a list of tags, weak ones included (RFC 9110, 13.1.2)."""
    if etag == if_none_match:
        return True
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def _is_unchanged(told: Told, known_etag: str) -> bool:
    has_ceiling = told.cohort.ceiling is not None
    return not told.known.revoked and has_ceiling and _matches(told.etag, known_etag)


def _headers(etag: str, freshness: str) -> Headers:
    return [
        ("etag", etag),
        ("cache-control", "no-store"),
        ("vary", "authorization"),
        ("policy-freshness", freshness),
    ]


def _document_headers(etag: str, body: bytes) -> Headers:
    return [
        ("etag", etag),
        ("cache-control", "no-store"),
        ("vary", "authorization"),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
    ]


def _documents(device: str, ceiling: str, freshness: str) -> bytes:
    # A JWS holds no character that JSON escapes; to look for one in each costs 13 microseconds.
    return f'{{"device":"{device}","ceiling":"{ceiling}","freshness":"{freshness}"}}'.encode()


@lru_cache(maxsize=16)
def _problem_bytes(status: int, code: str) -> bytes:
    return json.dumps(problem_body(status, code)).encode()


def problem(status: int, code: str, *, retry: bool = False) -> Answer:
    """Return a problem document (RFC 9457); with `retry` it says when to ask again."""
    body = _problem_bytes(status, code)
    headers = [
        ("content-type", "application/problem+json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    ]
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    if retry:
        seconds = random.randint(*RETRY_AFTER_SECONDS)  # noqa: S311 (spreads load, no secret)
        headers.append(("retry-after", str(seconds)))
    return Answer(status, headers, body)
