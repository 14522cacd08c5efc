"""The agent's calls to the portal, and its distrust of the answers.

Never follows a redirect, takes no compressed body, reads no more than each answer may hold, and
gives every call one deadline for all of it. Tokens go out over TLS only (loopback excepted). What
documents mean, and when to ask again, is left to `acceptance` and `loop`.
Source: design, section 6.
"""

import asyncio
import math
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent import __version__
from consent_agent.acceptance import SignedDocuments
from consent_agent.errors import (
    AnswerRefused,
    DeviceRevoked,
    InsecureAddress,
    PortalRefused,
    PortalUnreachable,
)
from consent_agent.protocol.canonical import content_digest, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import PROGRAMME_ROLE, KeySet, public_key_jwk
from consent_agent.protocol.keys import read_key_set
from consent_agent.protocol.members import Members
from consent_agent.state import Enrolment
from consent_agent.transport import LIMITS, problem_of, tls_context

DEADLINE_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 256 * 1024
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS: Final = 15 * 60.0

_JSON = "application/json"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class NewPolicy:
    """Answer 200 to a poll."""

    signed: SignedDocuments
    etag: str


@dataclass(frozen=True)
class StillCurrent:
    """Answer 304 to a poll: the documents stand, and this freshness renews them."""

    freshness: str


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()


class Connection:
    """HTTP with one portal, within limits; without knowledge of what is said.

    `bytes_exchanged` counts headers and bodies both ways, without what TLS and TCP add.
    """

    def __init__(self, portal_url: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        """Prepare to talk to `portal_url`.

        Raises:
            InsecureAddress: it is not https, and not on this machine.
        """
        check_address(portal_url)
        self._base = portal_url.rstrip("/") + "/agent/v1/"
        self.deadline_seconds = deadline_seconds
        self.bytes_exchanged = 0
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            timeout=None,  # noqa: S113  # the whole call has a deadline of its own
            limits=LIMITS,
            verify=tls_context() if _origin(portal_url)[0] == "https" else False,
            # A proxy of the environment would read the token of what goes out without TLS.
            trust_env=_origin(portal_url)[0] == "https",
            headers={
                "Accept-Encoding": "identity",
                "User-Agent": f"consent-agent/{__version__}",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        limit: int = MAX_ANSWER_BYTES,
        wait_seconds: float = 0,
    ) -> _Answer:
        """Make one call; `url` may be relative to the API's base.

        Raises:
            PortalUnreachable: no whole answer within the deadline.
            AnswerRefused: a redirect, a compressed or an oversized answer.
            DeviceRevoked, PortalRefused: the portal says no.
        """
        request = self._http.build_request(
            method, urljoin(self._base, url), headers=headers, json=body
        )
        try:
            async with asyncio.timeout(wait_seconds + self.deadline_seconds):
                answer = await self._exchange(request, limit)
        except TimeoutError:
            raise PortalUnreachable("no answer in time") from None
        except httpx.HTTPError as error:
            raise PortalUnreachable(problem_of(error)) from error
        if answer.status >= 400:
            raise _refusal(answer)
        return answer

    async def _exchange(self, request: httpx.Request, limit: int) -> _Answer:
        self.bytes_exchanged += _size(request.headers) + len(request.content)
        response = await self._http.send(request, stream=True)
        self.bytes_exchanged += _size(response.headers)
        try:
            if 300 <= response.status_code < 400 and response.status_code != 304:
                raise AnswerRefused("redirect")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise AnswerRefused("content_encoding")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                self.bytes_exchanged += len(chunk)
                if len(body) > limit:
                    raise AnswerRefused("too_large")
            return _Answer(response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()


class PortalClient:
    """The calls of an enrolled device."""

    def __init__(self, connection: Connection, enrolment: Enrolment) -> None:
        self._connection = connection
        self._policy_url = enrolment.policy_url
        self._authorization = {"Authorization": f"Bearer {enrolment.token}"}
        # Another at each start: so the portal notices a copy of this device that polls too.
        self._run = secrets.token_urlsafe(16)

    async def poll(self, *, etag: str | None, wait_seconds: int = 0) -> NewPolicy | StillCurrent:
        """Ask for the policy; with `etag`, only for what differs from it.

        Raises:
            AnswerRefused: no policy, or "not modified" without having been asked.
        """
        headers = {**self._authorization, "Agent-Run": self._run}
        if etag is not None:
            headers["If-None-Match"] = etag
        if wait_seconds:
            headers["Prefer"] = f"wait={wait_seconds}"
        answer = await self._connection.call(
            "GET", self._policy_url, headers=headers, wait_seconds=wait_seconds
        )
        if answer.status == 304:
            return _read_still_current(answer, asked=etag is not None)
        return _read_new_policy(answer)

    async def fetch_register(self, digest: str) -> bytes:
        """Return the bytes of the register document with this digest.

        Raises:
            AnswerRefused: `wrong_digest`, or larger than MAX_DOCUMENT_BYTES.
        """
        return await self._fetch(f"registers/{digest}", digest)

    async def fetch_filter(self, digest: str) -> bytes:
        """Return the bytes of the counterparty filter with this digest, as `fetch_register`."""
        return await self._fetch(f"filters/{digest}", digest)

    async def _fetch(self, url: str, digest: str) -> bytes:
        answer = await self._connection.call(
            "GET", url, headers=self._authorization, limit=MAX_DOCUMENT_BYTES
        )
        if answer.status != 200 or content_digest(answer.body) != digest:
            raise AnswerRefused("wrong_digest")
        return answer.body

    async def fetch_keys(self) -> str | None:
        """Return the portal's signed key set; None where it has none.

        Raises:
            AnswerRefused: `bad_answer`.
        """
        try:
            answer = await self._connection.call("GET", "keys", headers=self._authorization)
        except PortalRefused as refusal:
            if refusal.status == 404:
                return None
            raise
        try:
            return _read_members(answer, status=200).text("keys")
        except DocumentRefused:
            raise AnswerRefused("bad_answer") from None

    async def acknowledge(self, jws: str) -> None:
        answer = await self._connection.call(
            "POST", "acknowledgements", headers=self._authorization, body={"jws": jws}
        )
        if answer.status != 202:
            raise AnswerRefused("not_acknowledged")

    async def report(self, body: Mapping[str, object]) -> None:
        """Hand over counts and cost; members as in `ledger.Unsent`."""
        answer = await self._connection.call(
            "POST", "ledger", headers=self._authorization, body=body
        )
        if answer.status != 202:
            raise AnswerRefused("not_counted")

    async def start_pause(self, *, minutes: int, idempotency_key: str) -> None:
        body = {"minutes": minutes, "idempotency_key": idempotency_key}
        await self._connection.call("POST", "pauses", headers=self._authorization, body=body)

    async def end_pause(self) -> None:
        await self._connection.call("DELETE", "pauses/current", headers=self._authorization)


async def enrol(
    connection: Connection,
    portal_url: str,
    *,
    code: str,
    hostname: str,
    platform: str,
    programme_keys: Collection[str] = (),
    employee_email: str | None = None,
) -> Enrolment:
    """Trade a code for an identity: the device's key is made here and never leaves.

    `programme_keys` are the ids of the portal's programme keys, where they are known another way.
    The code of a roll-out needs the address of whoever the device is for.

    Raises:
        AnswerRefused: `bad_enrolment`: a member is missing, a key is not usable, or polls would go
            to another server; `other_programme_key`: it names one that is not expected.
    """
    private = Ed25519PrivateKey.generate()
    body = {
        "code": code,
        "public_key": public_key_jwk(private.public_key()),
        "hostname": hostname,
        "platform": platform,
        "agent_version": __version__,
    }
    if employee_email:
        body["employee_email"] = employee_email
    answer = await connection.call("POST", "enrolments", body=body)
    try:
        members = _read_members(answer, status=201)
        enrolment = Enrolment(
            portal_url=portal_url,
            policy_url=urljoin(portal_url.rstrip("/") + "/", members.text("policy_url")),
            device_id=members.text("device_id"),
            token=_header_text(members.text("token")),
            jwks=members.mapping("jwks"),
            private=private,
            key_set=members.text_or_absent("keys"),
        )
        if enrolment.key_set is not None:
            read_key_set(enrolment.key_set, pinned=enrolment.keys)
        _check_programme_keys(enrolment.keys, programme_keys)
        if _origin(enrolment.policy_url) != _origin(portal_url):
            raise AnswerRefused("bad_enrolment")
    except (DocumentRefused, ValueError):
        raise AnswerRefused("bad_enrolment") from None
    return enrolment


def check_address(url: str) -> None:
    """Accept an https address, or one on this machine.

    Raises:
        InsecureAddress: any other.
    """
    try:
        scheme, host, _ = _origin(url)
    except ValueError:
        raise InsecureAddress from None
    if not host or not (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
        raise InsecureAddress


def _check_programme_keys(keys: KeySet, expected: Collection[str]) -> None:
    if expected and not keys.of_role(PROGRAMME_ROLE).keys() <= set(expected):
        raise AnswerRefused("other_programme_key")


def _size(headers: httpx.Headers) -> int:
    """Return how long header lines are; each has a colon, a space and a line end of two bytes."""
    return sum(len(name) + len(value) + 4 for name, value in headers.raw)


def _header_text(text: str) -> str:
    if not (text and text.isascii() and text.isprintable()):
        raise ValueError("cannot be sent in a header")
    return text


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default


def _read_still_current(answer: _Answer, *, asked: bool) -> StillCurrent:
    freshness = answer.headers.get("policy-freshness")
    if not asked:
        raise AnswerRefused("not_modified_unasked")
    if not freshness:
        raise AnswerRefused("freshness_missing")
    return StillCurrent(freshness)


def _read_new_policy(answer: _Answer) -> NewPolicy:
    try:
        members = _read_members(answer, status=200)
        signed = SignedDocuments(
            members.text("device"), members.text("ceiling"), members.text("freshness")
        )
    except DocumentRefused:
        raise AnswerRefused("bad_answer") from None
    try:
        return NewPolicy(signed, _header_text(answer.headers["etag"]))
    except (KeyError, ValueError):
        raise AnswerRefused("etag_missing") from None


def _read_members(answer: _Answer, *, status: int) -> Members:
    if answer.status != status:
        raise AnswerRefused("unexpected_status")
    if answer.media_type != _JSON:
        raise AnswerRefused("wrong_media_type")
    return Members(parse_json(answer.body))


def _refusal(answer: _Answer) -> PortalRefused | DeviceRevoked:
    code, fields = _problem(answer)
    if answer.status == 403 and code == "device_revoked":
        return DeviceRevoked()
    return PortalRefused(
        status=answer.status, code=code, retry_after=_retry_after(answer), fields=fields
    )


def _problem(answer: _Answer) -> tuple[str, tuple[str, ...]]:
    """Return the code of a problem document, and the fields that it names."""
    if answer.media_type != "application/problem+json":
        return "unknown", ()
    try:
        members = Members(parse_json(answer.body))
        code = members.text("code")
    except DocumentRefused:
        return "unknown", ()
    try:
        return code, members.each("errors", lambda error: error.text("field"))
    except DocumentRefused:
        return code, ()


def _retry_after(answer: _Answer) -> float | None:
    """Read Retry-After in its form of seconds; the form with a date needs a clock we distrust."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
