"""How long a pause takes until it is signed, and until a waiting agent has it."""

import asyncio
import email.parser
import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connections, transaction

from consent_agent.protocol.errors import DocumentRefused
from consent_app.devices.poll import PATH
from consent_app.people.models import Employee
from consent_app.restrictions.actions import start_pause
from tests.bench.fleet import Agent

WAIT_SECONDS = 55
SETTLE_SECONDS = 0.02  # between an agent's request and the pause, so that it waits by then
ANSWER_SECONDS = 10


@dataclass
class Times:
    """Seconds that each of several pauses took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0


@dataclass(frozen=True)
class Paused:
    """When (`time.perf_counter`) somebody clicked, the commit was asked for, and it was done."""

    clicked: float
    signed: float
    committed: float


def pause(employee: Employee) -> Paused:
    """Start a pause as the pages and the tray do.

    The transaction around it is there to see the moment before COMMIT; it costs one savepoint.
    """
    clicked = time.perf_counter()
    with transaction.atomic():
        start_pause(employee=employee, by=employee, minutes=15)
        signed = time.perf_counter()
    return Paused(clicked, signed, time.perf_counter())


def click_to_signed(agents: Sequence[Agent]) -> Times:
    """Pause one person after the other; nobody waits."""
    times = Times()
    for agent in agents:
        paused = pause(agent.employee)
        times.seconds.append(paused.committed - paused.clicked)
    return times


def commit_to_answer(port: int, agents: Sequence[Agent], *, also: Sequence[Agent] = ()) -> Times:
    """Pause each of `agents` while it waits for its policy, and `also` wait for theirs.

    From just before the COMMIT until the last byte of the agent's answer.
    """
    return asyncio.run(_commit_to_answer(port, agents, also))


async def _commit_to_answer(port: int, agents: Sequence[Agent], also: Sequence[Agent]) -> Times:
    times = Times()
    with ThreadPoolExecutor(1) as person:
        crowd = [await Waiting.begin(port, agent) for agent in also]
        disturbed = [asyncio.ensure_future(one.answer()) for one in crowd]
        await asyncio.sleep(1 if crowd else 0)
        for agent in agents:
            waiting = await Waiting.begin(port, agent)
            await asyncio.sleep(SETTLE_SECONDS)
            answer = asyncio.ensure_future(waiting.answer())
            paused = await asyncio.wrap_future(person.submit(pause, agent.employee))
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    times.seconds.append(await answer - paused.signed)
                _check(agent)
            except (DocumentRefused, ValueError, OSError, EOFError):
                times.errors += 1
            finally:
                waiting.close()
        # Nothing changed for these, so nothing may have come.
        times.errors += sum(answer.done() for answer in disturbed)
        await _give_up(disturbed)
        for one in crowd:
            one.close()
        await asyncio.wrap_future(person.submit(connections.close_all))
    return times


async def _give_up(answers: Sequence[asyncio.Future[float]]) -> None:
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


def _check(agent: Agent) -> None:
    if agent.accepted is None or agent.accepted.policy.state != "paused":
        raise ValueError("the agent was not told of the pause")


class Waiting:
    """One agent's request that the portal holds."""

    def __init__(
        self, agent: Agent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.agent, self._reader, self._writer = agent, reader, writer

    @classmethod
    async def begin(cls, port: int, agent: Agent) -> "Waiting":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = {"Host": "127.0.0.1"} | agent.request(wait=WAIT_SECONDS)
        lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        await writer.drain()
        return cls(agent, reader, writer)

    async def answer(self) -> float:
        """Read and check the answer; return when its last byte was there."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.decode("latin-1").partition("\r\n")
        parser = email.parser.Parser(http.client.HTTPMessage)
        headers = parser.parsestr(rest, headersonly=True)
        body = await self._reader.readexactly(int(headers["Content-Length"] or 0))
        at = time.perf_counter()
        self.agent.take(int(first.split()[1]), headers, body)
        return at

    def close(self) -> None:
        self._writer.close()
