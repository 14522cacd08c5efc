"""`--agent`, and a device with its portal for each case."""

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract import AgentCommand
from conformance.device import USUAL_POLICY, Device, InjectedClock
from conformance.documents import SigningDesk
from conformance.portal import SimulatedPortal

OUR_AGENT = [sys.executable, "-m", "conformance.our_agent"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--agent", metavar="COMMAND", help="the agent to test, see README.md; ours if not given"
    )


@pytest.fixture(scope="session")
def agent(request: pytest.FixtureRequest) -> Iterator[AgentCommand]:
    command = request.config.getoption("--agent")
    if command:
        agent = AgentCommand(shlex.split(command))
    else:  # from the folder where it is found, installed or not
        agent = AgentCommand(OUR_AGENT, folder=Path(__file__).parents[1])
    yield agent
    agent.close()


@pytest.fixture
def clock() -> InjectedClock:
    return InjectedClock()


@pytest.fixture
def desk() -> SigningDesk:
    return SigningDesk()


@pytest.fixture
def portal(desk: SigningDesk, clock: InjectedClock) -> Iterator[SimulatedPortal]:
    portal = SimulatedPortal(desk, clock=lambda: clock.true)
    yield portal
    portal.stop()


@pytest.fixture
def make_device(
    agent: AgentCommand, portal: SimulatedPortal, clock: InjectedClock, tmp_path: Path
) -> Callable[[], Device]:
    """Make a device that is not enrolled, with a folder of its own."""
    count = 0

    def make() -> Device:
        nonlocal count
        count += 1
        return Device(agent, portal, tmp_path / f"device-{count}", clock)

    return make


@pytest.fixture
def device(make_device: Callable[[], Device]) -> Device:
    """Return an enrolled device without a policy."""
    device = make_device()
    answer = device.enrol()
    assert answer["ok"], answer
    return device


@pytest.fixture
def working(device: Device) -> Device:
    """Return a device with the usual policy in force, just received."""
    device.portal.publish(**USUAL_POLICY)
    device.takes_policy()
    return device
