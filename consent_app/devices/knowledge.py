"""What one process knows of devices, kept true by PostgreSQL's LISTEN.

A row read once is remembered until a notification names it. While the listening connection is down
nothing is remembered: every question goes to the database, by one indexed read. A notification that
arrives during a read keeps that read from being remembered.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from consent_app.audit.queries import TreeHead
from consent_app.devices.announcements import CEILINGS, CHANNEL, EVERYONE
from consent_app.devices.poll_rows import PollRows
from consent_app.devices.told import ForMany, Known, SignedCeiling, Told

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
WRITE_SECONDS = 0.1
CHECKPOINT_SECONDS = 1.0
MAX_READS = 10
# An agent holds one poll; a second may still look open after its connection broke.
MAX_WAITS = 4
SEEN_EVERY = timedelta(seconds=30)


class Knowledge:
    """One per process. `start` it inside the event loop, `stop` it at the end."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=4,
            timeout=2.5,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        self._rows = PollRows(self._pool)
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        self._generation = 0
        self._by_token: dict[bytes, Known] = {}
        self._token_of: dict[str, bytes] = {}
        self._ceilings: dict[str, SignedCeiling] = {}
        self._for_many: dict[str, ForMany] = {}
        # In the order in which they came; True wakes, False sends away.
        self._waiting: defaultdict[str, dict[asyncio.Future[bool], None]] = defaultdict(dict)
        self._delivered: dict[tuple[str, int], datetime] = {}
        self._seen: dict[str, datetime] = {}
        self._checkpoint: tuple[float, TreeHead] | None = None
        self._reading: dict[object, asyncio.Task[Any]] = {}

    async def start(self) -> None:
        await self._pool.open(wait=False)
        self._tasks = [
            asyncio.create_task(self._listen_for_ever()),
            asyncio.create_task(self._write_for_ever()),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._write_notes()
        await self._pool.close()

    @property
    def is_listening(self) -> bool:
        """Whether notifications arrive, and so whether anything is remembered."""
        return self._listening

    def count_waiting(self) -> int:
        """Return how many agents wait for a change in this process."""
        return sum(len(waiting) for waiting in self._waiting.values())

    # Questions

    async def told(self, token_hash: bytes) -> Told | None:
        """Return what the device with this token is told now; None when there is no such token.

        Reads again when a notification arrived meanwhile, so that whoever waits for a change right
        after this has missed none.
        """
        for _ in range(MAX_READS):
            generation = self._generation
            told = await self._told_once(token_hash)
            if generation == self._generation:
                break
        return told

    async def _told_once(self, token_hash: bytes) -> Told | None:
        known = self._by_token.get(token_hash) or await self._read_device(token_hash)
        if known is None:
            return None
        ceiling = self._ceilings.get(known.jurisdiction)
        if ceiling is None or (ceiling.next_at and ceiling.next_at <= datetime.now(UTC)):
            ceiling = await self._shared(self._read_ceiling, known.jurisdiction)
        for_many = self._for_many.get(known.jurisdiction)
        if for_many is None:
            for_many = await self._shared(self._read_for_many, known.jurisdiction)
        return Told(known, ceiling, for_many)

    async def changed(
        self, device: str, *, deadline: float, or_when: "asyncio.Future[None]"
    ) -> bool:
        """Wait until something about this device may have changed; False at the deadline.

        Also False when the device began more waits since than one agent has use for: each takes one
        of the requests that the server works on at once.
        """
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[bool] = loop.create_future()
        self._waiting[device][woken] = None
        self._send_away_the_oldest(device)
        try:
            if not self._listening:
                # Nobody will wake us: look again soon.
                deadline = min(deadline, loop.time() + RECONNECT_SECONDS)
            ends: set[asyncio.Future[Any]] = {woken, or_when}
            await asyncio.wait(
                ends,
                timeout=max(0.0, deadline - loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if woken.done():
                return woken.result()
            return not self._listening and not or_when.done()
        finally:
            waiting = self._waiting[device]
            del waiting[woken]
            if not waiting:
                del self._waiting[device]

    async def checkpoint(self) -> TreeHead:
        """Return the audit log's tree head, at most a second old."""
        now = time.monotonic()
        if self._checkpoint is None or now - self._checkpoint[0] > CHECKPOINT_SECONDS:
            self._checkpoint = (now, await self._once("checkpoint", self._rows.tree_head))
        return self._checkpoint[1]

    # Notes, written to the database a moment later

    def note_delivered(self, told: Told) -> None:
        if not told.known.is_delivered:
            told.known.is_delivered = True
            self._delivered.setdefault((told.device, told.version), datetime.now(UTC))

    def note_seen(self, told: Told) -> None:
        now = datetime.now(UTC)
        if told.known.last_seen_at is None or now - told.known.last_seen_at > SEEN_EVERY:
            told.known.last_seen_at = now
            self._seen[told.device] = now

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self._write_notes()
            except psycopg.Error:
                logger.warning("database away; delivery times wait")

    async def _write_notes(self) -> None:
        """Write what was noted; what can't be written now is kept for later."""
        delivered, self._delivered = self._delivered, {}
        seen, self._seen = self._seen, {}
        if not delivered and not seen:
            return
        try:
            await self._rows.write(delivered=delivered, seen=seen)
        except psycopg.Error:
            self._delivered = delivered | self._delivered
            self._seen = seen | self._seen
            raise

    # Reads

    async def _shared[T](self, read: Callable[[str], Awaitable[T]], jurisdiction: str) -> T:
        """Read what a whole cohort is told; all who were woken at once share one read.

        A notification begins another read, so nobody gets what was true before it.
        """
        if not self._listening:
            return await read(jurisdiction)
        return await self._once(
            (read.__name__, jurisdiction, self._generation), lambda: read(jurisdiction)
        )

    async def _once[T](self, name: object, read: Callable[[], Awaitable[T]]) -> T:
        """Wait for the read of this name that is under way, or begin it."""
        reading = self._reading.get(name)
        if reading is None:
            reading = self._reading[name] = asyncio.ensure_future(read())
            reading.add_done_callback(lambda _: self._reading.pop(name))
        # An agent that goes away must not take the others' read with it.
        return await asyncio.shield(reading)

    async def _read_device(self, token_hash: bytes) -> Known | None:
        generation = self._generation
        known = await self._rows.device(token_hash)
        if known is not None and self._may_remember(generation):
            self._by_token[token_hash] = known
            self._token_of[known.device] = token_hash
        return known

    async def _read_ceiling(self, jurisdiction: str) -> SignedCeiling | None:
        generation = self._generation
        ceiling = await self._rows.ceiling(jurisdiction)
        if ceiling is not None and self._may_remember(generation):
            self._ceilings[jurisdiction] = ceiling
        return ceiling

    async def _read_for_many(self, jurisdiction: str) -> ForMany:
        generation = self._generation
        for_many = await self._rows.for_many(jurisdiction)
        if self._may_remember(generation):
            self._for_many[jurisdiction] = for_many
        return for_many

    def _may_remember(self, generation: int) -> bool:
        return self._listening and generation == self._generation

    # Notifications

    async def _listen_for_ever(self) -> None:
        """Keep one connection that listens; whenever it breaks, forget everything first."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:  # TimeoutError is an OSError
                logger.warning("not listening: %s", type(error).__name__)
            finally:
                self._remember_nothing()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, connect_timeout=2
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._forget_everything()
            self._listening = True
            while True:
                # A connection that died without a word shows itself at the next heartbeat.
                async for notification in connection.notifies(timeout=HEARTBEAT_SECONDS):
                    self._take(notification.payload)
                await self._heartbeat(connection)

    async def _heartbeat(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Ask for a sign of life. Without one in time nothing is remembered from that moment on.

        psycopg itself needs ten seconds more to give up a connection that is dead without a word.

        Raises:
            TimeoutError: there was none.
        """
        loop = asyncio.get_running_loop()
        too_late = loop.call_later(HEARTBEAT_SECONDS, self._remember_nothing)
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await connection.execute("SELECT 1")
        finally:
            too_late.cancel()
        if not self._listening:
            raise TimeoutError

    def _take(self, payload: str) -> None:
        """Forget what the notification names, and wake whoever waits for it."""
        self._generation += 1
        if payload == CEILINGS:
            self._ceilings.clear()
            self._wake_everyone()
        elif payload == EVERYONE:
            self._for_many.clear()
            self._wake_everyone()
        else:
            self._by_token.pop(self._token_of.pop(payload, b""), None)
            self._wake(payload)

    def _remember_nothing(self) -> None:
        self._listening = False
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._generation += 1
        self._by_token.clear()
        self._token_of.clear()
        self._ceilings.clear()
        self._for_many.clear()
        self._wake_everyone()

    def _wake_everyone(self) -> None:
        for device in list(self._waiting):
            self._wake(device)

    def _wake(self, device: str) -> None:
        for waiting in self._waiting.get(device, ()):
            if not waiting.done():
                waiting.set_result(True)

    def _send_away_the_oldest(self, device: str) -> None:
        waiting = [woken for woken in self._waiting[device] if not woken.done()]
        for oldest in waiting[:-MAX_WAITS]:
            oldest.set_result(False)
