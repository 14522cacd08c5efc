"""Hears PostgreSQL's NOTIFY, and knows until when nothing can have been missed.

PostgreSQL delivers notifications in the order in which their transactions committed. So a beat that
this process sends itself, through another connection, proves when it comes back that everything
announced before it was sent has been heard. What is remembered may be given out for TRUST_SECONDS
from then on. A connection that broke, hangs, or sits behind a pooler that swallows notifications
brings no beat back, and trust ends by itself: no timer has to run for that.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from consent_app.devices.announcements import CHANNEL

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.2
TRUST_SECONDS = 0.8
# Without a beat for so long the connections are given up, and made anew.
DEAD_SECONDS = 3.0
RECONNECT_SECONDS = 0.5
BEAT = "beat"


class Listener:
    """`take` hears each announcement; `begin_again` is called where some may have been missed."""

    def __init__(
        self, conninfo: str, *, take: Callable[[str], None], begin_again: Callable[[], None]
    ) -> None:
        self._conninfo = conninfo
        self._take = take
        self._begin_again = begin_again
        self._name = f"{BEAT}:{os.getpid()}:{secrets.token_hex(4)}"
        self._beats = 0
        self._sent: dict[str, float] = {}
        self.trusted_until = 0.0

    @property
    def is_trusted(self) -> bool:
        """Whether everything that was announced until TRUST_SECONDS ago has been heard."""
        return time.monotonic() < self.trusted_until

    async def listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except* (psycopg.Error, OSError) as errors:  # TimeoutError is an OSError
                logger.warning("not listening: %s", type(errors.exceptions[0]).__name__)
            finally:
                self.trusted_until = 0.0
                self._begin_again()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with self._connected() as hearing, self._connected() as beating:
            # A beat may be lost with the server: it need not wait for the disk.
            await beating.execute("SET synchronous_commit = off")
            await hearing.execute(f"LISTEN {CHANNEL}")
            self._sent.clear()
            self._begin_again()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._beat(beating))
                both.create_task(self._hear(hearing))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Yield a connection that is dropped at the end: the server may be away."""
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, connect_timeout=2
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def _beat(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            self._beats += 1
            beat = f"{self._name}:{self._beats}"
            self._sent[beat] = time.monotonic()
            async with asyncio.timeout(DEAD_SECONDS):
                await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, beat])
            await asyncio.sleep(BEAT_SECONDS)

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Hear until no beat came back for DEAD_SECONDS.

        Raises:
            TimeoutError: the connection is dead without a word.
        """
        last = time.monotonic()
        while time.monotonic() - last < DEAD_SECONDS:
            async for notification in connection.notifies(timeout=BEAT_SECONDS * 2):
                payload = notification.payload
                if not payload.startswith(BEAT):
                    self._take(payload)
                elif payload in self._sent:
                    last = self._hear_beat(payload)
        # psycopg needs some seconds more to leave a dead connection; those who wait must not.
        self._begin_again()
        raise TimeoutError

    def _hear_beat(self, beat: str) -> float:
        """Trust what is remembered as of when this beat was sent; return that time."""
        sent = self._sent.pop(beat)
        self.trusted_until = sent + TRUST_SECONDS
        return sent
