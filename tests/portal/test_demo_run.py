"""`python -m portal.demo` as a visitor runs it: up, down, up again, and no process left over."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from portal.embedded.account import remove_folder
from portal.embedded.processes import birth

REPOSITORY = Path(__file__).resolve().parents[2]
UP_SECONDS = 240
# Two starts, one of which makes the demo's data, on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(600)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def processes_in(folder: Path) -> dict[int, str]:
    """Return every living process that was started with `folder` in its words or environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if str(folder).encode() in words and birth(int(entry.name)) is not None:
            found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")[:120]
    return found


class Run:
    """One start of the demo, with what it printed."""

    def __init__(self, folder: Path, port: int, *arguments: str) -> None:
        ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "DATABASE_POOL_SIZE"}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        environment |= {"VAR_DIR": str(folder), "PORT": str(port), "PYTHONPATH": str(REPOSITORY)}
        self.folder = folder
        self.printed = ""
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "portal.demo", *arguments],
            cwd=REPOSITORY, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait_for(self, pattern: str) -> str:
        """Read until `pattern` was printed; return all that was."""
        deadline = time.monotonic() + UP_SECONDS
        while not re.search(pattern, self.printed) and time.monotonic() < deadline:
            if select.select([self.popen.stdout], [], [], 0.2)[0]:
                piece = os.read(self.popen.stdout.fileno(), 65536)
                if not piece:
                    break
                self.printed += piece.decode()
        assert re.search(pattern, self.printed), self.printed
        return self.printed

    def wait_for_log(self, name: str, pattern: str) -> None:
        """Wait until `pattern` stands in the log of one of the demo's processes."""
        log = self.folder / "demo" / f"{name}.log"
        deadline = time.monotonic() + UP_SECONDS
        while not (log.exists() and re.search(pattern, log.read_text())):
            assert time.monotonic() < deadline, log
            time.sleep(0.2)

    def end(self, number: int = 0) -> tuple[int, str]:
        """Send a signal if one is given; return the exit status and all that was printed."""
        if number:
            self.popen.send_signal(number)
        rest, _ = self.popen.communicate(timeout=30)
        self.printed += rest.decode()
        return self.popen.returncode, self.printed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One VAR_DIR for all tests here: after the first start the data is there."""
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    for pid in processes_in(folder):
        os.kill(pid, signal.SIGKILL)
    remove_folder(folder / "postgres")


@pytest.fixture
def run(folder):
    """Return a function that starts the demo; what a failed test leaves is ended."""
    runs = []

    def start(*arguments: str, port: int | None = None) -> Run:
        runs.append(Run(folder, port or PORT, *arguments))
        return runs[-1]

    yield start
    for one in runs:
        if one.popen.poll() is None:
            one.end(signal.SIGTERM)


PORT = free_port()
HELD = r"LAPTOP-1 \| .*collecting"
CONFIRMED = r"LAPTOP-1 \| .*collecting.*confirmed"


def test_begins_afresh_ends_on_ctrl_c_and_comes_up_again_with_its_data(run, folder):
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "mail" / "old.log").touch()

    first = run("--reset")
    printed = first.wait_for(CONFIRMED)
    assert "The demo's data is removed." in printed
    assert not (folder / "mail" / "old.log").exists()
    assert f"http://127.0.0.1:{PORT}/demo/" in printed
    assert "Mira Okafor" in printed
    first.wait_for_log("work", r"Rows that the portal took: [1-9]")
    assert "Be Mira Okafor" in httpx.get(f"http://127.0.0.1:{PORT}/demo/").text

    status, printed = first.end(signal.SIGINT)

    assert status == 0
    assert "Traceback" not in printed
    assert processes_in(folder) == {}
    secret = (folder / "demo" / "secret_key").read_text()
    assert (folder / "demo" / "secret_key").stat().st_mode & 0o777 == 0o600

    second = run()
    second.wait_for(HELD)
    assert (folder / "demo" / "secret_key").read_text() == secret
    assert second.end(signal.SIGTERM)[0] == 0
    assert processes_in(folder) == {}


def test_a_second_demo_and_a_reset_are_refused_while_one_runs(run, folder):
    first = run()
    first.wait_for("The demo is ready")

    for arguments in ((), ("--reset",)):
        status, printed = run(*arguments, port=free_port()).end()
        assert status == 1
        assert "A demo is running" in printed

    assert httpx.get(f"http://127.0.0.1:{PORT}/health").status_code == 200
    first.end(signal.SIGTERM)


def test_recovers_from_a_kill_and_ends_when_one_of_its_processes_does(run, folder):
    killed = run()
    killed.wait_for("The demo is ready")
    killed.end(signal.SIGKILL)
    assert processes_in(folder)

    again = run()
    printed = again.wait_for(HELD)
    assert "what it left behind is ended" in printed
    [worker, *_] = [pid for pid, words in processes_in(folder).items() if " worker " in words]
    os.killpg(os.getpgid(worker), signal.SIGKILL)

    status, printed = again.end()
    assert status == 1
    assert "The worker ended with status -9" in printed
    assert "Traceback" not in printed
    assert processes_in(folder) == {}


def test_says_so_when_the_port_is_taken_and_starts_nothing(run, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        status, printed = run(port=port).end()

    assert status == 1
    assert f"Port {port} can't be used" in printed
    assert "Starting" not in printed


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(run, port):
    status, printed = run(port=port).end()

    assert status == 1
    assert "is no port" in printed
