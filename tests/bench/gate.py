"""How long the agent's gate takes to answer one question."""

import time
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from consent_agent.acceptance import Floors, accept
from consent_agent.clock import SystemClock
from consent_agent.gate import Gate, HeldPolicy
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.decision import Reason
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.matching import Application, Register
from tests.agent.simulated_portal import (
    DEVICE,
    REGISTER_DOCUMENT,
    SigningDesk,
    deny,
    filter_document,
    filter_members,
)
from tests.bench.figures import percentile, table

QUESTIONS = 20_000
WARM_UP = 1_000
RESTRICTIONS = 100
PAGES = 500
TARGET_MICROSECONDS = 5.0
APPLICATION = "an application"
RESTRICTED = "an application that is restricted"
ANOTHER = "another application each time"
SHARED_WITH = ["anna@partner.example", "sam@example.com", "dana@example.com"]

Question = Mapping[str, Any]


def measure_gate() -> dict[str, list[float]]:
    """Ask each kind of question many times; return the microseconds that each answer took.

    The register is the shipped one. Of the restrictions each is about one application; the filter
    holds a thousand addresses. What reading the time itself takes is in the figures.
    """
    register = Register.from_document(REGISTER_DOCUMENT)
    gate = _make_gate(register)
    return {
        name: _ask(gate, questions, expected=expected)
        for name, (questions, expected) in _questions(register).items()
    }


def _make_gate(register: Register) -> Gate:
    clock, desk = SystemClock(), SigningDesk()
    now = clock.now()
    held_back = [
        deny(id=f"restriction-{number:03}", source="preference", applications=[row.slug])
        for number, row in enumerate(_captured(register)[:RESTRICTIONS])
    ]
    people = [f"person{number}@example.eu" for number in range(1000)]
    protected = filter_document(replaced=filter_members(*people, bits=65_536))
    signed = desk.sign_documents(
        policy={"deny": held_back},
        ceiling={"counterparties": content_digest(protected)},
        freshness={"issued_at": now.wall},
    )
    keys = KeySet.from_jwks(desk.jwks)
    accepted = accept(signed, keys=keys, device=DEVICE, floors=Floors(), now=now.wall)
    gate = Gate(clock)
    # Received a moment later than issued, as on every network.
    time.sleep(0.01)
    counterparties = CounterpartyFilter.from_document(protected)
    place = accepted.ceiling.cohort
    gate.swap(
        HeldPolicy(accepted, register, clock.now(), place=place, counterparties=counterparties)
    )
    return gate


def _captured(register: Register) -> list[Application]:
    return [row for row in register.applications if not row.excluded and not row.communication]


def _questions(register: Register) -> dict[str, tuple[list[Question], Reason]]:
    rows = _captured(register)
    page = {"application": "google-chrome", "kind": "keystrokes", "counterparties": []}
    field = {"window_title": "Plan for next week", "field": "tag=input;type=text;name=q"}
    return {
        APPLICATION: (
            [{"application": rows[RESTRICTIONS + 50].slug, "kind": "keystrokes"}],
            Reason.ALLOWED,
        ),
        RESTRICTED: (
            [{"application": rows[50].slug, "kind": "keystrokes"}],
            Reason.PREFERENCE,
        ),
        ANOTHER: (
            [{"application": row.slug, "kind": "mouse_click"} for row in rows[RESTRICTIONS:]],
            Reason.ALLOWED,
        ),
        "a page, its title and field": (
            [page | field | {"url": "https://github.com/example/project/issues/1?tab=2"}],
            Reason.ALLOWED,
        ),
        "another page each time": (
            [
                page | field | {"url": f"https://github.com/example/project/issues/{number}"}
                for number in range(PAGES)
            ],
            Reason.ALLOWED,
        ),
        "a message, shared with three": (
            [{"application": "slack", "kind": "keystrokes", "counterparties": SHARED_WITH}],
            Reason.ALLOWED,
        ),
        "a message, shared with three others each time": (
            [
                {
                    "application": "slack",
                    "kind": "keystrokes",
                    "counterparties": [f"{number}@partner.example", *SHARED_WITH[1:]],
                }
                for number in range(PAGES)
            ],
            Reason.ALLOWED,
        ),
    }


def _ask(gate: Gate, questions: list[Question], *, expected: Reason) -> list[float]:
    """Ask in turn.

    Raises:
        RuntimeError: an answer is another than expected.
    """
    took, now = [], time.perf_counter_ns
    for question in islice(cycle(questions), WARM_UP + QUESTIONS):
        began = now()
        verdict = gate.may_capture(**question)
        took.append((now() - began) / 1000)
        if verdict.reason is not expected:
            raise RuntimeError(f"{question} was answered {verdict.reason}")
    return took[WARM_UP:]


def gate_table(took: dict[str, list[float]]) -> str:
    head = [f"May this be captured? {QUESTIONS:,} times each", "median us", "p99 us"]
    rows = [
        [name, f"{percentile(times, 50):.2f}", f"{percentile(times, 99):.2f}"]
        for name, times in took.items()
    ]
    return table(head, rows)
