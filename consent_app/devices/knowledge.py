"""What one process knows of devices, kept true by PostgreSQL's LISTEN.

A row read once is remembered until a notification names it. While the listening connection is down
nothing is remembered: every question goes to the database, by one indexed read. A notification that
arrives during a read keeps that read from being remembered.
"""

import asyncio
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from consent_agent.protocol.canonical import canonical_json
from consent_app.audit import merkle
from consent_app.audit.queries import TreeHead
from consent_app.devices.announcements import CEILINGS, CHANNEL, EVERYONE
from consent_app.devices.policy import RestrictionFact, deny_entry, in_order

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
WRITE_SECONDS = 0.1
CHECKPOINT_SECONDS = 1.0
MAX_READS = 10
SEEN_EVERY = timedelta(seconds=30)

DEVICE = """
    SELECT d.id, d.revoked_at, d.last_seen_at, e.is_active, j.code AS jurisdiction,
           p.version, p.jws, p.digest, p.delivered_at
      FROM devices_device d
      JOIN people_employee e ON e.id = d.employee_id
      JOIN people_jurisdiction j ON j.code = e.jurisdiction_id
      JOIN devices_devicepolicy p ON p.device_id = d.id AND p.version = d.policy_version
     WHERE d.token_hash = %s
"""
CEILING = """
    SELECT version, jws, digest FROM devices_ceiling
     WHERE jurisdiction_id = %s ORDER BY version DESC LIMIT 1
"""
FOR_MANY = """
    SELECT id, cohort_id, source, starts_at, ends_at, applications, kinds
      FROM restrictions_restriction
     WHERE employee_id IS NULL AND (ends_at IS NULL OR ends_at > now())
"""
DELIVERED = """
    UPDATE devices_devicepolicy SET delivered_at = %s
     WHERE device_id = %s AND version = %s AND delivered_at IS NULL
"""
SEEN = "UPDATE devices_device SET last_seen_at = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class SignedCeiling:
    version: int
    jws: str
    digest: str


@dataclass(frozen=True, slots=True)
class ForMany:
    """What is taken from a cohort or from everybody; `mark` differs whenever that does."""

    facts: tuple[RestrictionFact, ...] = ()
    mark: str = "0"


@dataclass(slots=True)
class _Known:
    """A device as it was read; `last_seen_at` and `is_delivered` are kept up here."""

    device: str
    jurisdiction: str
    version: int
    jws: str
    digest: str
    revoked: bool
    is_delivered: bool
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """All that one answer to a device is made of."""

    known: _Known
    ceiling: SignedCeiling | None
    for_many: ForMany

    @property
    def device(self) -> str:
        return self.known.device

    @property
    def version(self) -> int:
        return self.known.version

    @property
    def jws(self) -> str:
        return self.known.jws

    @property
    def digest(self) -> str:
        return self.known.digest

    @property
    def revoked(self) -> bool:
        return self.known.revoked

    @property
    def etag(self) -> str:
        ceiling = self.ceiling.version if self.ceiling else 0
        return f'"{self.version}-{ceiling}-{self.for_many.mark}"'

    def denied_to_many(self, at: datetime) -> list[dict[str, object]]:
        return [deny_entry(fact) for fact in in_order(self.for_many.facts, at=at)]

    def is_stopped(self, at: datetime) -> bool:
        """Whether everything is stopped for this cohort at `at`."""
        return any(fact.covers_everything and fact.is_in_force(at) for fact in self.for_many.facts)


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
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        self._generation = 0
        self._by_token: dict[bytes, _Known] = {}
        self._token_of: dict[str, bytes] = {}
        self._ceilings: dict[str, SignedCeiling] = {}
        self._for_many: dict[str, ForMany] = {}
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
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
        if ceiling is None:
            ceiling = await self._shared(self._read_ceiling, known.jurisdiction)
        for_many = self._for_many.get(known.jurisdiction)
        if for_many is None:
            for_many = await self._shared(self._read_for_many, known.jurisdiction)
        return Told(known, ceiling, for_many)

    async def changed(
        self, device: str, *, deadline: float, or_when: "asyncio.Future[None]"
    ) -> bool:
        """Wait until something about this device may have changed; False at the deadline."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting[device].add(woken)
        try:
            if not self._listening:
                # Nobody will wake us: look again soon.
                deadline = min(deadline, loop.time() + RECONNECT_SECONDS)
            done, _ = await asyncio.wait(
                {woken, or_when},
                timeout=max(0.0, deadline - loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            return woken in done or (not self._listening and or_when not in done)
        finally:
            waiting = self._waiting[device]
            waiting.discard(woken)
            if not waiting:
                del self._waiting[device]

    async def checkpoint(self) -> TreeHead:
        """Return the audit log's tree head, at most a second old."""
        now = time.monotonic()
        if self._checkpoint is None or now - self._checkpoint[0] > CHECKPOINT_SECONDS:
            self._checkpoint = (now, await self._once("checkpoint", self._read_checkpoint))
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
            async with self._pool.connection() as connection, connection.cursor() as cursor:
                rows = [(at, device, version) for (device, version), at in delivered.items()]
                await cursor.executemany(DELIVERED, rows)
                await cursor.executemany(
                    SEEN, [(at, device) for device, at in sorted(seen.items())]
                )
        except psycopg.Error:
            self._delivered = delivered | self._delivered
            self._seen = seen | self._seen
            raise

    # Reads: one indexed query each

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

    async def _rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()

    async def _read_device(self, token_hash: bytes) -> _Known | None:
        generation = self._generation
        rows = await self._rows(DEVICE, token_hash)
        if not rows:
            return None
        row = rows[0]
        known = _Known(
            device=str(row["id"]),
            jurisdiction=row["jurisdiction"],
            version=row["version"],
            jws=row["jws"],
            digest=row["digest"],
            revoked=row["revoked_at"] is not None or not row["is_active"],
            is_delivered=row["delivered_at"] is not None,
            last_seen_at=row["last_seen_at"],
        )
        if self._may_remember(generation):
            self._by_token[token_hash] = known
            self._token_of[known.device] = token_hash
        return known

    async def _read_ceiling(self, jurisdiction: str) -> SignedCeiling | None:
        generation = self._generation
        rows = await self._rows(CEILING, jurisdiction)
        if not rows:
            return None
        ceiling = SignedCeiling(**rows[0])
        if self._may_remember(generation):
            self._ceilings[jurisdiction] = ceiling
        return ceiling

    async def _read_for_many(self, jurisdiction: str) -> ForMany:
        generation = self._generation
        rows = await self._rows(FOR_MANY)
        facts = tuple(
            RestrictionFact(
                id=row["id"],
                source=row["source"],
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
                applications=_names(row["applications"]),
                kinds=_names(row["kinds"]),
            )
            for row in rows
            if row["cohort_id"] in (None, jurisdiction)
        )
        for_many = ForMany(facts, _mark(facts))
        if self._may_remember(generation):
            self._for_many[jurisdiction] = for_many
        return for_many

    async def _read_checkpoint(self) -> TreeHead:
        """Read the tree head as `audit.queries.tree_head` does, without blocking the event loop."""
        rows = await self._rows("SELECT coalesce(max(index) + 1, 0) AS size FROM audit_leaf")
        size: int = rows[0]["size"]
        peaks = merkle.peaks(size)
        nodes = await self._rows(
            """
            SELECT 0 AS level, index, leaf_hash AS hash FROM audit_leaf WHERE index = ANY(%s)
            UNION ALL
            SELECT n.level, n.index, n.hash FROM audit_node n
              JOIN unnest(%s::int[], %s::bigint[]) AS wanted(level, index)
                ON n.level = wanted.level AND n.index = wanted.index
            """,
            [index for level, index in peaks if level == 0],
            [level for level, _ in peaks],
            [index for _, index in peaks],
        )
        hashes = {(row["level"], row["index"]): bytes(row["hash"]) for row in nodes}
        return TreeHead(size, merkle.root(size, lambda level, index: hashes[level, index]))

    # Notifications

    def _may_remember(self, generation: int) -> bool:
        return self._listening and generation == self._generation

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
                waiting.set_result(None)


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _mark(facts: tuple[RestrictionFact, ...]) -> str:
    """Return a short name of what is taken from many, for the ETag."""
    if not facts:
        return "0"
    entries = [deny_entry(fact) for fact in in_order(facts, at=datetime.min.replace(tzinfo=UTC))]
    return hashlib.sha256(canonical_json(entries)).hexdigest()[:12]
