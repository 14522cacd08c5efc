"""Runs the simulated fleet beside a server: to its end, or while something else happens."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from tests.bench.processes import LOAD_CORE, start

GRACE_SECONDS = 60
LOOK_EVERY_SECONDS = 0.02


class FleetFailed(RuntimeError):
    """The fleet ended without a report, or something did not come to pass in time."""


def run_fleet(url: str, file: Path, devices: int, *options: str) -> dict[str, Any]:
    """Run the fleet to its end and return its report (`consent_fleet.running.run`)."""
    with RunningFleet(url, file, devices, *options) as fleet:
        return fleet.report()


class RunningFleet:
    """The fleet in a process of its own on the other core, from entry to exit."""

    def __init__(self, url: str, file: Path, devices: int, *options: str) -> None:
        self._events = file.with_suffix(".events")
        self._read = 0
        self._command: list[str | Path] = [sys.executable, "-m", "consent_fleet", "--json"]
        self._command += ["--url", url, "--file", file, "--devices", str(devices)]
        self._command += ["--events", self._events, *options]

    def __enter__(self) -> Self:
        self._events.unlink(missing_ok=True)
        self._process = start(self._command, core=LOAD_CORE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdout is not None and not self._process.stdout.closed:
            self._process.communicate()

    def wait_for(self, what: str, *, count: int = 1, within: float) -> list[dict[str, Any]]:
        """Return the next events called `what`, `count` of them; others meanwhile are dropped.

        Raises:
            FleetFailed: they did not come in time.
        """
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + within
        while len(found) < count and time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise FleetFailed(f"the fleet ended with {self._process.returncode}")
            found += [event for event in self._new_events() if event["what"] == what]
            time.sleep(LOOK_EVERY_SECONDS)
        if len(found) < count:
            raise FleetFailed(f"{len(found):,} of {count:,} were {what} within {within:.0f} s")
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the events that nobody has waited for, so far."""
        return list(self._new_events())

    def end(self) -> dict[str, Any]:
        """Let it end now, and return its report."""
        self._process.send_signal(signal.SIGTERM)
        return self.report()

    def report(self) -> dict[str, Any]:
        printed, _ = self._process.communicate()
        if not printed.strip():
            raise FleetFailed(f"the fleet ended with {self._process.returncode}")
        report: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return report

    def _new_events(self) -> Iterator[dict[str, Any]]:
        if not self._events.exists():
            return
        with self._events.open(encoding="ascii") as file:
            file.seek(self._read)
            text = file.read()
        # A line may be half written.
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        yield from map(json.loads, whole.splitlines())
