"""A few connections that many calls go through, each call as soon as one of them is free."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from consent_fleet.addresses import Target
from consent_fleet.http import Answer, Connection
from consent_fleet.tally import Tally

ANSWER_SECONDS: Final = 10.0
RECONNECT_SECONDS: Final = 0.5
MOST_BACKLOG: Final = 100_000


@dataclass(slots=True)
class Call:
    """A request, and who hears of its answer (with the time it was there) or of its failure."""

    request: bytes
    on_answer: Callable[[Answer, float], None]
    on_error: Callable[[str], None]
    at: float = 0.0
    retried: bool = False


class Pool:
    """Open it, `submit` calls, `sweep` every second or so, close it."""

    def __init__(self, target: Target, tally: Tally, *, size: int, once: bool = False) -> None:
        """Hold `size` connections; with `once`, a new one takes the place of each that was used."""
        self._once = once
        self._target = target
        self._tally = tally
        self._size = size
        self._made = 0
        self._idle: deque[Connection] = deque()
        self._calls: dict[Connection, Call] = {}
        self._backlog: deque[Call] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def outstanding(self) -> int:
        return len(self._calls) + len(self._backlog)

    async def open(self) -> None:
        """Connect all; raises OSError when the portal is not there."""
        for _ in range(self._size):
            self._idle.append(await self._connect())

    def submit(self, call: Call) -> None:
        call.at = time.monotonic()
        if self._idle and not self._backlog:
            # The one that rested longest, so that none rests until the server closes it.
            self._send(self._idle.popleft(), call)
        elif len(self._backlog) < MOST_BACKLOG:
            self._backlog.append(call)
        else:
            call.on_error("not sent: too many wait")

    def sweep(self) -> None:
        """Give up what is not answered in time."""
        too_old = time.monotonic() - ANSWER_SECONDS
        while self._backlog and self._backlog[0].at < too_old:
            self._backlog.popleft().on_error("no connection in time")
        late = [one for one in self._calls if one.sent_at < too_old]
        for connection in late:
            connection.drop("no answer in time")

    def close(self) -> None:
        """Close all; what is outstanding failed."""
        self._closed = True
        for task in self._connecting:
            task.cancel()
        while self._backlog:
            self._backlog.popleft().on_error("not sent: the end came")
        for connection in [*self._calls, *self._idle]:
            connection.drop("no answer before the end" if connection.busy else None)

    async def _connect(self) -> Connection:
        self._made += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._on_answer, self._on_end),
            self._target.host,
            self._target.port,
            local_addr=self._target.source(self._made),
        )
        return connection

    def _send(self, connection: Connection, call: Call) -> None:
        self._calls[connection] = call
        connection.send(call.request)

    def _rest(self, connection: Connection) -> None:
        if self._backlog:
            self._send(connection, self._backlog.popleft())
        else:
            self._idle.append(connection)

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        now = time.monotonic()
        call = self._calls.pop(connection)
        closes = self._once or (answer.header(b"connection") or "").lower() == "close"
        if closes:
            connection.drop(None)
        else:
            self._rest(connection)
        call.on_answer(answer, now)

    def _on_end(self, connection: Connection, kind: str | None) -> None:
        call = self._calls.pop(connection, None)
        if call is None:
            if connection in self._idle and not self._closed:
                self._idle.remove(connection)
                self._tally.count("connections closed while idle")
        elif kind == "connection lost" and connection.used and not call.retried:
            # The server may have closed it at the very moment of asking: agents ask once more.
            call.retried = True
            self._tally.count("asked again on a new connection")
            self._backlog.appendleft(call)
        else:
            call.on_error(kind or "connection lost")
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._reconnect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _reconnect(self) -> None:
        while not self._closed:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    connection = await self._connect()
            except OSError as error:  # TimeoutError is one
                self._tally.error(f"no connection: {type(error).__name__}")
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                self._rest(connection)
                return
