"""The processes of a measurement: each kept on its core, its CPU time read, and ended for sure."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 30
STOP_SECONDS = 5
# Agents that wait count against this; granian's own default is its backlog, 1,024.
AT_ONCE = 20_000
SERVER_CORE, LOAD_CORE = 0, -1


# The cores we may use; none where the system can't keep a process on one.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
IS_PINNED = len(CORES) > 1


def start(command: Sequence[str | Path], *, core: int, **streams: Any) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, kept on the first (0) or the last (-1) core."""
    # A child inherits the cores of the thread that starts it.
    if IS_PINNED:
        os.sched_setaffinity(0, {CORES[core]})
    try:
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, start_new_session=True, **streams
        )
    finally:
        if IS_PINNED:
            os.sched_setaffinity(0, CORES)


class Server:
    """granian with one worker, from entry to exit: ASGI as for devices, or WSGI as for pages."""

    def __init__(self, application: str, *, log: Path, interface: str = "asgi") -> None:
        self.application = application
        self.log = log
        self.interface = interface
        self.port = _free_port()

    def __enter__(self) -> Self:
        granian = Path(sys.executable).with_name("granian")
        command = [granian, "--interface", self.interface, "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += {
            "asgi": ["--loop", "uvloop", "--no-ws", "--backpressure", str(AT_ONCE)],
            "wsgi": ["--blocking-threads", "4"],
        }[self.interface]
        command += [self.application]
        with self.log.open("ab") as log:
            self.process = start(command, core=SERVER_CORE, stdout=log, stderr=log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end, then end whatever is left of it."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of all its processes so far; None where the system doesn't tell."""
        if not Path("/proc/self/stat").exists():
            return None
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = stat.read_text().rpartition(")")[2].split()
                # Fields 6, 14 and 15 of proc_pid_stat(5): session, utime, stime.
                if int(fields[3]) == self.process.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/health")
                connection.getresponse().read()
            except OSError:
                time.sleep(0.05)
            else:
                return
            finally:
                connection.close()
        raise RuntimeError(f"{self.application} did not start; see {self.log}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
