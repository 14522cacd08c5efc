"""Devices that hold a poll each until something changes: one connection a device.

Each asks without waiting first, then with `Prefer: wait=N`, again and again. What it is told that
is new is noted with the time at which it was there (`time.monotonic`, which is the same clock for
all processes of a Linux machine), so that whoever caused the change can tell how long it took.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from consent_agent.protocol.errors import DocumentRefused
from consent_fleet.addresses import Target
from consent_fleet.checking import OK, Checker, Refused
from consent_fleet.devices import Device
from consent_fleet.fleet import Fleet
from consent_fleet.http import Answer, Connection, Malformed
from consent_fleet.tally import Tally

WAIT_SECONDS: Final = 50
LATE_SECONDS: Final = 10.0
"""How much longer than it was asked to wait the portal may take."""
EARLY_SECONDS: Final = 1.0
AGAIN_WITHIN_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 2.0
CONNECTING_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """Something new that a device was told, and when it was there."""

    device: Device
    at: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all that wait share."""

    target: Target
    checker: Checker
    tally: Tally
    gate: asyncio.Semaphore
    on_change: Callable[[Change], None]
    wait_seconds: int


class Waiter:
    """One device with its connection."""

    __slots__ = ("_around", "_asked", "_closed", "_connection", "_device", "_number", "_waits")

    def __init__(self, device: Device, number: int, around: Surroundings) -> None:
        self._device = device
        self._number = number
        self._around = around
        self._connection: Connection | None = None
        self._asked = 0.0
        self._waits = False
        self._closed = False

    @property
    def is_waiting(self) -> bool:
        return self._waits and self._connection is not None

    def begin(self) -> None:
        """Connect and ask."""
        asyncio.get_running_loop().create_task(self._connect())

    def begin_later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.begin)

    def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            self._connection.drop(None)

    def sweep(self, now: float) -> None:
        """Give up an answer that is overdue."""
        longest = LATE_SECONDS + (self._around.wait_seconds if self._waits else 0)
        connection = self._connection
        if connection is not None and connection.busy and now - self._asked > longest:
            connection.drop("no answer in time")

    async def _connect(self) -> None:
        around = self._around
        async with around.gate:
            if self._closed:
                return
            try:
                async with asyncio.timeout(LATE_SECONDS):
                    _, self._connection = await asyncio.get_running_loop().create_connection(
                        lambda: Connection(self._on_answer, self._on_end),
                        around.target.host,
                        around.target.port,
                        local_addr=around.target.source(self._number),
                    )
            except OSError as error:  # TimeoutError is one
                around.tally.error(f"no connection: {type(error).__name__}")
                self._again_later(0.0)
                return
        self._ask()

    def _ask(self) -> None:
        if self._connection is None or self._closed:
            return
        self._waits = bool(self._device.etag)
        self._asked = time.monotonic()
        self._connection.send(self._device.request(wait=self._around.wait_seconds))

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        now = time.monotonic()
        around, waited = self._around, self._waits
        try:
            if around.checker.take(self._device, answer):
                around.tally.count("checked by the agent's acceptance")
        except (Refused, Malformed) as error:
            around.tally.error(error.kind)
            self._again_later(answer.retry_after)
            return
        except DocumentRefused as refused:
            around.tally.error(f"document refused: {refused.code}")
            self._device.etag = ""
            self._again_later(0.0)
            return
        self._note(answer, now, waited=waited)
        if (answer.header(b"connection") or "").lower() == "close":
            connection.drop(None)
        elif waited and answer.status != OK and now - self._asked < EARLY_SECONDS:
            # A portal that does not hold polls must not be hammered.
            around.tally.count("answered early without news")
            self._again_later(0.0)
        else:
            self._ask()

    def _note(self, answer: Answer, now: float, *, waited: bool) -> None:
        if not waited:
            self._around.tally.time("first poll", now - self._asked)
        elif answer.status == OK:
            self._around.tally.count("told of a change while waiting")
            self._around.on_change(Change(self._device, now))
        else:
            self._around.tally.time("held without news", now - self._asked)

    def _on_end(self, connection: Connection, kind: str | None) -> None:
        self._connection = None
        self._waits = False
        if kind is not None:
            self._around.tally.error(kind)
        if not self._closed:
            self._again_later(0.0)

    def _again_later(self, least_seconds: float) -> None:
        """Ask again after a random moment, on a new connection if there is none."""
        if self._closed:
            return
        self._waits = False
        delay = least_seconds + random.uniform(0, AGAIN_WITHIN_SECONDS)  # noqa: S311
        if self._connection is None:
            self.begin_later(delay)
        else:
            asyncio.get_running_loop().call_later(delay, self._ask)


async def wait_for_a_while(
    fleet: Fleet,
    around: Surroundings,
    *,
    seconds: float,
    start_within: float,
    on_all_waiting: Callable[[float], None],
) -> None:
    """Let each device wait, beginning within `start_within` seconds; say once when all do."""
    began = time.monotonic()
    waiters = [Waiter(device, number, around) for number, device in enumerate(fleet.devices)]
    for waiter in waiters:
        waiter.begin_later(random.uniform(0, start_within))  # noqa: S311
    all_waited = False
    swept = began
    while not fleet.stop.is_set() and (now := time.monotonic()) < began + seconds:
        if not all_waited and all(waiter.is_waiting for waiter in waiters):
            all_waited = True
            around.tally.time("until all waited", now - began)
            on_all_waiting(now)
        if now - swept > SWEEP_SECONDS:
            swept = now
            for waiter in waiters:
                waiter.sweep(now)
        await asyncio.sleep(0.05)
    around.tally.measured_seconds = time.monotonic() - began
    around.tally.count("waiting at the end", sum(waiter.is_waiting for waiter in waiters))
    if not all_waited:
        around.tally.error("not all were waiting at any time")
    for waiter in waiters:
        waiter.close()
