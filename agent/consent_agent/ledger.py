"""How often something was captured or not, hour by hour, and what the agent itself used.

Capturing software counts with a `Counter`, in any number of processes; all of them add to one
`Ledger`, a small SQLite file in the state folder, which the running agent reports from. Counts
are of an hour, an application, a kind and an outcome; nothing else is known here, and no content.

Not counted is what nobody may learn from a number: what is not in the register or excluded from
it, and everything of a person from whom nothing may be collected at all (such verdicts name no
application). The file is not sealed: it holds no rule, and opens nothing. When to report is left
to `reporting`.
"""

import os
import sqlite3
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from consent_agent.errors import StateRefused
from consent_agent.protocol.decision import Reason, Verdict
from consent_agent.protocol.times import format_time

LEDGER_FILES: Final = ("ledger.sqlite3", "ledger.sqlite3-journal")
# The portal takes the hours of 7 days; the oldest may pass that limit while it is on its way.
KEPT: Final = timedelta(days=6)
MAX_ROWS: Final = 100_000
MAX_COUNT: Final = 2**31 - 1
CAPTURED: Final = Reason.ALLOWED.value
UNCOUNTED: Final = frozenset({Reason.EXCLUDED, Reason.KIND_NOT_COLLECTED})

_TABLES = """
CREATE TABLE IF NOT EXISTS counts (
    hour TEXT, application TEXT, kind TEXT, outcome TEXT,
    count INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, application, kind, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS costs (
    hour TEXT PRIMARY KEY, cpu_seconds REAL NOT NULL, bytes INTEGER NOT NULL,
    is_sent INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""
_ADD_COUNT = """
INSERT INTO counts (hour, application, kind, outcome, count)
VALUES (?1, ?2, ?3, ?4, min(?5, ?6))
ON CONFLICT DO UPDATE SET count = min(count + excluded.count, ?6)
"""
_ADD_COST = """
INSERT INTO costs (hour, cpu_seconds, bytes) VALUES (?1, ?2, min(?3, ?4))
ON CONFLICT DO UPDATE SET cpu_seconds = cpu_seconds + excluded.cpu_seconds,
    bytes = min(bytes + excluded.bytes, ?4), is_sent = 0
"""
# Every outcome of a row goes along: what is reported is the hour so far, not what came since.
_UNSENT_COUNTS = """
SELECT hour, application, kind, outcome, count FROM counts
WHERE (hour, application, kind) IN (
    SELECT DISTINCT hour, application, kind FROM counts WHERE count > sent
    ORDER BY hour, application, kind LIMIT ?
) ORDER BY hour, application, kind, outcome
"""


class Counted(NamedTuple):
    """What one number is about; `hour` as text in UTC, `outcome` a reason of a verdict."""

    hour: str
    application: str
    kind: str
    outcome: str


@dataclass(frozen=True)
class Report:
    """The totals so far of one application and kind in one hour."""

    hour: str
    application: str
    kind: str
    outcomes: Mapping[str, int]

    def members(self) -> dict[str, object]:
        return {
            "hour": self.hour,
            "application": self.application,
            "kind": self.kind,
            "captured": self.outcomes.get(CAPTURED, 0),
            "suppressed": {
                outcome: count for outcome, count in self.outcomes.items() if outcome != CAPTURED
            },
        }


@dataclass(frozen=True)
class Cost:
    """What the agent used so far in one hour. It has no means to measure the battery's share."""

    hour: str
    cpu_seconds: float
    bytes: int

    def members(self) -> dict[str, object]:
        return {
            "hour": self.hour,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "bytes": self.bytes,
            "battery_mwh": None,
        }


@dataclass(frozen=True)
class Unsent:
    """What the portal does not know yet, as much of it as fits into one body."""

    reports: Sequence[Report] = ()
    costs: Sequence[Cost] = ()

    def __bool__(self) -> bool:
        return bool(self.reports or self.costs)

    def members(self) -> dict[str, object]:
        return {
            "reports": [report.members() for report in self.reports],
            "cost": [cost.members() for cost in self.costs],
        }


class Ledger:
    """The counts of this device; every process of its user may add to them.

    Each method raises StateRefused when the file cannot be read or written. A damaged file is
    removed first, so that the next call begins again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER_FILES[0]

    def add(self, counts: Mapping[Counted, int]) -> None:
        with self._opened() as database:
            rows = [(*key, count, MAX_COUNT) for key, count in counts.items()]
            database.executemany(_ADD_COUNT, rows)

    def add_cost(self, *, cpu_seconds: float, bytes_exchanged: int, at: datetime) -> None:
        with self._opened() as database:
            database.execute(_ADD_COST, (hour_of(at), cpu_seconds, bytes_exchanged, MAX_COUNT))

    def unsent(self, *, most: int) -> Unsent:
        """Return what the portal does not know, the oldest first: at most `most` of each sort."""
        with self._opened() as database:
            rows = database.execute(_UNSENT_COUNTS, (most,)).fetchall()
            costs = database.execute(
                "SELECT hour, cpu_seconds, bytes FROM costs WHERE NOT is_sent"
                " ORDER BY hour LIMIT ?",
                (most,),
            ).fetchall()
        reports = [
            Report(hour, application, kind, {outcome: count for *_, outcome, count in group})
            for (hour, application, kind), group in groupby(rows, key=lambda row: row[:3])
        ]
        return Unsent(reports, [Cost(*row) for row in costs])

    def mark_sent(self, sent: Unsent) -> None:
        """Remember what the portal knows; what was added meanwhile stays unsent."""
        known = [
            (count, report.hour, report.application, report.kind, outcome)
            for report in sent.reports
            for outcome, count in report.outcomes.items()
        ]
        with self._opened() as database:
            database.executemany(
                "UPDATE counts SET sent = ?"
                " WHERE hour = ? AND application = ? AND kind = ? AND outcome = ?",
                known,
            )
            database.executemany(
                "UPDATE costs SET is_sent = 1 WHERE hour = ? AND cpu_seconds = ? AND bytes = ?",
                [(cost.hour, cost.cpu_seconds, cost.bytes) for cost in sent.costs],
            )

    def drop(self, refused: Unsent) -> None:
        """Forget what the portal will never take."""
        with self._opened() as database:
            database.executemany(
                "DELETE FROM counts WHERE hour = ? AND application = ? AND kind = ?",
                [(report.hour, report.application, report.kind) for report in refused.reports],
            )
            database.executemany(
                "DELETE FROM costs WHERE hour = ?", [(cost.hour,) for cost in refused.costs]
            )

    def prune(self, *, now: datetime) -> None:
        """Forget what is too old to be taken, and the oldest hours of what is too much."""
        oldest = (hour_of(now - KEPT),)
        with self._opened() as database:
            database.execute("DELETE FROM counts WHERE hour < ?", oldest)
            database.execute("DELETE FROM costs WHERE hour < ?", oldest)
            database.execute(
                "DELETE FROM counts WHERE hour <= "
                "(SELECT hour FROM counts ORDER BY hour DESC LIMIT 1 OFFSET ?)",
                (MAX_ROWS,),
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=5)) as database, database:
                database.executescript(_TABLES)
                yield database
        except (sqlite3.OperationalError, OSError) as error:
            raise StateRefused(LEDGER_FILES[0], f"cannot be used ({error})") from error
        except sqlite3.DatabaseError as error:
            self._path.unlink(missing_ok=True)
            raise StateRefused(LEDGER_FILES[0], "was damaged; counting begins again") from error


class Counter:
    """Counts in memory what one process captures; `flush` hands it on. Any thread may count."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._counts: Tally[tuple[int, str, str, Reason]] = Tally()

    @classmethod
    def on_state(cls, folder: Path) -> "Counter":
        """Count for the agent whose state folder this is."""
        return cls(Ledger(folder))

    def record(self, verdict: Verdict, *, kind: str) -> None:
        """Count one event: captured if the verdict allowed it, suppressed for its reason if not."""
        if verdict.application is None or verdict.reason in UNCOUNTED:
            return
        key = (int(time.time()) // 3600, verdict.application, kind, verdict.reason)
        with self._lock:
            self._counts[key] += 1

    def flush(self) -> None:
        """Add what was counted to the ledger; what cannot be added is kept for the next time.

        Raises:
            StateRefused: the file cannot be written.
        """
        with self._lock:
            taken, self._counts = self._counts, Tally()
        if not taken:
            return
        try:
            self._ledger.add({_counted(*key): count for key, count in taken.items()})
        except StateRefused:
            with self._lock:
                self._counts.update(taken)
            raise


def hour_of(moment: datetime) -> str:
    """Return the hour of an aware time, as the portal reads it."""
    return format_time(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))


def _counted(hour: int, application: str, kind: str, reason: Reason) -> Counted:
    return Counted(
        hour_of(datetime.fromtimestamp(hour * 3600, UTC)), application, kind, reason.value
    )
