"""What one process knows of devices: read once, remembered until a notification names it.

Two conditions keep it true. Something is given out from memory only while `listening` trusts that
every notification was heard; otherwise each question is one indexed read. And a read during which
its device or everybody was named is not remembered. Questions that meet are read together, so a
process that has just begun can tell 100,000 devices that ask at once.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import psycopg
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseAway
from django.db import connection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from consent_app.audit.queries import TreeHead
from consent_app.devices.actions.runs import note_runs
from consent_app.devices.announcements import CEILINGS, EVERYONE
from consent_app.devices.listening import Listener
from consent_app.devices.poll_rows import PollRows
from consent_app.devices.reads_together import ReadsTogether
from consent_app.devices.runs import run_of
from consent_app.devices.told import SEEN_EVERY_SECONDS, Cohort, ForMany, Known, Told
from consent_app.devices.waits import Waits

logger = logging.getLogger(__name__)

WRITE_SECONDS = 0.1
MAX_READS = 10
RUNS_AT_ONCE = 50
# Where nobody can wake those who wait, each looks again after about so long.
LOOK_AGAIN_SECONDS = 2.0
READ_FIRST_SECONDS = 0.5
# Signed policies kept for devices that ask for theirs again.
POLICIES_KEPT = 20_000
NAMES_KEPT = 10_000
NO_POLICY = (0, "")
# Stands for a cohort until it is read.
UNREAD = Cohort.of(None, ForMany.of(()))


class Knowledge:
    """One per process. `start` it inside the event loop, `stop` it at the end."""

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=4,
            timeout=2.5,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        self._rows = PollRows(self._pool)
        self._listener = Listener(conninfo, take=self._take, begin_again=self._forget_everything)
        self._tasks: list[asyncio.Task[None]] = []
        self._by_token: dict[bytes, Told] = {}
        self._token_of: dict[str, bytes] = {}
        self._policies: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._cohorts: dict[str, Cohort] = {}
        self._named = Named()
        self._reads = ReadsTogether(self._rows.devices)
        self._head_read: asyncio.Future[TreeHead] | None = None
        self._cohort_reads = ReadsTogether(self._rows.cohorts)
        self._waits = Waits()
        self._all_named = asyncio.Event()
        self._cohorts_forgotten: set[str] = set()
        self._delivered: dict[tuple[str, int], datetime] = {}
        self._seen: dict[str, float] = {}
        # By device, in the order in which they came.
        self._runs: dict[str, str] = {}

    async def start(self) -> None:
        await self._pool.open(wait=False)
        self._tasks = [
            asyncio.create_task(self._listener.listen_for_ever()),
            asyncio.create_task(self._write_for_ever()),
            asyncio.create_task(self._waits.end_for_ever()),
            asyncio.create_task(self._wake_everyone_for_ever()),
        ]
        for task in self._tasks:
            task.add_done_callback(_tell_of_a_fault)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(psycopg.Error, PoolTimeout):  # the database may have gone first
            await self._write_notes()
        await self._pool.close()

    @property
    def is_listening(self) -> bool:
        """Whether notifications arrive, and so whether memory is believed."""
        return self._listener.is_trusted

    def count_waiting(self) -> int:
        """Return how many agents wait for a change in this process."""
        return self._waits.count()

    # Questions

    def told_at_once(self, token_hash: bytes) -> Told | None:
        """Return what the device with this token is told, if memory says so and is believed."""
        if time.monotonic() >= self._listener.trusted_until:
            return None
        told = self._by_token.get(token_hash)
        cohort = self._cohorts.get(told.known.jurisdiction) if told else None
        if told is None or cohort is None or cohort.lapses_at <= time.time():
            return None
        if told.cohort is not cohort:
            told = self._by_token[token_hash] = Told(told.known, cohort)
        return told

    async def told(self, token_hash: bytes) -> Told | None:
        """Return what the device with this token is told now; None when there is no such token.

        Reads again when the device was named meanwhile, so that whoever waits for a change right
        after this has missed none.

        Raises:
            TooMany: too many others wait for the database.
        """
        told = self.told_at_once(token_hash)
        if told is not None:
            return told
        for _ in range(MAX_READS):
            before = self._named.count
            known = self._believed(token_hash) or await self._read_device(token_hash)
            if known is None:
                return None
            told = Told(known, await self._read_cohort(known.jurisdiction))
            if not self._named.since(before, known.device):
                break
        return told

    def _believed(self, token_hash: bytes) -> Known | None:
        told = self._by_token.get(token_hash) if self._listener.is_trusted else None
        return told.known if told else None

    def still_holds(self, told: Told, token_hash: bytes) -> bool:
        """Say whether memory says the same by now; no, where nobody would tell of a change."""
        now = self.told_at_once(token_hash)
        return (
            now is not None
            and now.cohort is told.cohort
            and now.etag == told.etag
            and not now.known.revoked
        )

    def policy_at_once(self, told: Told) -> str | None:
        """Return the signed policy that `told` is about, if memory holds it."""
        version, jws = self._policies.get(told.device, NO_POLICY)
        if version != told.known.version:
            return None
        self._policies.move_to_end(told.device)
        return jws

    async def policy(self, told: Told, token_hash: bytes) -> str | None:
        """Return the signed policy that `told` is about; None if it is the newest no more."""
        policy = self.policy_at_once(told)
        if policy is None:
            await self._read_device(token_hash)
            policy = self.policy_at_once(told)
        return policy

    async def checkpoint(self) -> TreeHead:
        """Return the audit log's tree head; all who ask at once share one read."""
        if self._head_read is None or self._head_read.done():
            self._head_read = asyncio.ensure_future(self._rows.tree_head())
        return await asyncio.shield(self._head_read)

    # Waiting

    async def changed(self, device: str, *, seconds: float, gone: "asyncio.Future[None]") -> bool:
        """Wait until something about this device may have changed, as `Waits.wait` does."""
        if not self._listener.is_trusted:
            seconds = min(seconds, LOOK_AGAIN_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        return await self._waits.wait(device, seconds=seconds, gone=gone)

    async def _wake_everyone_for_ever(self) -> None:
        """Wake all after all were named, once what their cohorts are told has been read for them.

        Else each of 20,000 would wait for that read on its own.
        """
        while True:
            await self._all_named.wait()
            self._all_named.clear()
            forgotten, self._cohorts_forgotten = self._cohorts_forgotten, set()
            # What can't be read now, or not soon, whoever is woken asks for again.
            reads = (self._read_cohort(jurisdiction) for jurisdiction in forgotten)
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_FIRST_SECONDS):
                    await asyncio.gather(*reads, return_exceptions=True)
            await self._waits.wake_everyone()

    # Notes, written to the database a moment later

    def note_delivered(self, told: Told) -> None:
        if not told.known.is_delivered:
            told.known.is_delivered = True
            key = (told.device, told.known.version)
            self._delivered.setdefault(key, datetime.now(UTC))

    def note_seen(self, told: Told, now: float) -> None:
        if now - told.known.seen_at > SEEN_EVERY_SECONDS:
            told.known.seen_at = now
            self._seen[told.device] = now

    def note_run(self, told: Told, run: str) -> None:
        """Note that another run polls than the one that is known.

        One of a device at a time: a further one polls again, and whoever makes up a name for each
        poll must not keep the others waiting.
        """
        known = told.known
        if known.agent_run is None:
            return
        run = run_of(run, current=known.agent_run)
        if run == known.agent_run:
            return
        self._runs.setdefault(told.device, run)
        if not known.agent_run:  # that a device's first run began is announced to nobody
            known.agent_run = run

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self._write_notes()
            except (psycopg.Error, PoolTimeout):
                logger.warning("database away; delivery times wait")

    async def _write_notes(self) -> None:
        """Write what was noted; what can't be written now is kept for later."""
        await self._write_runs()
        delivered, self._delivered = self._delivered, {}
        seen, self._seen = self._seen, {}
        if not delivered and not seen:
            return
        try:
            unwritten = await self._rows.write(delivered=delivered, seen=seen)
        except (psycopg.Error, PoolTimeout):
            self._delivered = delivered | self._delivered
            self._seen = seen | self._seen
            raise
        # Some may be no devices any more.
        since = time.time() - SEEN_EVERY_SECONDS
        again = {device: seen[device] for device in unwritten if seen[device] > since}
        self._seen = again | self._seen

    async def _write_runs(self) -> None:
        """Have the database decide about runs: a rare thing, so it is left to Django's ORM."""
        runs = list(islice(self._runs.items(), RUNS_AT_ONCE))
        if not runs:
            return
        try:
            await sync_to_async(_note_runs, thread_sensitive=False)(runs)
        except DatabaseAway:
            logger.warning("database away; runs of agents wait")
        else:
            for device, _ in runs:
                del self._runs[device]

    # Reads

    async def _read_device(self, token_hash: bytes) -> Known | None:
        before = self._named.count
        return self._remember(token_hash, await self._reads.read(token_hash), before)

    def _remember(
        self, token_hash: bytes, row: tuple[Known, str] | None, before: int
    ) -> Known | None:
        """Keep what was read, unless the device was named since `before` or nobody listens."""
        if row is None:
            return None
        known, jws = row
        self._keep_policy(known, jws)
        if self._listener.is_trusted and not self._named.since(before, known.device):
            cohort = self._cohorts.get(known.jurisdiction, UNREAD)
            self._by_token[token_hash] = Told(known, cohort)
            self._token_of[known.device] = token_hash
        return known

    def _keep_policy(self, known: Known, jws: str) -> None:
        # What was read last holds: of two reads that overlap, `policy` notices the older one.
        self._policies[known.device] = (known.version, jws)
        self._policies.move_to_end(known.device)
        if len(self._policies) > POLICIES_KEPT:
            self._policies.popitem(last=False)

    async def _read_cohort(self, jurisdiction: str) -> Cohort:
        """Return what a whole cohort is told; all who were woken at once share one read."""
        cohort = self._cohorts.get(jurisdiction)
        if cohort and cohort.lapses_at > time.time() and self._listener.is_trusted:
            return cohort
        before = self._named.everybody
        cohort = await self._cohort_reads.read(jurisdiction)
        assert cohort is not None  # noqa: S101 (a cohort of which nothing is known is one too)
        if cohort.ceiling and self._listener.is_trusted and before == self._named.everybody:
            self._cohorts[jurisdiction] = cohort
        return cohort

    # Notifications

    def _take(self, payload: str) -> None:
        """Forget what the notification names, and wake whoever waits for it."""
        if payload in (CEILINGS, EVERYONE):
            self._forget_what_is_told_alike()
        else:
            self._named.take(payload)
            self._by_token.pop(self._token_of.pop(payload, b""), None)
            self._waits.wake(payload)

    def _forget_everything(self) -> None:
        self._by_token.clear()
        self._token_of.clear()
        self._forget_what_is_told_alike()

    def _forget_what_is_told_alike(self) -> None:
        self._named.take_everybody()
        self._cohorts_forgotten.update(self._cohorts)
        self._cohorts.clear()
        self._all_named.set()


def _note_runs(runs: list[tuple[str, str]]) -> None:
    try:
        note_runs((UUID(device), run) for device, run in runs)
    finally:
        connection.close()  # this thread's own; the next call may be in another


class Named:
    """Which devices notifications named of late, so that a read knows whether it came too early."""

    def __init__(self) -> None:
        self.count = 0
        self.everybody = 0
        self._devices: dict[str, int] = {}

    def take(self, device: str) -> None:
        self.count += 1
        self._devices[device] = self.count
        if len(self._devices) > NAMES_KEPT:
            self.take_everybody()

    def take_everybody(self) -> None:
        """From here on every read that has begun came too early."""
        self.count += 1
        self.everybody = self.count
        self._devices.clear()

    def since(self, before: int, device: str) -> bool:
        """Whether the device was named after the count was `before`."""
        return self.everybody > before or self._devices.get(device, 0) > before


def _tell_of_a_fault(task: asyncio.Task[None]) -> None:
    """Log what ended a task that should never end; else nobody would hear of it."""
    if not task.cancelled() and task.exception():
        logger.error("a task of the poll ended", exc_info=task.exception())
