"""A day of an agent, from two short runs; and that the relay counts what passes."""

import http.client
import ssl
from collections.abc import Iterator

import pytest

from tests.agent.simulated_portal import SigningDesk, SimulatedPortal
from tests.bench.agent import Cost, Usage
from tests.bench.agent_alone import needed_by
from tests.bench.relay import Relay


def used(*, polls: int, cpu_seconds: float, seconds: float = 60.0, wire: int = 0) -> Usage:
    return Usage(
        seconds=seconds, polls=polls, cpu_seconds=cpu_seconds, bytes_on_wire=wire,
        bytes_of_http=0, bytes_on_disk=0, wake_ups=0, memory_kb=0,
    )  # fmt: skip


def test_being_there_and_asking_are_told_apart():
    seldom = used(polls=1, cpu_seconds=60 * 0.0001 + 1 * 0.004)
    often = used(polls=12, cpu_seconds=60 * 0.0001 + 12 * 0.004, wire=12 * 1500)

    cost = Cost.between(seldom, often)

    assert cost.cpu_a_second == pytest.approx(0.0001)
    assert cost.cpu_a_poll == pytest.approx(0.004)
    assert cost.cpu_a_day(interval=50) == pytest.approx(8.64 + 1728 * 0.004)
    assert cost.bytes_a_day(interval=30) == pytest.approx(2880 * 1500)


def test_noise_makes_no_negative_cost():
    cost = Cost.between(used(polls=1, cpu_seconds=0.001), used(polls=12, cpu_seconds=0.1))

    assert cost.cpu_a_second == 0
    assert cost.cpu_a_poll == pytest.approx(0.1 / 12)


def test_the_relay_counts_what_passes_with_tls_and_without(tmp_path, simulated_portal):
    with Relay(tmp_path, simulated_portal.server_address[1]) as relay:
        context = ssl.create_default_context(cafile=relay.certificate)
        connection = http.client.HTTPSConnection("localhost", relay.port, context=context)
        headers = {"Authorization": "Bearer token-1"}
        connection.request("GET", "/agent/v1/policy", headers=headers)
        answer = connection.getresponse()
        length = len(answer.read())
        connection.close()

    assert answer.status == 200
    assert len(relay.traffic.asked_at) == 1
    assert length < relay.traffic.http < length + 1500
    assert relay.traffic.http + 1000 < relay.traffic.on_wire < relay.traffic.http + 5000


@pytest.fixture
def simulated_portal() -> Iterator[SimulatedPortal]:
    portal = SimulatedPortal(SigningDesk())
    yield portal
    portal.stop()


def test_knows_what_the_agent_needs_and_no_more():
    needed = needed_by("consent-agent")

    assert {"consent-agent", "httpx", "anyio", "cryptography", "cffi"} <= needed
    assert not {"django", "rich", "pytest", "uvloop"} & needed
