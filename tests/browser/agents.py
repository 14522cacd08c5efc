"""Real agents on work computers: the `consent-agent` command, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consent_agent.gate import Gate
from consent_app.devices.actions import issue_enrolment_code

COMMAND = Path(sys.executable).with_name("consent-agent")
PASSWORD = "a long enough password"
PATIENCE_SECONDS = 60


class WorkComputer:
    """A computer with the agent on it: a state folder, and perhaps a running process."""

    def __init__(self, folder: Path, hostname: str) -> None:
        self.state = folder / "state"
        self.hostname = hostname
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "agent.log"

    def enrol(self, url: str, code: str) -> None:
        self.call("enrol", url, code, "--hostname", self.hostname)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "run", "--state", self.state],
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)  # it may be asleep
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def fall_asleep(self) -> None:
        """Stand still with the lid closed; the portal hears nothing of it."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def wake_up(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def call(self, command: str, *arguments: str) -> str:
        """Run a command of the agent to its end and return what it printed."""
        done = subprocess.run(
            [COMMAND, command, *arguments, "--state", self.state],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.call("status", "--json"))
        return shown

    def gate(self) -> Gate:
        """Return the gate that a program on this computer asks before it captures anything."""
        return Gate.from_state(self.state)

    def collects(self) -> bool:
        return may_capture(self.gate())

    def said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def may_capture(gate: Gate) -> bool:
    return gate.may_capture(application="7-zip", kind="mouse_click").allowed


def wait_until(
    condition: Callable[[], object], *, within: float = PATIENCE_SECONDS, what: str = ""
) -> None:
    """Return as soon as the condition holds; fail if it does not in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {within} seconds: {what or condition}")
        time.sleep(0.05)


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., WorkComputer]]:
    """Return a function that gives a computer with the agent installed, not yet enrolled."""
    computers = []

    def make(hostname: str = "LAPTOP-1") -> WorkComputer:
        folder = tmp_path / hostname
        folder.mkdir()
        computers.append(WorkComputer(folder, hostname))
        return computers[-1]

    yield make
    for computer in computers:
        computer.stop()


@pytest.fixture
def newcomer(published_register, make_employee):
    """Return an employee with a password and no device yet."""
    employee = make_employee("Mira Okafor", time_zone="America/Los_Angeles")
    employee.set_password(PASSWORD)
    employee.save(update_fields=["password"])
    return employee


@pytest.fixture
def agent(live_portal, newcomer, make_agent) -> WorkComputer:
    """Return the newcomer's LAPTOP-1, enrolled, running, and collecting."""
    computer = make_agent()
    computer.enrol(live_portal.url, issue_enrolment_code(employee=newcomer, by=newcomer))
    computer.start()
    wait_until(lambda: "confirmed" in computer.said(), what="the first policy is confirmed")
    return computer
