"""A portal in processes of its own: as the demo runs it (ASGI, one port), or production's poll."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.db import connection

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 120


class LivePortal:
    """One granian process, our direct child; it knows of the database only `database_url`."""

    application = "portal.asgi:application"
    interface = "asgi"
    options = ("--workers", "1", "--workers-kill-timeout", "2")

    def __init__(self, folder: Path, *, database_url: str, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.database_url = database_url
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait for the first answer, whatever it is."""
        command = [Path(sys.executable).with_name("granian"), "--interface", self.interface]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--loop", "uvloop", "--no-ws", *self.options]
        with (self.folder / "portal.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, self.application],
                cwd=REPOSITORY, env=self._environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def kill(self) -> None:
        """End it as a power cut would: no goodbye to whoever is connected."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hear and say nothing, while its connections stand: a network that was cut."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def log(self) -> str:
        return (self.folder / "portal.log").read_text(errors="replace")

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"},
            "DATABASE_URL": self.database_url,
            "DATABASE_POOL_SIZE": "8",
            "PORTAL_MODE": "demo",
            "PORTAL_ORIGIN": self.url,
            "KEYS_DIR": str(self.folder / "keys"),
            **self.environment,
        }

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}/health", timeout=10)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        log = self.log()
        self.stop()
        pytest.fail(f"The portal did not start:\n{log}")


class LivePoll(LivePortal):
    """Production's poll: four server processes on one port."""

    application = "portal.rsgi:application"
    interface = "rsgi"
    options = ("--workers", "4", "--http", "1", "--workers-kill-timeout", "5")


class LonePoll(LivePoll):
    """The same with one process, which a successor has ten seconds to take over from."""

    options = (
        "--workers", "1", "--http", "1", "--workers-kill-timeout", "20", "--respawn-interval", "10",
    )  # fmt: skip


def serving_role_url() -> str:
    """Return the address of the test database for the role that serves requests."""
    parts = urlsplit(os.environ["TEST_PORTAL_ROLE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
