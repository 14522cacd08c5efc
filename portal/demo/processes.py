"""The demo's processes: started in sessions of their own, written down, and ended for sure."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from portal.embedded.files import write_private
from portal.embedded.processes import birth

STOP_SECONDS = 5.0


class Ledger:
    """Which processes run, in a file that outlives us.

    After a SIGKILL of ours the next start ends what is written there. The starting time tells a
    process of ours from a stranger that got its number since.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._running: dict[int, str] = {}

    def add(self, pid: int) -> None:
        started = birth(pid)
        if started is not None:
            self._running[pid] = started
            self._write()

    def remove(self, pid: int) -> None:
        self._running.pop(pid, None)
        self._write()

    def end_leftovers(self) -> int:
        """End what an earlier run left behind, the latest first; return how many there were."""
        try:
            written = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0
        left = [int(pid) for pid, started in written.items() if birth(int(pid)) == started]
        for pid in reversed(left):
            _end_group(pid)
        self.path.unlink()
        return len(left)

    def _write(self) -> None:
        write_private(self.path, json.dumps(self._running))


class Process:
    """One child and all that it starts."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        folder: Path,
        output: int | IO[bytes],
        ledger: Ledger,
        errors: int | IO[bytes] = subprocess.STDOUT,
    ) -> None:
        self.name = name
        self._ledger = ledger
        self.popen = subprocess.Popen(  # noqa: S603 (our own arguments)
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        ledger.add(self.popen.pid)

    def status(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.popen.poll()

    def stop(self) -> None:
        """Ask it to end, give it a few seconds, then end it and everything it started."""
        if self.popen.poll() is None:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(STOP_SECONDS)
        _signal_group(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self._ledger.remove(self.popen.pid)


def _end_group(pid: int) -> None:
    # SIGINT is what PostgreSQL takes as "now, cleanly"; the others end on it as well.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        _signal_group(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while birth(pid) is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        if birth(pid) is None:
            break
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
