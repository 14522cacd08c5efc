"""The agent's command, spoken to by one line of JSON for each call; README.md has the contract.

A command that breaks the contract itself (ends, hangs, answers no JSON) fails the case at hand with
`ContractBroken`, and is started anew for the next one.
"""

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# Far above any deadline that a case sets: reached only by a command that hangs.
PATIENCE_SECONDS = 60.0


class ContractBroken(AssertionError):
    """The command did not answer as README.md asks."""


class AgentCommand:
    """Starts the command at the first call, and again when it ended after a `restart`."""

    def __init__(self, command: Sequence[str], *, folder: Path | None = None) -> None:
        """Prepare to start the command, in a folder or in that of whoever calls."""
        self._command = list(command)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._may_end = False
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # see close

    def call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Hand over one request and return the answer.

        Raises:
            ContractBroken: there is none, or it is no JSON object with `ok`.
        """
        line = self._exchange(request) if self._process else None
        if not line and (self._process is None or self._may_end):
            self.end()
            self._start()
            line = self._exchange(request)
        self._may_end = request["call"] == "restart"
        if not line:
            raise self._broken("no answer")
        try:
            answer = json.loads(line)
        except ValueError:
            raise self._broken(f"no JSON: {line[:200]!r}") from None
        if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
            raise self._broken(f"no object with `ok`: {line[:200]!r}")
        return answer

    def _exchange(self, request: Mapping[str, Any]) -> bytes | None:
        """Return the line that the running command answers; empty when it ended, None if late."""
        process = self._process
        if process is None or process.stdin is None:
            return b""
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return self._lines.get(timeout=PATIENCE_SECONDS)
        except OSError:
            return b""
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the command and forget what it complained of."""
        self.end()
        self._complaints.close()

    def end(self) -> None:
        """End the command: it is told by the end of its input."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        process = subprocess.Popen(  # noqa: S603  # the command of whoever runs the suite
            self._command,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        self._process, self._lines = process, queue.Queue()
        threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True).start()

    def _broken(self, problem: str) -> ContractBroken:
        self._complaints.seek(0)
        complaints = self._complaints.read()[-2000:].decode(errors="replace")
        self.end()
        return ContractBroken(f"{self._command[0]}: {problem}\n{complaints}")


def _read(source: IO[bytes], lines: "queue.Queue[bytes]") -> None:
    with source:
        for line in source:
            lines.put(line)
    lines.put(b"")
