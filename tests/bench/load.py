"""Loads a server from the other core, with wrk where there is one, and says what came of it."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import LOAD_CORE, Server, start

WRK = shutil.which("wrk")
CONNECTIONS = 32
WARM_SECONDS = 1
SAMPLE_EVERY_SECONDS = 0.25


@dataclass(frozen=True)
class Sample:
    """What one load of a few seconds gave; `cpu_seconds` are the server's, None if unknown."""

    answers: int
    seconds: float
    median: float
    p99: float
    errors: int
    cpu_seconds: float | None
    generator_busy: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    @property
    def server_busy(self) -> float | None:
        """The share of a core that the server had; less than all when others wanted it too."""
        return None if self.cpu_seconds is None else self.cpu_seconds / self.seconds

    @property
    def rate_per_core(self) -> float:
        """Answers per second of CPU time; per second where the system doesn't tell CPU time."""
        return self.answers / self.cpu_seconds if self.cpu_seconds else self.rate


def generator_name() -> str:
    return "wrk" if WRK else "our own generator (wrk is not on the PATH)"


def measure(
    server: Server,
    path: str,
    *,
    expected: int,
    requests: Path,
    seconds: int,
    meanwhile: Callable[[], int] | None = None,
) -> Sample:
    """Load `path` for a while, after a second that doesn't count.

    Every answer must have the status `expected`. `meanwhile` is called four times a second and
    returns how many errors it saw.
    """
    command = _command(server, path, expected=expected, requests=requests)
    warm, _ = _run(command(WARM_SECONDS), meanwhile=None)
    before = server.cpu_seconds()
    said, busy = _run(command(seconds), meanwhile=meanwhile)
    after = server.cpu_seconds()
    return Sample(
        answers=int(said["answers"]),
        seconds=said["seconds"],
        median=said["median"],
        p99=said["p99"],
        errors=int(said["errors"] + warm["errors"]),
        cpu_seconds=None if before is None or after is None else after - before,
        generator_busy=busy,
    )


def _command(
    server: Server, path: str, *, expected: int, requests: Path
) -> Callable[[int], list[str | Path]]:
    def wrk(seconds: int) -> list[str | Path]:
        script = Path(__file__).with_name("load.lua")
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "5s", "-s", script]
        url = f"http://127.0.0.1:{server.port}{path}"
        return [str(WRK), *options, url, "--", str(expected), requests]

    def own(seconds: int) -> list[str | Path]:
        facts = [server.port, path, CONNECTIONS, seconds, expected, requests]
        return [sys.executable, "-m", "tests.bench.own_load", *map(str, facts)]

    return wrk if WRK else own


def _run(
    command: list[str | Path], *, meanwhile: Callable[[], int] | None
) -> tuple[dict[str, float], float]:
    """Return what the generator printed, and the share of its core that it took."""
    process = start(command, core=LOAD_CORE, stdout=subprocess.PIPE)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    errors = 0
    try:
        while process.poll() is None:
            errors += meanwhile() if meanwhile else 0
            time.sleep(SAMPLE_EVERY_SECONDS)
        printed, _ = process.communicate()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said: dict[str, float] = json.loads(printed.splitlines()[-1])
    said["errors"] += errors
    return said, used / (time.monotonic() - began)
