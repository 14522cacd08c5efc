"""What one agent costs the computer that it runs on, and how long its gate takes to answer.

A real agent process, alone with the packages that it asks for, against a real portal behind TLS.
Each of two runs lasts a minute: one holds long polls, one asks each 5 seconds. From the two follow
what being there costs (per second) and what a poll costs; a day is so many seconds and so many
polls. What a day has besides is left out: 24 reports of counts, and the pauses of its owner.
"""

import os
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from consent_agent.clock import SystemClock
from consent_agent.gate import Gate
from consent_agent.state import Enrolment, State
from consent_fleet.devices import Device
from portal.lib.keys import published_keys
from tests.bench.agent_alone import command, link_packages
from tests.bench.bench import Bench
from tests.bench.figures import UNKNOWN, percentile, table, thousands
from tests.bench.gate import (
    ANOTHER,
    APPLICATION,
    RESTRICTED,
    TARGET_MICROSECONDS,
    gate_table,
    measure_gate,
)
from tests.bench.outcome import Figure, Outcome
from tests.bench.processes import LOAD_CORE, Server, start
from tests.bench.relay import Relay

DAY_SECONDS = 86_400
SECONDS = 60.0  # of each run
LONG_POLL_SECONDS = 50
POLL_SECONDS = 30
OFTEN_SECONDS = 5
SETTLE_SECONDS = 3.0  # after the first answer: register, acknowledgement, files
PATIENCE_SECONDS = 60
STARTS = 3


@dataclass(frozen=True)
class Usage:
    """What a process used in so many seconds of being there, and in so many polls."""

    seconds: float
    polls: int
    cpu_seconds: float
    bytes_on_wire: int
    bytes_of_http: int
    bytes_on_disk: int
    wake_ups: int
    memory_kb: int


@dataclass(frozen=True)
class Cost:
    """What being there costs per second, and a poll by itself."""

    cpu_a_second: float
    cpu_a_poll: float
    bytes_a_poll: float

    @classmethod
    def between(cls, seldom: Usage, often: Usage) -> "Cost":
        """Solve `cpu = seconds * a + polls * b` for two runs."""
        per_second = (seldom.cpu_seconds * often.polls - often.cpu_seconds * seldom.polls) / (
            seldom.seconds * often.polls - often.seconds * seldom.polls
        )
        per_second = max(per_second, 0.0)  # noise may say less than nothing
        per_poll = (often.cpu_seconds - per_second * often.seconds) / often.polls
        return cls(per_second, per_poll, often.bytes_on_wire / often.polls)

    def cpu_a_day(self, *, interval: float) -> float:
        return DAY_SECONDS * (self.cpu_a_second + self.cpu_a_poll / interval)

    def bytes_a_day(self, *, interval: float) -> float:
        return DAY_SECONDS / interval * self.bytes_a_poll


@dataclass(frozen=True)
class Measured:
    waiting: Usage
    polling: Usage
    cost: Cost
    start_seconds: list[float]
    command_seconds: list[float]


def measure_agent(bench: Bench) -> Outcome:
    """Ask the gate, then watch an agent wait and poll; it fails by itself on a wrong answer."""
    outcome = Outcome("One agent: what it costs the computer that it runs on")
    took = measure_gate()
    outcome.tables.append(gate_table(took))
    (enrolled,) = bench.fleet(1)[:1]
    with bench.whole_server() as portal:
        measured = _measure(
            bench.folder / "agent", enrolled.device, portal, seconds=bench.seconds(SECONDS)
        )
    outcome.tables += [cost_table(measured), parts_table(measured)]
    outcome.figures = [
        *(
            Figure.at_most(
                f"the gate's answer about {what}, median, microseconds",
                percentile(took[what], 50),
                TARGET_MICROSECONDS,
                "{:,.2f}",
            )
            for what in (APPLICATION, RESTRICTED, ANOTHER)
        ),
        Figure(
            "agent that waits, a day: CPU seconds",
            f"{measured.cost.cpu_a_day(interval=LONG_POLL_SECONDS):.1f}",
        ),
        Figure(
            f"agent that polls each {POLL_SECONDS} s, a day: CPU seconds",
            f"{measured.cost.cpu_a_day(interval=POLL_SECONDS):.1f}",
        ),
    ]
    return outcome


def _measure(folder: Path, device: Device, portal: Server, *, seconds: float) -> Measured:
    """Let an agent of `device` work behind TLS: at first waiting, then polling often.

    Raises:
        RuntimeError: it did not get its policy, or could not be watched on this system.
    """
    packages = link_packages(folder / "packages")
    with Relay(folder, portal.port) as relay:
        state = _make_state(folder / "state", device, relay.port)
        env = {"PATH": os.defpath, "SSL_CERT_FILE": str(relay.certificate)}
        run = command(packages, "run", "--state", state)
        starts = [_time_start(run, env, relay) for _ in range(STARTS)]
        waiting = _watch(run, env, relay, seconds=seconds)
        polling = _watch([*run, "--every", str(OFTEN_SECONDS)], env, relay, seconds=seconds)
        status = command(packages, "status", "--state", state)
        commands = [_time_command(status, env) for _ in range(STARTS)]
        _check_fresh(state)
    return Measured(waiting, polling, Cost.between(waiting, polling), starts, commands)


def _make_state(folder: Path, device: Device, port: int) -> Path:
    origin = f"https://localhost:{port}"
    enrolment = Enrolment(
        portal_url=origin, policy_url=f"{origin}/agent/v1/policy", device_id=device.id,
        token=device.token, jwks=published_keys(), private=device.signing_key.private,
    )  # fmt: skip
    State.create(folder, enrolment)
    return folder


def _watch(run: list[str | Path], env: dict[str, str], relay: Relay, *, seconds: float) -> Usage:
    """Start an agent, let it settle, and see what it uses in so many seconds."""
    process = _started(run, env, relay)
    try:
        time.sleep(SETTLE_SECONDS)
        traffic, pid = relay.traffic, process.pid
        began, polls = time.monotonic(), len(traffic.asked_at)
        cpu, disk, woken = _cpu_seconds(pid), _written(pid), _wake_ups(pid)
        wire, http = traffic.on_wire, traffic.http
        time.sleep(seconds)
        return Usage(
            seconds=time.monotonic() - began,
            polls=len(traffic.asked_at) - polls,
            cpu_seconds=_cpu_seconds(pid) - cpu,
            bytes_on_wire=traffic.on_wire - wire,
            bytes_of_http=traffic.http - http,
            bytes_on_disk=_written(pid) - disk,
            wake_ups=_wake_ups(pid) - woken,
            memory_kb=_memory_kb(pid),
        )
    finally:
        _end(process)


def _time_start(run: list[str | Path], env: dict[str, str], relay: Relay) -> float:
    """Return the seconds from starting the process to its first poll."""
    began = time.monotonic()
    process = _started(run, env, relay)
    try:
        return relay.traffic.asked_at[-1] - began
    finally:
        time.sleep(SETTLE_SECONDS)
        _end(process)


def _time_command(line: list[str | Path], env: dict[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(line, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _started(run: list[str | Path], env: dict[str, str], relay: Relay) -> subprocess.Popen[bytes]:
    """Start an agent and wait for its first poll.

    Raises:
        RuntimeError: it made none.
    """
    known = len(relay.traffic.asked_at)
    process = start(run, core=LOAD_CORE, env=env, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(relay.traffic.asked_at) == known:
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process)
            raise RuntimeError("the agent does not ask the portal")
        time.sleep(0.002)
    return process


def _check_fresh(folder: Path) -> None:
    """Make sure that what was measured is an agent whose answers were right.

    Raises:
        RuntimeError: it holds no fresh policy, or did not confirm it.
    """
    gate = Gate.from_state(folder)
    if gate.held is None or not gate.held.is_fresh(SystemClock().now()):
        raise RuntimeError(f"the agent has no fresh policy ({gate.closed_because})")
    acknowledgement = State.load(folder).read_acknowledgement()
    if acknowledgement is None or acknowledgement.unsent is not None:
        raise RuntimeError("the agent could not confirm its policy")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()


def _cpu_seconds(pid: int) -> float:
    # clock_getcpuclockid(3), to the nanosecond; /proc/pid/stat counts hundredths of a second.
    return time.clock_gettime((~pid << 3) | 2)


def _written(pid: int) -> int:
    return _number(f"/proc/{pid}/io", "write_bytes")


def _wake_ups(pid: int) -> int:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(_number(f"{thread}/status", "voluntary_ctxt_switches") for thread in threads)


def _memory_kb(pid: int) -> int:
    return _number(f"/proc/{pid}/smaps_rollup", "Pss")


def _number(file: str, name: str) -> int:
    for line in Path(file).read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"{file} has no {name}")


def cost_table(measured: Measured) -> str:
    cost = measured.cost
    rows = [
        [
            name,
            f"{cost.cpu_a_day(interval=interval):.1f}",
            thousands(DAY_SECONDS / interval),
            thousands(cost.bytes_a_day(interval=interval) / 1000),
        ]
        for name, interval in (
            (f"waiting, a long poll each {LONG_POLL_SECONDS} s", LONG_POLL_SECONDS),
            (f"polling each {POLL_SECONDS} s", POLL_SECONDS),
        )
    ]
    return table(["One agent, a day", "CPU seconds", "polls", "kB on the wire"], rows)


def parts_table(measured: Measured) -> str:
    """Say what the day was made of."""
    waiting, polling, cost = measured.waiting, measured.polling, measured.cost
    http = polling.bytes_of_http / polling.polls
    rows = [
        ["being there, CPU seconds a day", f"{cost.cpu_a_second * DAY_SECONDS:.1f}"],
        ["one poll, CPU milliseconds", f"{cost.cpu_a_poll * 1000:.2f}"],
        ["one poll, bytes on the wire", thousands(cost.bytes_a_poll)],
        ["  of these HTTP", thousands(http)],
        ["wake-ups a second, waiting", f"{waiting.wake_ups / waiting.seconds:.1f}"],
        ["bytes written to disk, waiting", thousands(waiting.bytes_on_disk)],
        ["bytes written to disk, polling", thousands(polling.bytes_on_disk)],
        ["memory, MB of its own (PSS)", f"{waiting.memory_kb / 1000:.1f}"],
        ["start to first poll, ms", _median_ms(measured.start_seconds)],
        ["consent-agent status, ms", _median_ms(measured.command_seconds)],
    ]
    return table([f"In {waiting.seconds:.0f} s each", ""], rows)


def _median_ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f}" if seconds else UNKNOWN
