"""Devices that ask every so often, each at its own time: an open loop.

A device's next poll is due at its time, whether or not the portal has answered others. What an
answer took is counted from when the poll was due, not from when a connection was free for it: a
portal that stands still for a second is late for all who would have asked in it.
"""

import asyncio
import heapq
import random
import time
from functools import partial
from typing import Final

from consent_agent.protocol.errors import DocumentRefused
from consent_fleet.checking import Refused
from consent_fleet.devices import Device
from consent_fleet.fleet import Fleet
from consent_fleet.http import Answer, Malformed
from consent_fleet.pool import ANSWER_SECONDS, Call, Pool

TICK_SECONDS: Final = 0.001
SWEEP_SECONDS: Final = 1.0
JITTER: Final = 0.1
"""Share of the period by which each poll is earlier or later than the last one's time says."""


async def poll_for_a_while(
    fleet: Fleet, *, seconds: float, period: float, start_within: float
) -> None:
    """Let each device poll about every `period` seconds, the first time within `start_within`."""
    devices, tally = fleet.devices, fleet.tally
    began = time.monotonic()
    chance = random.Random()  # noqa: S311 (nothing secret)
    due = [(began + chance.uniform(0, start_within), number) for number in range(len(devices))]
    heapq.heapify(due)
    swept = began
    while not fleet.stop.is_set() and (now := time.monotonic()) < began + seconds:
        while due[0][0] <= now:
            at, number = due[0]
            device = devices[number]
            if device.not_before > now:
                again = device.not_before + chance.uniform(0, 1)
            else:
                _poll(fleet, device, due=at)
                tally.time("sent late by", now - at)
                again = at + period * chance.uniform(1 - JITTER, 1 + JITTER)
            heapq.heapreplace(due, (again, number))
        if now - swept > SWEEP_SECONDS:
            swept = now
            fleet.pool.sweep()
        await tick()
    tally.measured_seconds = time.monotonic() - began
    await settle(fleet.pool)


async def tick() -> None:
    """Let answers come in for a moment."""
    await asyncio.sleep(TICK_SECONDS)


async def settle(pool: Pool) -> None:
    """Wait for what is outstanding, as long as an answer may take."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while pool.outstanding and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


def _poll(fleet: Fleet, device: Device, *, due: float) -> None:
    taken = partial(_take, fleet, device, due)
    fleet.pool.submit(Call(device.request(), taken, fleet.tally.error))


def _take(fleet: Fleet, device: Device, since: float, answer: Answer, at: float) -> None:
    """Note how long the answer took, and whether it was good."""
    tally = fleet.tally
    tally.time(f"poll, {answer.status}", at - since)
    if answer.retry_after:
        device.not_before = at + answer.retry_after
        tally.count("told when to ask again")
    try:
        if fleet.checker.take(device, answer):
            tally.count("checked by the agent's acceptance")
    except (Refused, Malformed) as error:
        tally.error(error.kind)
    except DocumentRefused as refused:
        tally.error(f"document refused: {refused.code}")
