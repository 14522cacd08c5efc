"""Tells the portal what was counted, once an hour, and adds up what that and the rest cost.

The minute of the hour is drawn anew each time, so that a fleet does not speak at once. What the
portal will never take is dropped and said; all other failures leave the counts where they are,
for a later try. What is counted is left to `ledger`.
"""

import asyncio
import math
import random
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from consent_agent.client import Connection, PortalClient
from consent_agent.clock import Clock
from consent_agent.errors import AgentError, DeviceRevoked, PortalRefused, StateRefused
from consent_agent.ledger import MAX_ROWS, Ledger, Unsent

# Each look writes to the disk.
LOOK_SECONDS: Final = 600.0
# A row with every reason there is takes less than 1,000 bytes; the portal takes bodies of 64 KiB.
ROWS_IN_A_BODY: Final = 60
# As many as a full ledger needs; counts that grow while they are sent must not keep us here.
MOST_BODIES: Final = math.ceil(MAX_ROWS / ROWS_IN_A_BODY)
RETRY_AFTER_SECONDS: Final = (60.0, 600.0)
_ROW = re.compile(r"(reports|cost)\.(\d{1,4})(?:\.|$)")


class Meter:
    """What this process used since it was last read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cpu_seconds = time.process_time()
        self._bytes = connection.bytes_exchanged

    def read(self) -> tuple[float, int]:
        """Return CPU seconds and bytes."""
        cpu_seconds, exchanged = time.process_time(), self._connection.bytes_exchanged
        used = cpu_seconds - self._cpu_seconds, exchanged - self._bytes
        self._cpu_seconds, self._bytes = cpu_seconds, exchanged
        return used


class Reporter:
    """Reports from one ledger; `announce` gets a line for what a person may want to know."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        client: PortalClient,
        meter: Meter,
        clock: Clock,
        announce: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._meter = meter
        self._clock = clock
        self._announce = announce

    async def report_forever(self) -> None:
        """Report in each hour, at a minute of its own.

        Raises:
            DeviceRevoked: the portal revoked the device.
        """
        due = _some_time_from(self._clock.now().wall)
        try:
            while True:
                left = (due - self._clock.now().wall).total_seconds()
                await asyncio.sleep(min(LOOK_SECONDS, max(1.0, left)))
                self.add_cost()
                if self._clock.now().wall >= due:
                    due = await self._report_or_put_off()
        finally:
            self.add_cost()

    async def report(self) -> int:
        """Report everything that the portal does not know; return how many rows it took.

        Raises:
            PortalRefused, PortalUnreachable, AnswerRefused: it may be taken later.
            StateRefused: the ledger cannot be read.
            DeviceRevoked: the portal revoked the device.
        """
        self._ledger.prune(now=self._clock.now().wall)
        taken = 0
        for _ in range(MOST_BODIES):
            unsent = self._ledger.unsent(most=ROWS_IN_A_BODY)
            if not unsent:
                break
            try:
                await self._client.report(unsent.members())
            except PortalRefused as refusal:
                if refusal.status != 422:
                    raise
                self._drop(unsent, refusal)
            else:
                self._ledger.mark_sent(unsent)
                taken += len(unsent.reports) + len(unsent.costs)
        return taken

    def add_cost(self) -> None:
        """Write down what was used since the last time; say so where that fails."""
        cpu_seconds, exchanged = self._meter.read()
        try:
            self._ledger.add_cost(
                cpu_seconds=cpu_seconds, bytes_exchanged=exchanged, at=self._clock.now().wall
            )
        except StateRefused as failure:
            self._announce(f"What this costs was not written down: {failure}")

    async def _report_or_put_off(self) -> datetime:
        """Try once; return when to try again."""
        try:
            await self.report()
        except DeviceRevoked:
            raise
        except AgentError as failure:
            self._announce(f"Counts not reported yet: {failure} [{failure.code}]")
            seconds = random.uniform(*RETRY_AFTER_SECONDS)  # noqa: S311
            seconds += getattr(failure, "retry_after", None) or 0.0
            return self._clock.now().wall + timedelta(seconds=seconds)
        now = self._clock.now().wall
        return _some_time_from(now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))

    def _drop(self, unsent: Unsent, refusal: PortalRefused) -> None:
        """Forget the rows that the portal names, or all where it names none."""
        refused = _named(unsent, refusal) or unsent
        for report in refused.reports:
            self._announce(
                f"Counts not taken [{refusal.code}]: {report.application}, {report.kind},"
                f" {report.hour}"
            )
        for cost in refused.costs:
            self._announce(f"Cost not taken [{refusal.code}]: {cost.hour}")
        self._ledger.drop(refused)


def _named(unsent: Unsent, refusal: PortalRefused) -> Unsent:
    rows = {(row[1], int(row[2])) for row in map(_ROW.match, refusal.fields) if row}
    return Unsent(
        [report for place, report in enumerate(unsent.reports) if ("reports", place) in rows],
        [cost for place, cost in enumerate(unsent.costs) if ("cost", place) in rows],
    )


def _some_time_from(moment: datetime) -> datetime:
    """Return a random time in the hour that follows `moment`."""
    return moment + timedelta(seconds=random.uniform(0, 3600))  # noqa: S311
