"""One device under test: its folder, its clocks, and what cases ask of the agent."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from conformance.contract import AgentCommand
from conformance.documents import NOON, deny
from conformance.portal import Request, SimulatedPortal
from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.jws import read_public_jwk, verify_with_key
from consent_agent.protocol.times import format_time

# What the usual policy of a case allows, and what it denies because the person prefers so.
OPEN = "editor"
DENIED = "chat"
PREFERENCE = deny(id="22222222-0000-4000-8000-000000000002", source="preference")
USUAL_POLICY: dict[str, Any] = {"deny": [PREFERENCE | {"applications": [DENIED]}]}
# Real agents give a call 10 s; cases with answers that never end say less.
SHORT_DEADLINE_SECONDS = 0.5


class InjectedClock:
    """The true time, and what the device's clocks say of it."""

    def __init__(self) -> None:
        self.true = NOON
        self.wall = NOON
        self.steady = 1000.0
        self.boot = "boot-1"

    def pass_time(self, **duration: float) -> None:
        """Let time pass; both clocks of the device go on with it."""
        self.true += timedelta(**duration)
        self.set_wall(**duration)
        self.set_steady(**duration)

    def set_wall(self, **duration: float) -> None:
        self.wall += timedelta(**duration)

    def set_steady(self, **duration: float) -> None:
        self.steady += timedelta(**duration).total_seconds()

    def reading(self) -> dict[str, Any]:
        return {"wall": format_time(self.wall), "steady": self.steady, "boot": self.boot}


@dataclass(frozen=True)
class Verdict:
    """The gate's answer."""

    allowed: bool
    reason: str


class Device:
    """A device, not enrolled yet; every call tells the agent what time it is."""

    def __init__(
        self, agent: AgentCommand, portal: SimulatedPortal, state: Path, clock: InjectedClock
    ) -> None:
        self._agent = agent
        self.portal = portal
        self.state = state
        self.clock = clock
        self.id = ""

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        request = {"call": name, "state": str(self.state), "clock": self.clock.reading()}
        return self._agent.call(request | arguments)

    def enrol(self, portal_url: str | None = None) -> dict[str, Any]:
        answer = self.call("enrol", portal=portal_url or self.portal.url, code="R75E-9EMS")
        self.id = answer.get("device", "")
        return answer

    def poll(self, deadline_seconds: float = 10.0) -> dict[str, Any]:
        return self.call("poll", deadline_seconds=deadline_seconds)

    def takes_policy(self) -> None:
        """Poll, and fail the case unless the answer is taken."""
        answer = self.poll()
        assert answer["ok"], answer

    def refuses(self, code: str | None, *, deadline_seconds: float = 10.0) -> None:
        """Poll, and fail the case unless the answer is refused, by this code if there is one."""
        answer = self.poll(deadline_seconds)
        assert not answer["ok"], "the answer was taken"
        if code is not None:
            assert answer.get("code") == code

    def ask(
        self, application: str | None = None, kind: str = "keystrokes", **known: Any
    ) -> Verdict:
        if application is not None:
            known["application"] = application
        answer = self.call("ask", kind=kind, **known)
        assert answer["ok"], answer
        return Verdict(answer["allowed"], answer["reason"])

    def allows(self, application: str | None = OPEN, **known: Any) -> None:
        verdict = self.ask(application, **known)
        assert verdict == Verdict(allowed=True, reason="allowed")

    def denies(self, reason: str | None, application: str | None = OPEN, **known: Any) -> None:
        """Ask, and fail the case unless the answer is no, for this reason if there is one."""
        verdict = self.ask(application, **known)
        assert not verdict.allowed, f"{application or known} may be captured"
        if reason is not None:
            assert verdict.reason == reason

    def show(self) -> dict[str, Any]:
        answer = self.call("show")
        assert answer["ok"], answer
        return answer

    def pause(self, minutes: int) -> None:
        assert self.call("pause", minutes=minutes)["ok"]

    def resume(self) -> None:
        assert self.call("resume")["ok"]

    def moved(self, cohort: str) -> None:
        """Say as its owner, on the device, that they work there now."""
        assert self.call("moved", cohort=cohort)["ok"]

    def hold(self, application: str, first: datetime, last: datetime) -> bool:
        """Have the device hold a batch for upload; say whether it kept it."""
        answer = self.call(
            "hold",
            application=application,
            kind="keystrokes",
            **{"from": format_time(first), "until": format_time(last)},
        )
        assert answer["ok"], answer
        return bool(answer["kept"])

    def restart(self) -> None:
        """End the agent and start it again: what is not in its folder is gone."""
        assert self.call("restart")["ok"]

    def reboot(self, *, up_seconds: float = 5.0) -> None:
        self.clock.boot += "-next"
        self.clock.steady = up_seconds
        self.restart()

    def files(self) -> list[Path]:
        """Return the files of its folder that hold something, by name."""
        found = self.state.rglob("*")
        return sorted(path for path in found if path.is_file() and path.stat().st_size)

    def losing_each_file(self, lose: Callable[[Path], None] = Path.unlink) -> Iterator[Path]:
        """Restart without one file after the other; after each the folder is as it was."""
        self.restart()
        whole = shutil.copytree(self.state, self.state.with_name(f"{self.state.name}-whole"))
        for path in self.files():
            lose(path)
            yield path
            self.restart()
            shutil.rmtree(self.state)
            shutil.copytree(whole, self.state)

    def last_poll(self) -> Request:
        polls = [asked for asked in self.portal.requests if asked.path == "policy"]
        return polls[-1]

    def acknowledgements(self) -> list[dict[str, Any]]:
        """Return what this device confirmed; a signature by another key fails the case."""
        public = read_public_jwk(self.portal.public_keys[self.id])
        statements = []
        for body in self.portal.bodies("POST", "acknowledgements"):
            payload = verify_with_key(body["jws"], typ="acknowledgement+jws", public_key=public)
            statements.append(parse_json(payload))
        return statements  # type: ignore[return-value]  # objects, or the case fails on them
