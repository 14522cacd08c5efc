"""Carries one message to a store over HTTP, and brings back what it answered. No database.

Whatever is at the other end: no redirect is followed, no more than 64 KiB is read, and from the
first connection to the last byte it takes no longer than WHOLE_SECONDS. In production only https is
spoken, and never to this machine itself or to an address that exists on the local link alone (where
clouds keep the keys of their machines). The address that was checked is the one that is connected
to, so a name that points elsewhere a moment later gains nothing. Private networks are allowed: that
is where stores are.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from consent_app.erasure.errors import EndpointUnusable

MOST_BYTES = 64 * 1024
TIMEOUT = httpx.Timeout(10, connect=5)
WHOLE_SECONDS = 20.0


class Undelivered(Exception):
    """The message did not arrive, or nobody knows; `failure` is a word for the row."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store answered; headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_received(self) -> bool:
        return 200 <= self.status < 300


def check_endpoint(url: str) -> None:
    """Raises EndpointUnusable: no address that a message can be sent to."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise EndpointUnusable from None
    schemes = {"https"} if settings.PRODUCTION else {"https", "http"}
    if parts.scheme not in schemes or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise EndpointUnusable


def post(url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send the body and return the answer.

    Raises:
        Undelivered: no connection, no answer in time, or one that is too large.
    """
    try:
        check_endpoint(url)
    except EndpointUnusable:
        raise Undelivered("endpoint_unusable") from None
    target = httpx.URL(url)
    sent = {
        **headers,
        "Content-Type": "application/json",
        # What is compressed could be any size once it is read.
        "Accept-Encoding": "identity",
        "Host": target.netloc.decode(),
    }
    return asyncio.run(_in_time(target, sent, body))


async def _in_time(target: httpx.URL, headers: dict[str, str], body: bytes) -> Answer:
    # httpx's own timeouts begin again with each byte, so a store that drips would outlast them.
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            return await _ask_any(target, headers, body)
    except TimeoutError:
        raise Undelivered("timeout") from None


async def _ask_any(target: httpx.URL, headers: dict[str, str], body: bytes) -> Answer:
    """Ask the first of the host's addresses that can be connected to."""
    failure = "unresolvable"
    async with _client() as client:
        for address in _addresses(target):
            try:
                return await _ask(client, target, address, headers, body)
            except httpx.ConnectTimeout:
                failure = "timeout"
            except httpx.ConnectError:
                failure = "no_connection"
            except httpx.TimeoutException:
                raise Undelivered("timeout") from None
            except httpx.HTTPError:
                raise Undelivered("connection_lost") from None
    raise Undelivered(failure)


def _client() -> httpx.AsyncClient:
    # No proxy from the environment: it would connect to addresses that nobody checked.
    return httpx.AsyncClient(
        timeout=TIMEOUT, follow_redirects=False, trust_env=False, verify=_trusted()
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Return what certificates are checked against: the machine's own list."""
    return ssl.create_default_context()


def _addresses(target: httpx.URL) -> Iterator[str]:
    """Yield where the host may be connected to, the preferred one first."""
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Undelivered("unresolvable") from None
    for address in dict.fromkeys(str(entry[4][0]) for entry in found):
        if settings.PRODUCTION and _is_forbidden(address):
            raise Undelivered("forbidden_address")
        yield address


def _is_forbidden(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast


async def _ask(
    client: httpx.AsyncClient,
    target: httpx.URL,
    address: str,
    headers: dict[str, str],
    body: bytes,
) -> Answer:
    # The certificate is still the host's: `sni_hostname` is what it is checked for.
    extensions = {"sni_hostname": target.host}
    pinned = target.copy_with(host=address)
    async with client.stream(
        "POST", pinned, headers=headers, content=body, extensions=extensions
    ) as response:
        read = bytearray()
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) > MOST_BYTES:
                raise Undelivered("answer_too_large")
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, names, bytes(read))
