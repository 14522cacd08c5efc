"""HTTP/1.1 at the least cost: one request at a time on a connection that stays open.

An answer needs a Content-Length, but for 204 and 304. Anything else is a `Malformed`, which is
counted and ends the connection: a portal that answers so would break agents too.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n|$)", re.IGNORECASE)
STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3})(?: |\r\n|$)")
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 256 * 1024
WITHOUT_BODY: Final = frozenset({204, 304})


class Malformed(Exception):
    """Not an answer that an agent could read; `kind` says why in a word."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `head` holds the status line and headers without the empty line."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> str | None:
        """Return the first header called `name`, whatever its case."""
        found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else None

    @property
    def retry_after(self) -> float:
        """Seconds to wait before asking again; 0 where the portal names none."""
        seconds = self.header(b"retry-after") or ""
        return float(seconds) if seconds.isdigit() else 0.0


def read_answer(received: bytes) -> Answer | None:
    """Return the answer that `received` is; None while more has to come.

    Raises:
        Malformed: `no_http`, `no_length`, `too_large`, or `too_long` (more than one answer).
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > MAX_HEAD_BYTES:
            raise Malformed("too_large")
        return None
    found = STATUS.match(received)
    if found is None:
        raise Malformed("no_http")
    status = int(found[1])
    start = end + 4
    whole = start + (0 if status in WITHOUT_BODY else _length(received[:end]))
    if len(received) > whole:
        raise Malformed("too_long")
    if len(received) < whole:
        return None
    return Answer(status, received[:end], received[start:])


def _length(head: bytes) -> int:
    found = LENGTH.search(head)
    if found is None:
        raise Malformed("no_length")
    length = int(found[1])
    if length > MAX_BODY_BYTES:
        raise Malformed("too_large")
    return length


class Connection(asyncio.Protocol):
    """Sends one request at a time; tells its owner of the answer, or of its end.

    `on_end(connection, kind)` is called once, with None when it was closed while idle.
    """

    __slots__ = ("_on_answer", "_on_end", "_received", "_transport", "busy", "sent_at", "used")

    def __init__(
        self,
        on_answer: Callable[["Connection", Answer], None],
        on_end: Callable[["Connection", str | None], None],
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self.used = False
        """Whether an answer came before: only then the server may have closed it while idle."""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        assert self._transport is not None  # noqa: S101 (asyncio connects before it hands it out)
        self.busy = True
        self.sent_at = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        try:
            if not self.busy:
                raise Malformed("unasked")
            answer = read_answer(received)
        except Malformed as malformed:
            self.drop(f"malformed: {malformed.kind}")
            return
        if answer is None:
            self._received = received
            return
        self._received = b""
        self.busy = False
        self.used = True
        self._on_answer(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection lost" if self.busy else None)

    def drop(self, kind: str | None) -> None:
        """Close the connection at once; `kind` says why, None without a fault."""
        self._end(kind)
        if self._transport is not None:
            self._transport.abort()

    def _end(self, kind: str | None) -> None:
        on_end, self._on_end = self._on_end, _nobody
        self.busy = False
        on_end(self, kind)


def _nobody(_connection: Connection, _kind: str | None) -> None:
    """Stand for the owner that was told already."""
