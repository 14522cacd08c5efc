"""An agent at work in the test's own process, against a portal over real HTTP."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from consent_agent.client import Connection, PortalClient
from consent_agent.clock import Instant, SystemClock
from consent_agent.gate import Gate
from consent_agent.ledger import Ledger
from consent_agent.loop import LONG_POLLS, Agent
from consent_agent.pacing import Pace
from consent_agent.protocol.decision import Reason
from consent_agent.reporting import Meter, Reporter
from consent_agent.state import State

PATIENCE_SECONDS = 20.0


class ShiftedClock(SystemClock):
    """The machine's clocks, moved on by a test."""

    def __init__(self) -> None:
        super().__init__()
        self._shift = timedelta(0)

    def now(self) -> Instant:
        wall, steady, boot = super().now()
        return Instant(wall + self._shift, steady + self._shift.total_seconds(), boot)

    def pass_time(self, **duration: float) -> None:
        self._shift += timedelta(**duration)


class Running:
    """An agent at work, with what it printed."""

    def __init__(self, state: State, pace: Pace = LONG_POLLS) -> None:
        self.state = state
        self.pace = pace
        self.clock = ShiftedClock()
        self.gate = Gate(self.clock)
        self.lines: list[str] = []
        self.stop = asyncio.Event()

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator["Running"]:
        enrolment = self.state.enrolment
        async with Connection(enrolment.portal_url) as connection:
            client = PortalClient(connection, enrolment)
            reporter = Reporter(
                ledger=Ledger(self.state.path),
                client=client,
                meter=Meter(connection),
                clock=self.clock,
                announce=self.lines.append,
            )
            agent = Agent(
                state=self.state,
                client=client,
                reporter=reporter,
                gate=self.gate,
                clock=self.clock,
                announce=self.lines.append,
                pace=self.pace,
            )
            task = asyncio.create_task(agent.run(self.stop))
            try:
                yield self
            finally:
                self.stop.set()
                await asyncio.wait_for(task, PATIENCE_SECONDS)

    def reason(self) -> Reason:
        return self.gate.may_capture(application="github", kind="keystrokes").reason

    def printed(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    async def until(self, is_true: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, self.lines
            await asyncio.sleep(0.005)


Scenario = Callable[[Running], Awaitable[None]]


def work(state: State, scenario: Scenario, *, pace: Pace = LONG_POLLS) -> Running:
    """Run `scenario` beside a running agent."""

    async def run() -> Running:
        running = Running(state, pace)
        async with running.started():
            await scenario(running)
        return running

    return asyncio.run(run())
