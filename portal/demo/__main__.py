"""Runs the demo until Ctrl-C, SIGTERM or the end of one of its processes; knows no Django itself.

Starts PostgreSQL and Valkey, makes the tables and the invented organisation, then runs the web
server, a Celery worker, beat, a store of recordings, the agent of one laptop and invented work on
it. Ends all of them in reverse order. The data stays in VAR_DIR for the next start; `--reset`
begins afresh.

Every process has a session of its own, so that Ctrl-C reaches this one alone.
"""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from portal.demo.processes import Ledger, Process
from portal.demo_data import CAST, EMPLOYEE, HOSTNAME, PASSWORD, STORE
from portal.embedded.account import remove_folder
from portal.embedded.files import write_private
from portal.embedded.postgres import EmbeddedPostgres, PostgresUnavailable
from portal.embedded.valkey import EmbeddedValkey, ValkeyUnavailable

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
INVENTED_WORK = REPOSITORY / "agent" / "examples" / "invented_work.py"
START_SECONDS = 60
LAST_LINES = 15
AGENT_NOT_ENROLLED, AGENT_REVOKED = 3, 4


class DemoFailed(Exception):
    """The demo can't start or go on; the message says why and what to do."""


class Ended(Exception):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    folder = Path(os.environ.get("VAR_DIR") or REPOSITORY / "var").expanduser().resolve()
    try:
        with _alone(folder):
            Demo(folder, port=_port(), reset=options.reset).run()
    except DemoFailed as failure:
        _say(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


class Demo:
    """One run. `folder` is VAR_DIR: what `manage.py` uses there is what the demo uses."""

    def __init__(self, folder: Path, *, port: int, reset: bool) -> None:
        self.folder = folder
        self.own = folder / "demo"
        self.port = port
        self.reset = reset
        self.origin = f"http://127.0.0.1:{port}"
        self.ledger = Ledger(folder / "demo.processes")
        self.environment: dict[str, str] = {}
        self.owner_url = ""
        self.watched: list[Process] = []
        self.stack = ExitStack()
        self.end_asked = threading.Event()

    def run(self) -> None:
        """Start, run, end. Returns when the end was asked for.

        Raises:
            DemoFailed: it could not start, or one of its processes ended.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_for_end)
        with contextlib.suppress(Ended), self.stack:
            try:
                self._start()
                self._tell()
                self._watch()
            finally:
                _say("\nEnding ...")
        _say(f"Ended. The data stays in {self.folder}.")

    def _ask_for_end(self, _number: int, _frame: FrameType | None) -> None:
        self.end_asked.set()

    def _wait(self, seconds: float = 0.0) -> None:
        if self.end_asked.wait(seconds):
            raise Ended

    # Starting

    def _start(self) -> None:
        if self.ledger.end_leftovers():
            _say("An earlier demo was cut off; what it left behind is ended.")
        _check_port(self.port)
        if self.reset:
            self._forget()
        self.own.mkdir(parents=True, exist_ok=True)
        # Mails hold links that set a password.
        (self.folder / "mail").mkdir(mode=0o700, exist_ok=True)
        self.environment = self._own_environment()
        _say("Starting the database ...")
        self._start_database()
        self._start_broker()
        _say("Preparing the organisation, its register and keys ...")
        self._manage("prepare_database", DATABASE_OWNER_URL=self.owner_url)
        self._manage("seed_demo")
        _say("Starting the portal ...")
        self._start_portal()
        self._wait_until_healthy()
        self._start_store()
        self._enrol_laptop()
        self._start_agent()
        self._start_invented_work()

    def _own_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_MODE": "demo",
            "PORTAL_ORIGIN": self.origin,
            "SECRET_KEY": self._secret_key(),
            "VAR_DIR": str(self.folder),
            "KEYS_DIR": os.environ.get("KEYS_DIR") or str(self.folder / "keys"),
            "PYTHONUNBUFFERED": "1",
        }

    def _secret_key(self) -> str:
        path = self.own / "secret_key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text(encoding="utf-8")

    def _start_database(self) -> None:
        if os.environ.get("DATABASE_URL"):
            self.owner_url = os.environ.get("DATABASE_OWNER_URL", "")
            return
        postgres = EmbeddedPostgres(self.folder / "postgres")
        try:
            postgres.start()
        except PostgresUnavailable as error:
            raise DemoFailed(str(error)) from error
        self._keep_server(postgres)
        self.environment["DATABASE_URL"] = postgres.url("portal")
        self.owner_url = postgres.url("owner")

    def _start_broker(self) -> None:
        if os.environ.get("CELERY_BROKER_URL"):
            return
        valkey = EmbeddedValkey(self.folder / "valkey")
        try:
            valkey.start()
        except ValkeyUnavailable as error:
            raise DemoFailed(str(error)) from error
        self._keep_server(valkey)
        self.environment["CELERY_BROKER_URL"] = valkey.url

    def _keep_server(self, server: EmbeddedPostgres | EmbeddedValkey) -> None:
        """Stop the server at the end if this process started it."""
        if server.process is not None:
            self.ledger.add(server.process.pid)
            self.stack.callback(self.ledger.remove, server.process.pid)
            self.stack.callback(server.stop)
        self._wait()

    def _start_portal(self) -> None:
        port, beat = str(self.port), str(self.own / "beat-schedule")
        self._start_child(
            "server", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", port,
            "--workers", "1", "--loop", "uvloop", "--no-ws", "--workers-kill-timeout", "2",
            "portal.asgi:application",
        )  # fmt: skip
        celery = ("celery", "--app", "portal", "--quiet")
        quiet = ("--loglevel", "WARNING")
        self._start_child("worker", *celery, "worker", "--concurrency", "1", *quiet)
        self._start_child("beat", *celery, "beat", "--schedule", beat, "--pidfile=", *quiet)

    def _start_child(self, name: str, program: str, *arguments: str | Path) -> None:
        with self._log(name).open("wb") as log:
            process = self._process(name, [PROGRAMS / program, *arguments], output=log)
        self.watched.append(process)

    def _process(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        output: int | IO[bytes],
        errors: int | IO[bytes] = subprocess.STDOUT,
        **more: str,
    ) -> Process:
        try:
            process = Process(
                name,
                command,
                environment=self.environment | more,
                folder=REPOSITORY,
                output=output,
                errors=errors,
                ledger=self.ledger,
            )
        except FileNotFoundError as error:
            raise DemoFailed(f"{command[0]} is missing; `make setup` installs it.") from error
        self.stack.callback(process.stop)
        return process

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy(self.port):
            self._check_children()
            if time.monotonic() > deadline:
                raise DemoFailed(f"The portal does not answer.\n{self._last_lines('server')}")
            self._wait(0.1)

    # Where the demo's recordings would be kept

    def _start_store(self) -> None:
        """Run the example of docs/data-stores.md, so that what is to be forgotten is confirmed."""
        port = _free_port()
        endpoint = ("--endpoint", f"http://127.0.0.1:{port}/")
        key = self.own / "store_key"
        if key.exists():
            self._manage("data_store", "move", STORE, *endpoint)
        else:
            holds = "Everything that the devices of the demo send on: nothing, so far."
            added = self._manage("data_store", "add", STORE, "--holds", holds, *endpoint)
            write_private(key, added.strip())
        with self._log("store").open("wb") as log:
            store = self._process(
                "store",
                [
                    sys.executable, REPOSITORY / "examples/data_store.py", "--port", str(port),
                    "--database", self.own / "recordings.sqlite",
                ],
                output=log,
                STORE_KEY=key.read_text(encoding="utf-8"),
            )  # fmt: skip
        self.watched.append(store)

    # The laptop of the demo's employee

    def _enrol_laptop(self) -> None:
        """Enrol it once; again only when its state is gone or belongs to another address."""
        state = self._laptop
        status, output = self._finish("agent", [*self._agent("status"), "--json"])
        if status == 0 and json.loads(output)["portal"].rstrip("/") == self.origin:
            return
        if state.exists():
            shutil.rmtree(state)
        code = self._manage("issue_enrolment_code", EMPLOYEE.email).strip()
        enrol = [*self._agent("enrol"), self.origin, code, "--hostname", HOSTNAME]
        if self._finish("agent", enrol)[0] != 0:
            raise DemoFailed(f"{HOSTNAME} could not be enrolled.\n{self._last_lines('agent')}")

    @property
    def _laptop(self) -> Path:
        return self.own / HOSTNAME

    def _agent(self, command: str) -> list[str | Path]:
        return [PROGRAMS / "consent-agent", command, "--state", self._laptop]

    def _start_agent(self) -> None:
        agent = self._process(HOSTNAME, self._agent("run"), output=subprocess.PIPE)
        self.watched.append(agent)
        if agent.popen.stdout is not None:
            threading.Thread(target=_repeat, args=(agent.popen.stdout,), daemon=True).start()

    def _start_invented_work(self) -> None:
        """Ask the laptop's gate about events that nobody captures, so that its ledger has some."""
        self._start_child("work", sys.executable, INVENTED_WORK, self._laptop)

    # Commands that end by themselves

    def _manage(self, *arguments: str, **more: str) -> str:
        """Run a command of manage.py and return what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        status, output = self._finish("setup", command, **more)
        if status != 0:
            raise DemoFailed(f"manage.py {arguments[0]} failed.\n{self._last_lines('setup')}")
        return output

    def _finish(self, log: str, command: Sequence[str | Path], **more: str) -> tuple[int, str]:
        """Run to the end, or until the end of the demo is asked for."""
        answer = self.own / "answer"
        with answer.open("wb") as output, self._log(log).open("ab") as errors:
            process = self._process(log, command, output=output, errors=errors, **more)
        while (status := process.status()) is None:
            self._wait(0.05)
        process.stop()
        text = answer.read_text(encoding="utf-8", errors="replace")
        answer.unlink()
        return status, text

    # Running

    def _tell(self) -> None:
        width = max(len(part.name) for part in CAST)
        people = "\n".join(f"    {part.name:<{width}}  {part.role}" for part in CAST)
        _say(
            f"\nThe demo is ready. Choose who you want to be:\n\n"
            f"    {self.origin}/demo/\n\n"
            f"{people}\n\n"
            f"No password is needed there. The sign-in page takes {EMPLOYEE.email}\n"
            f"and the others with the password {PASSWORD}\n\n"
            f"{HOSTNAME} is {EMPLOYEE.name}'s laptop; what it applies is shown below.\n"
            f"Logs are in {self.own}. Ctrl-C ends everything and keeps the data.\n"
        )

    def _watch(self) -> None:
        while True:
            self._check_children()
            self._wait(0.2)

    def _check_children(self) -> None:
        for process in list(self.watched):
            status = process.status()
            if status is None:
                continue
            if process.name == HOSTNAME and status == AGENT_REVOKED:
                _say(f"{HOSTNAME} was removed from the portal. The next start enrols it again.")
                self.watched.remove(process)
                continue
            raise DemoFailed(
                f"The {process.name} ended with status {status}, so the demo ends.\n"
                f"{self._last_lines(process.name)}"
            )

    def _log(self, name: str) -> Path:
        return self.own / f"{name}.log"

    def _last_lines(self, name: str) -> str:
        log = self._log(name)
        if not log.exists():
            return ""
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"The last lines of {log}:", *(f"    {line}" for line in lines)])

    # Beginning afresh

    def _forget(self) -> None:
        """Remove the demo's data. Whoever uses its servers at the moment keeps them."""
        if os.environ.get("DATABASE_URL"):
            raise DemoFailed("DATABASE_URL names a database of yours; the demo does not empty it.")
        servers = (
            EmbeddedPostgres(self.folder / "postgres"),
            EmbeddedValkey(self.folder / "valkey"),
        )
        if any(server.is_running() for server in servers):
            raise DemoFailed(
                f"A server in {self.folder} is in use by another program (manage.py in another "
                f"window, perhaps). End that first; nothing was removed."
            )
        remove_folder(self.folder / "postgres")
        for name in ("valkey", "keys", "mail", "demo"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        _say("The demo's data is removed.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the demo's lock, which the system drops however we end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFailed(
                f"A demo is running from {folder} already. End it with Ctrl-C in its window."
            ) from error
        yield


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise DemoFailed(f"PORT={text} is no port: use a number from 1 to 65535.")
    return int(text)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoFailed(
                f"Port {port} can't be used: {error.strerror}. Choose another one: "
                f"make demo PORT={port + 80 if port < 65000 else 8080}"
            ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _repeat(output: IO[bytes]) -> None:
    """Show what the agent says, in its name."""
    for line in output:
        _say(f"{HOSTNAME} | {line.decode(errors='replace').rstrip()}")


def _say(text: str, *, file: IO[str] | None = None) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody reads any more; still end in order
        print(text, file=file or sys.stdout, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="forget the demo's data first")
    return parser


if __name__ == "__main__":
    sys.exit(main())
