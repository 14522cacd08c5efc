"""As much as a server answers: loads it from the other core, with wrk where there is one.

Without wrk the simulated fleet floods it, in Python, and may be the limit itself: the table shows
how busy it was, and answers per second of the server's CPU time are compared.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consent_fleet.devices import Device, write_devices
from tests.bench.processes import LOAD_CORE, Process, start

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
    return "wrk" if WRK else "the simulated fleet (wrk is not on the PATH)"


def measure(
    server: Process,
    path: str,
    devices: Sequence[Device],
    *,
    expected: int,
    conditional: bool,
    seconds: float,
    meanwhile: Callable[[], int] | None = None,
) -> Sample:
    """Load `path` for a while with each device's headers in turn, after a second without count.

    Every answer must have the status `expected`. `conditional` requests name what the device has.
    `meanwhile` is called four times a second and returns how many errors it saw.
    """
    asking = [device if conditional else replace(device, etag="") for device in devices]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "devices"
        command = (_wrk if WRK else _fleet)(server, path, asking, expected=expected, file=file)
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


Command = Callable[[float], list[str | Path]]


def _wrk(
    server: Process, path: str, devices: Sequence[Device], *, expected: int, file: Path
) -> Command:
    """Go through a file in which each line is a token and an ETag, or "-"."""
    lines = [f"{device.token} {device.etag or '-'}\n" for device in devices]
    file.write_text("".join(lines), encoding="ascii")

    def command(seconds: float) -> list[str | Path]:
        script = Path(__file__).with_name("load.lua")
        length = f"-d{max(1, round(seconds))}s"
        options = ["-t1", f"-c{CONNECTIONS}", length, "--timeout", "5s", "-s", script]
        return [str(WRK), *options, f"{server.url}{path}", "--", str(expected), file]

    return command


def _fleet(
    server: Process, path: str, devices: Sequence[Device], *, expected: int, file: Path
) -> Command:
    write_devices(file, (replace(device, key="") for device in devices))

    def command(seconds: float) -> list[str | Path]:
        options = ["--url", server.url, "--file", file, "--devices", str(len(devices))]
        options += ["--mode", "flood", "--minutes", str(seconds / 60), "--path", path, "--json"]
        options += ["--expect", str(expected), "--connections", str(CONNECTIONS)]
        return [sys.executable, "-m", "consent_fleet", *options]

    return command


def _run(
    command: list[str | Path], *, meanwhile: Callable[[], int] | None
) -> tuple[dict[str, float], float]:
    """Return what the generator found, and the share of its core that it took."""
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
    if not printed.strip():
        raise RuntimeError(f"{command[0]} failed with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = _found(json.loads(printed.splitlines()[-1]))
    said["errors"] += errors
    return said, used / (time.monotonic() - began)


def _found(printed: dict[str, Any]) -> dict[str, float]:
    """Return what `load.lua` prints; the fleet's report says the same in its own words."""
    if "answers" in printed:
        return printed
    [times] = printed["times"].values() or [{"count": 0, "p50": 0.0, "p99": 0.0}]
    return {
        "answers": times["count"], "seconds": printed["measured_seconds"], "median": times["p50"],
        "p99": times["p99"], "errors": sum(printed["errors"].values()),
    }  # fmt: skip
