"""Fixtures of the agent's tests: clocks that tests set, keys, documents, gates and portals."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent import loop, pausing
from consent_agent.acceptance import AcceptedPolicy, Floors, SignedDocuments, accept
from consent_agent.clock import Instant
from consent_agent.gate import Gate, HeldPolicy
from consent_agent.pacing import BackOff
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.matching import Register
from consent_agent.state import Enrolment, State, StoredPolicy
from tests.agent.simulated_portal import (
    COHORT,
    DEVICE,
    NOON,
    REGISTER_DIGEST,
    REGISTER_DOCUMENT,
    SigningDesk,
    SimulatedPortal,
    filter_document,
)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, wall: datetime = NOON) -> None:
        self.reading = Instant(wall, 1000.0, "boot-1")

    def now(self) -> Instant:
        return self.reading

    def pass_time(self, **duration: float) -> None:
        """Let time pass on both clocks."""
        self.set_wall(**duration)
        self.set_steady(**duration)

    def set_wall(self, **duration: float) -> None:
        wall = self.reading.wall + timedelta(**duration)
        self.reading = self.reading._replace(wall=wall)

    def set_steady(self, **duration: float) -> None:
        steady = self.reading.steady + timedelta(**duration).total_seconds()
        self.reading = self.reading._replace(steady=steady)

    def reboot(self, *, up_seconds: float = 5.0) -> None:
        self.reading = self.reading._replace(steady=up_seconds, boot="boot-2")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def register() -> Register:
    return Register.from_document(REGISTER_DOCUMENT)


@pytest.fixture(scope="session")
def desk() -> SigningDesk:
    return SigningDesk()


@pytest.fixture
def keys(desk: SigningDesk) -> KeySet:
    return KeySet.from_jwks(desk.jwks)


@pytest.fixture
def make_accepted(desk: SigningDesk, keys: KeySet) -> Callable[..., AcceptedPolicy]:
    def make(**changes: Any) -> AcceptedPolicy:
        signed = desk.sign_documents(**changes)
        return accept(signed, keys=keys, device=DEVICE, floors=Floors(), now=NOON)

    return make


@pytest.fixture
def make_gate(
    clock: SetClock, register: Register, make_accepted: Callable[..., AcceptedPolicy]
) -> Callable[..., Gate]:
    """Make a gate that received its policy just now; `changes` as `SigningDesk.sign_documents`.

    `protected` are the entries of the counterparty filter that the ceiling names, if it does;
    `place` is where the device knows its owner to work.
    """

    def make(
        *, protected: Sequence[str] | None = None, place: str = COHORT, **changes: Any
    ) -> Gate:
        counterparties = None
        if protected is not None:
            document = filter_document(*protected)
            counterparties = CounterpartyFilter.from_document(document)
            changes["ceiling"] = {"counterparties": content_digest(document)}
        accepted = make_accepted(**changes)
        gate = Gate(clock)
        held = HeldPolicy(
            accepted, register, clock.now(), place=place, counterparties=counterparties
        )
        gate.swap(held)
        return gate

    return make


@pytest.fixture
def make_state(tmp_path: Path, desk: SigningDesk) -> Callable[..., State]:
    def make(portal_url: str = "http://127.0.0.1:9", **changes: Any) -> State:
        members: dict[str, Any] = {
            "portal_url": portal_url,
            "policy_url": f"{portal_url}/agent/v1/policy",
            "device_id": DEVICE,
            "token": "token-1",
            "jwks": desk.jwks,
            "private": Ed25519PrivateKey.generate(),
        }
        return State.create(tmp_path / "state", Enrolment(**(members | changes)))

    return make


@pytest.fixture
def make_stored_policy(
    make_state: Callable[..., State], clock: SetClock, desk: SigningDesk, keys: KeySet
) -> Callable[..., State]:
    """Make a state folder whose policy was received just now."""

    def make(signed: SignedDocuments | None = None) -> State:
        state = make_state()
        signed = signed or desk.sign_documents()
        accepted = accept(signed, keys=keys, device=DEVICE, floors=Floors(), now=NOON)
        state.write_register(REGISTER_DIGEST, REGISTER_DOCUMENT)
        floors = accepted.raise_floors(Floors())
        state.say_place(accepted.ceiling.cohort)
        state.write_policy(StoredPolicy(signed, '"1"', clock.now()), floors)
        return state

    return make


@pytest.fixture
def portal(desk: SigningDesk) -> Iterator[SimulatedPortal]:
    portal = SimulatedPortal(desk)
    yield portal
    portal.stop()


@pytest.fixture
def restart_portal(desk: SigningDesk) -> Iterator[Callable[[SimulatedPortal], SimulatedPortal]]:
    """Serve again on the port of a portal that was stopped."""
    started: list[SimulatedPortal] = []

    def restart(stopped: SimulatedPortal) -> SimulatedPortal:
        started.append(partial(SimulatedPortal, desk)(port=stopped.server_address[1]))
        return started[-1]

    yield restart
    for portal in started:
        portal.stop()


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a running agent retry at once, so that tests need not sleep."""
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: 0.02)
    monkeypatch.setattr(pausing, "REPORT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(loop, "WATCH_SECONDS", 0.01)
