"""The processes of a measurement: each kept on its core, its CPU time read, and ended for sure."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 30
STOP_SECONDS = 5
STAT = Path("/proc/self/stat")
# Agents that wait count against this; granian's own default is its backlog, 1,024.
AT_ONCE = 25_000
SERVER_CORE, LOAD_CORE = 0, -1


@dataclass(frozen=True, slots=True)
class Kind:
    """How granian serves something; docs/operations.md starts production in the same way."""

    interface: str
    application: str
    options: tuple[str, ...]


WITH_LOOP = ("--http", "1", "--loop", "uvloop", "--no-ws", "--backpressure", str(AT_ONCE))
# The poll and nothing else; whatever else agents ask for belongs to the pages' process.
DEVICES = Kind("rsgi", "portal.rsgi:application", WITH_LOOP)
PAGES = Kind("wsgi", "portal.wsgi:application", ("--blocking-threads", "4"))
# Both in one process, as in the demo.
WHOLE = Kind("asgi", "portal.asgi:application", WITH_LOOP)
BARE = {
    interface: Kind(interface, "tests.bench.bare:application", WITH_LOOP)
    for interface in ("asgi", "rsgi")
}

# The cores we may use; none where the system can't keep a process on one.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
IS_PINNED = len(CORES) > 1


def start(
    command: Sequence[str | Path], *, core: int | None, **streams: Any
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, kept on a core: 0 the first, -1 the last, or any."""
    # A child inherits the cores of the thread that starts it.
    if IS_PINNED and core is not None:
        os.sched_setaffinity(0, {CORES[core]})
    try:
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, start_new_session=True, **streams
        )
    finally:
        if IS_PINNED:
            os.sched_setaffinity(0, CORES)


class Process:
    """A server from entry to exit, in a session of its own; `command` says what to start."""

    def __init__(self, *, log: Path, pinned: bool = True) -> None:
        self.log = log
        self.pinned = pinned
        self.port = free_port()

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        core = SERVER_CORE if self.pinned else None
        with self.log.open("ab") as log:
            self.process = start(self.command(), core=core, stdout=log, stderr=log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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
        if not STAT.exists():
            return None
        # Fields 14 and 15 of proc_pid_stat(5): utime, stime.
        ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in self._stats())
        return ticks / os.sysconf("SC_CLK_TCK")

    def worker(self) -> int:
        """Return the process that does the work: the one with the most memory."""
        # Field 24: rss.
        return max(self._stats(), key=lambda found: int(found[1][21]))[0]

    def _stats(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each process of the session, and its fields of proc_pid_stat(5) from the third."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = stat.read_text().rpartition(")")[2].split()
                # Field 6: session.
                if int(fields[3]) == self.process.pid:
                    yield int(stat.parent.name), fields

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
        raise RuntimeError(f"{self.command()[0]} did not start; see {self.log}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Server(Process):
    """granian with one worker."""

    def __init__(self, kind: Kind, *, log: Path, pinned: bool = True) -> None:
        super().__init__(log=log, pinned=pinned)
        self.kind = kind

    def command(self) -> list[str | Path]:
        granian = Path(sys.executable).with_name("granian")
        where = ["--workers", "1", "--host", "127.0.0.1", "--port", str(self.port)]
        how = ["--interface", self.kind.interface, *self.kind.options]
        return [granian, *how, *where, self.kind.application]


class Nginx(Process):
    """nginx with one worker that serves one static file: what a poll could cost at the least."""

    PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

    def __init__(self, folder: Path, *, path: str, body: bytes) -> None:
        super().__init__(log=folder / "nginx.log")
        self.folder = folder / "nginx"
        self.path = path
        self.body = body

    def command(self) -> list[str | Path]:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "policy.json").write_bytes(self.body)
        settings = self.folder / "nginx.conf"
        settings.write_text(
            NGINX_SETTINGS.format(folder=self.folder, port=self.port, path=self.path)
        )
        assert self.PROGRAM is not None
        return [self.PROGRAM, "-c", settings, "-p", self.folder, "-e", "stderr"]


NGINX_SETTINGS = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
user root;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = {path} {{ alias {folder}/policy.json; }}
  }}
}}
"""
