"""How long a stop of the programme takes to the last device: its answer, and its confirmation.

Every device holds a poll. The polls are held by the ASGI process, confirmations go to the WSGI
process, as in production (docs/operations.md); both share the server's core here.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connections, transaction
from django.utils import timezone

from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import sign
from consent_app.people.models import Employee
from consent_app.people.roles import Role, ensure_roles
from consent_app.restrictions.actions import stop_programme
from tests.bench.fleet import Agent
from tests.bench.pauses import Waiting

SETTLE_SECONDS = 2.0
ANSWERS_WITHIN = 30
CONFIRMS_WITHIN = 60
CONNECTIONS = 32
ACKNOWLEDGEMENTS = "/agent/v1/acknowledgements"


@dataclass
class Stop:
    """Seconds from just before the COMMIT: to each device's answer, and to each confirmation."""

    answered: list[float] = field(default_factory=list)
    confirmed: list[float] = field(default_factory=list)
    errors: int = 0


def stop_to_last_device(
    poll_port: int, api_port: int, agents: Sequence[Agent], *, owner: Employee
) -> Stop:
    """Stop the programme for everyone while all of `agents` wait; they must hold a policy."""
    return asyncio.run(_stop(poll_port, api_port, agents, owner))


def make_owner(like: Employee) -> Employee:
    """Make a programme owner who works where `like` does."""
    owner = Employee.objects.create(
        name="Programme owner", email="owner@example.com", password="!",
        employee_number="B-OWNER", jurisdiction=like.jurisdiction,
    )  # fmt: skip
    owner.groups.add(ensure_roles()[Role.PROGRAMME_OWNER])
    return owner


async def _stop(poll_port: int, api_port: int, agents: Sequence[Agent], owner: Employee) -> Stop:
    result = Stop()
    waiting = [await Waiting.begin(poll_port, agent) for agent in agents]
    await asyncio.sleep(SETTLE_SECONDS)
    answers = [asyncio.ensure_future(one.answer()) for one in waiting]
    with ThreadPoolExecutor(1) as person:
        began = await asyncio.wrap_future(person.submit(_stop_everything, owner))
        done, late = await asyncio.wait(answers, timeout=ANSWERS_WITHIN)
        for answer in late:
            answer.cancel()
        result.errors += len(late) + sum(answer.exception() is not None for answer in done)
        result.answered = [answer.result() - began for answer in done if not answer.exception()]
        stopped = [agent for agent in agents if _is_stopped(agent)]
        result.errors += len(agents) - len(stopped)
        await _confirm_all(api_port, stopped, began, result)
        await asyncio.wrap_future(person.submit(connections.close_all))
    for one in waiting:
        one.close()
    return result


def _stop_everything(owner: Employee) -> float:
    """Stop as the page does; return the moment before COMMIT (`time.perf_counter`)."""
    with transaction.atomic():
        stop_programme(by=owner, reason="A measurement.")
        return time.perf_counter()


def _is_stopped(agent: Agent) -> bool:
    return agent.accepted is not None and agent.accepted.freshness.programme == "stopped"


async def _confirm_all(port: int, agents: Sequence[Agent], began: float, result: Stop) -> None:
    """Let each agent say that it does not collect any more, over a few connections."""
    queue = list(agents)
    async with asyncio.timeout(CONFIRMS_WITHIN), asyncio.TaskGroup() as group:
        for _ in range(min(CONNECTIONS, len(queue))):
            group.create_task(_confirm_in_turn(port, queue, began, result))


async def _confirm_in_turn(port: int, queue: list[Agent], began: float, result: Stop) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while queue:
            writer.write(_acknowledgement(queue.pop()))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            await reader.readexactly(length)
            if head.startswith(b"HTTP/1.1 202"):
                result.confirmed.append(time.perf_counter() - began)
            else:
                result.errors += 1
    except (DocumentRefused, OSError, EOFError):
        result.errors += 1
    finally:
        writer.close()


def _acknowledgement(agent: Agent) -> bytes:
    """Write the request by which the agent confirms that it collects nothing."""
    accepted = agent.accepted
    assert accepted is not None
    said = Acknowledgement(
        device=agent.device,
        device_version=accepted.policy.version,
        device_digest=accepted.device_digest,
        ceiling_digest=accepted.ceiling_digest,
        applied_at=timezone.now(),
        effect="not_collecting",
        sequence=1,
    )
    jws = sign(said.to_payload(), typ="acknowledgement+jws", key=agent.key)
    body = json.dumps({"jws": jws}).encode()
    lines = [
        f"POST {ACKNOWLEDGEMENTS} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {agent.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body
