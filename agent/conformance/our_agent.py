"""Our agent behind the suite's contract (README.md): a line of JSON in, a line of JSON out.

The agent is the one that `consent-agent run` runs, asked to poll once at a time; the gate is the
one that capturing software opens on the state folder. `--broken NAME` breaks it in one of the ways
of `broken`, to show that the suite finds out.
"""

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.broken import BROKEN
from consent_agent.client import Connection, PortalClient, enrol
from consent_agent.clock import Instant
from consent_agent.errors import AgentError, AlreadyEnrolled, DeviceRevoked
from consent_agent.gate import Gate
from consent_agent.ledger import Ledger
from consent_agent.loop import Agent
from consent_agent.protocol.circumstances import Surroundings
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.times import parse_time
from consent_agent.reporting import Meter, Reporter
from consent_agent.spool import Batch, Spool
from consent_agent.state import LocalPause, State

SUBJECT = ("application", "url", "window_title", "field", "kind", "counterparties")


class InjectedClock:
    """Stands where the last call put it."""

    def __init__(self) -> None:
        self._reading = Instant(parse_time("1970-01-01T00:00:00Z"), 0.0, "")

    def set(self, reading: Mapping[str, Any]) -> None:
        self._reading = Instant(parse_time(reading["wall"]), reading["steady"], reading["boot"])

    def now(self) -> Instant:
        return self._reading


class OurAgent:
    """Any number of devices, one for each state folder, all by one clock."""

    def __init__(self) -> None:
        self._clock = InjectedClock()
        self._running: dict[Path, Agent] = {}
        self._connections: dict[Path, Connection] = {}

    async def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call of the contract."""
        self._clock.set(request["clock"])
        path = Path(request["state"])
        try:
            return {"ok": True} | await self._call(request["call"], path, request)
        except (AgentError, DocumentRefused) as failure:
            return {"ok": False, "code": failure.code}

    async def _call(self, name: str, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        match name:
            case "enrol":
                return await self._enrol(path, request["portal"], request["code"])
            case "poll":
                await self._poll(path, request["deadline_seconds"])
            case "ask":
                return self._ask(path, request)
            case "show":
                return self._show(path)
            case "hold":
                return self._hold(path, request)
            case "pause":
                pause = LocalPause(request["minutes"], self._clock.now(), str(uuid.uuid4()))
                State.load(path).write_pause(pause)
            case "resume":
                State.load(path).remove_pause()
            case "moved":
                State.load(path).say_place(request["cohort"])
            case "restart":
                await self._end(path)
        return {}

    async def _enrol(self, path: Path, portal_url: str, code: str) -> dict[str, Any]:
        if State.exists(path):
            raise AlreadyEnrolled
        async with Connection(portal_url) as connection:
            enrolment = await enrol(
                connection, portal_url, code=code, hostname="LAPTOP-1", platform="linux"
            )
        State.create(path, enrolment)
        return {"device": enrolment.device_id}

    async def _poll(self, path: Path, deadline_seconds: float) -> None:
        if path not in self._running:
            self._start(path, State.load(path))
        self._connections[path].deadline_seconds = deadline_seconds
        try:
            await self._running[path].poll_once()
        except DeviceRevoked:
            await self._end(path)
            raise

    def _start(self, path: Path, state: State) -> None:
        connection = Connection(state.enrolment.portal_url)
        client = PortalClient(connection, state.enrolment)
        agent = Agent(
            state=state,
            client=client,
            reporter=Reporter(
                ledger=Ledger(path),
                client=client,
                meter=Meter(connection),
                clock=self._clock,
                announce=_complain,
            ),
            gate=Gate(self._clock),
            clock=self._clock,
            announce=_complain,
        )
        agent.restore()
        self._running[path], self._connections[path] = agent, connection

    async def _end(self, path: Path) -> None:
        self._running.pop(path, None)
        connection = self._connections.pop(path, None)
        if connection is not None:
            await connection.__aexit__()

    def _ask(self, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        subject = {name: request[name] for name in SUBJECT if name in request}
        surroundings = Surroundings(**request.get("surroundings", {}))
        gate = Gate.from_state(path, self._clock)
        verdict = gate.may_capture(**subject, surroundings=surroundings)
        return {"allowed": verdict.allowed, "reason": verdict.reason.value}

    def _show(self, path: Path) -> dict[str, Any]:
        held = Gate.from_state(path, self._clock).held
        is_enrolled = State.exists(path)
        return {
            "enrolled": is_enrolled,
            "device_version": held.accepted.policy.version if held else None,
            "ceiling_version": held.accepted.ceiling.version if held else None,
            "held": len(list(Spool.on_state(path).waiting())) if is_enrolled else 0,
        }

    def _hold(self, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        batch = Batch(
            request["application"],
            request["kind"],
            parse_time(request["from"]),
            parse_time(request["until"]),
        )
        return {"kept": Spool.on_state(path).add(batch, b"invented") is not None}


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="Our agent, behind the contract of the suite.")
    parser.add_argument("--broken", choices=sorted(BROKEN), metavar="NAME")
    options = parser.parse_args()
    if options.broken:
        BROKEN[options.broken]()
    agent = OurAgent()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            answer = runner.run(agent.answer(json.loads(line)))
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
