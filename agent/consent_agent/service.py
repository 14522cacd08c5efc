"""`consent-agent run`: the agent as a service, from its first line to its last.

One agent at a time works on a state folder; a second one ends at once. What it says goes to the
screen, where a service manager keeps it, or to a file of its own that stays small. What the agent
does is left to `loop`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from consent_agent.client import Connection, PortalClient
from consent_agent.clock import SystemClock
from consent_agent.gate import Gate
from consent_agent.ledger import Ledger
from consent_agent.locking import only_one
from consent_agent.loop import Agent
from consent_agent.pacing import Pace
from consent_agent.reporting import Meter, Reporter
from consent_agent.state import State
from consent_agent.wording import printable

LOG_FILE: Final = "agent.log"
LOG_BYTES: Final = 1_000_000
OLDER_LOGS: Final = 2

Announce = Callable[[str], None]


async def run_until_stopped(state: State, *, pace: Pace, announce: Announce) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        AlreadyRunning: another process does so, on the same state folder.
        DeviceRevoked, NotEnrolled: the portal or the person removed the device meanwhile.
    """
    stop = asyncio.Event()
    _set_on_signals(stop)
    clock = SystemClock()
    enrolment = state.enrolment
    with only_one(state.path):
        announce(f"Device {enrolment.device_id}, portal {enrolment.portal_url}")
        async with Connection(enrolment.portal_url) as connection:
            client = PortalClient(connection, enrolment)
            agent = Agent(
                state=state,
                client=client,
                reporter=make_reporter(state, client, connection, announce=announce),
                gate=Gate(clock),
                clock=clock,
                announce=announce,
                pace=pace,
            )
            await agent.run(stop)
        announce("Stopped.")


def make_reporter(
    state: State, client: PortalClient, connection: Connection, *, announce: Announce
) -> Reporter:
    return Reporter(
        ledger=Ledger(state.path),
        client=client,
        meter=Meter(connection),
        clock=SystemClock(),
        announce=announce,
    )


class LogFile:
    """Lines with their time, in a file that its owner alone can read, with two older ones beside.

    For systems whose service manager keeps no log. A disk that refuses does not end the agent: the
    line goes to the screen.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_FILE

    @property
    def paths(self) -> list[Path]:
        older = [self._path.with_name(f"{LOG_FILE}.{number + 1}") for number in range(OLDER_LOGS)]
        return [self._path, *older]

    def __call__(self, line: str) -> None:
        stamped = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {printable(line)}\n"
        try:
            self._rotate()
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="ascii") as file:
                file.write(stamped)
        except OSError as error:
            print(f"{stamped.rstrip()}  (not in the log: {error.strerror})", file=sys.stderr)

    def remove(self) -> None:
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _rotate(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < LOG_BYTES:
            return
        for newer, older in reversed(list(pairwise(self.paths))):
            if newer.exists():
                newer.replace(older)


def _set_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
