"""Batches of captured content that wait for upload, and dropping those that somebody erased.

Capturing software puts a batch here before it uploads it, and takes it away afterwards. A batch is
a file of its own: a line of JSON with `application`, `kind`, `from` and `until`, then the content.
The agent drops a batch as a whole when any part of it is covered, and before it confirms the policy
that asks for it; a batch whose first line cannot be read is covered by every erasure. Erasures are
remembered, so that what is written late is dropped as well.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from consent_agent.errors import StateRefused
from consent_agent.protocol.canonical import canonical_json, parse_json
from consent_agent.protocol.documents import Erase
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.members import Members
from consent_agent.protocol.times import format_time
from consent_agent.state import SPOOL, State
from consent_agent.storage import Folder

MAX_FIRST_LINE: Final = 4096
# Erasures are rare and about the past: the latest so many cover all that could still be written.
MOST_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch holds: events of one application and kind, from the first to the last."""

    application: str
    kind: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read the first line of a file.

        Raises:
            DocumentRefused: it does not say what the batch holds.
        """
        members = Members(parse_json(line))
        return cls(
            application=members.text("application"),
            kind=members.text("kind"),
            starts_at=members.time("from"),
            ends_at=members.time("until"),
        )

    def line(self) -> bytes:
        members = {
            "application": self.application,
            "kind": self.kind,
            "from": format_time(self.starts_at),
            "until": format_time(self.ends_at),
        }
        return canonical_json(members) + b"\n"

    def is_covered(self, erase: Erase) -> bool:
        """Say whether any of it is to be dropped; times may be the wrong way round."""
        first, last = sorted((self.starts_at, self.ends_at))
        is_named = erase.applications is None or self.application in erase.applications
        return is_named and first < erase.ends_at and erase.starts_at <= last


class Spool:
    """The batches of one device, in its state folder; any process of its user may use them.

    Each method raises StateRefused when a file cannot be read, written or removed.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._folder = Folder(state.path)

    @classmethod
    def on_state(cls, folder: Path) -> Self:
        """Open the spool of the agent whose state folder this is."""
        return cls(State.load(folder))

    def add(self, batch: Batch, content: bytes) -> str | None:
        """Keep a batch and return its name; None where it was erased already and is not kept."""
        if _is_covered(batch, self._state.read_erasures()):
            return None
        name = f"{SPOOL}/{uuid.uuid4().hex}"
        self._folder.write(name, batch.line() + content)
        return name

    def waiting(self) -> Iterator[tuple[str, Batch]]:
        """Yield what may be uploaded: name and batch, without what was erased."""
        erasures = self._state.read_erasures()
        for name in self._folder.names(SPOOL):
            batch = None if _is_unfinished(name) else self._read_batch(name)
            if batch is not None and not _is_covered(batch, erasures):
                yield name, batch

    def read(self, name: str) -> bytes | None:
        """Return the content of a batch; None when it is gone."""
        content = self._folder.read(name)
        return None if content is None else content.partition(b"\n")[2]

    def remove(self, name: str) -> None:
        self._folder.remove(name)

    def erase(self, erasures: Iterable[Erase]) -> int:
        """Remember the erasures, drop all that these and earlier ones cover; return how many.

        A memory that cannot be read may have held anything: then everything is dropped.
        """
        try:
            known = self._state.read_erasures()
        except (StateRefused, DocumentRefused):
            dropped = self._drop(None)
            self._state.write_erasures(_latest(erasures))
            return dropped
        wanted = _latest(known.union(erasures))
        if wanted != known:
            # Before anything is dropped: from here on nothing that is covered comes in.
            self._state.write_erasures(wanted)
        return self._drop(wanted) if wanted else 0

    def _drop(self, erasures: Collection[Erase] | None) -> int:
        """Remove what is covered, or everything, what a crash left half written included."""
        dropped = 0
        for name in self._folder.names(SPOOL):
            batch = self._read_batch(name)
            if batch is None or erasures is None or _is_covered(batch, erasures):
                self._folder.remove(name)
                dropped += 1
        return dropped

    def _read_batch(self, name: str) -> Batch | None:
        """Read a first line; None for one that does not say what the batch holds."""
        try:
            beginning = self._folder.read(name, most_bytes=MAX_FIRST_LINE) or b""
            return Batch.from_line(beginning.partition(b"\n")[0])
        except (StateRefused, DocumentRefused):
            return None


def _is_covered(batch: Batch, erasures: Iterable[Erase]) -> bool:
    return any(batch.is_covered(erase) for erase in erasures)


def _is_unfinished(name: str) -> bool:
    return Path(name).name.startswith(".")


def _latest(erasures: Iterable[Erase]) -> frozenset[Erase]:
    ordered = sorted(set(erasures), key=lambda erase: (erase.ends_at, erase.id))
    return frozenset(ordered[-MOST_REMEMBERED:])
