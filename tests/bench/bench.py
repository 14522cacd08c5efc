"""What the parts of a measurement share: the database, the fleet, and the servers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from portal.embedded.postgres import EmbeddedPostgres
from portal.lib.keys import published_keys
from tests.bench.fleet import Enrolled, enrol_fleet, write_fleet
from tests.bench.processes import BARE, DEVICES, PAGES, WHOLE, Kind, Server

QUICK = 20


@dataclass
class Bench:
    """`quick` makes everything a twentieth of its size: to see that it runs, not how fast."""

    folder: Path
    postgres: EmbeddedPostgres
    quick: bool
    minutes: float
    requests: int
    ledger_rows: int
    _fleet: list[Enrolled] = field(default_factory=list)

    def size(self, full: int) -> int:
        return max(1, full // QUICK) if self.quick else full

    def seconds(self, full: float) -> float:
        return max(2.0, full / QUICK) if self.quick else full

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return len(self._fleet)

    def fleet(self, size: int) -> list[Enrolled]:
        """Return `size` devices; as many are made as are missing, and they stay."""
        missing = size - len(self._fleet)
        if missing > 0:
            self._fleet += enrol_fleet(missing)
            self.look_over()
        return self._fleet[:size]

    def look_over(self) -> None:
        """Let the database know its tables, as it does by itself in time."""
        url = self.postgres.url("owner", "bench")
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")

    def file(self, fleet: Sequence[Enrolled], *, confirming: int = 0) -> Path:
        """Write the file that the simulated fleet reads."""
        return write_fleet(self.folder / "devices.jsonl", fleet, confirming=confirming)

    def keys(self) -> str:
        """Write the published keys, which the process that serves devices does not; say where."""
        file = self.folder / "jwks.json"
        file.write_text(json.dumps(published_keys()), encoding="ascii")
        return str(file)

    def device_server(self, *, pinned: bool = True) -> Server:
        return self._server(DEVICES, "devices", pinned=pinned)

    def page_server(self, *, pinned: bool = True) -> Server:
        return self._server(PAGES, "pages", pinned=pinned)

    def whole_server(self) -> Server:
        return self._server(WHOLE, "whole", pinned=True)

    def bare_server(self, interface: str) -> Server:
        return self._server(BARE[interface], "bare", pinned=True)

    def _server(self, kind: Kind, name: str, *, pinned: bool) -> Server:
        return Server(kind, log=self.folder / f"{name}.log", pinned=pinned)
