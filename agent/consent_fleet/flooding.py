"""As many requests as the portal answers: each connection asks again as soon as it is answered.

A closed loop, which says what the most is and nothing of how long agents would wait. The answers'
status is checked, and nothing else.
"""

import asyncio
import time
from functools import partial
from itertools import cycle

from consent_fleet.devices import Device
from consent_fleet.fleet import Fleet
from consent_fleet.http import Answer
from consent_fleet.polling import SWEEP_SECONDS, settle
from consent_fleet.pool import Call


async def flood(
    fleet: Fleet, *, path: str, connections: int, expected: int, seconds: float
) -> None:
    """Ask for `path` with each device's headers in turn; `expected` is the only good status."""
    pool, tally, stop = fleet.pool, fleet.tally, fleet.stop
    turn = cycle([_request(device, path) for device in fleet.devices])
    until = time.monotonic() + seconds
    times = tally.times[f"answer, {expected}"]

    def ask() -> None:
        if time.monotonic() < until and not stop.is_set():
            began = time.monotonic()
            pool.submit(Call(next(turn), partial(taken, began), failed))

    def taken(began: float, answer: Answer, at: float) -> None:
        times.append(at - began)
        if answer.status != expected:
            tally.error(f"status {answer.status}")
        ask()

    def failed(kind: str) -> None:
        tally.error(kind)
        ask()

    for _ in range(connections):
        ask()
    while time.monotonic() < until and not stop.is_set():
        await asyncio.sleep(min(SWEEP_SECONDS, max(0.0, until - time.monotonic())))
        pool.sweep()
    tally.measured_seconds = time.monotonic() - until + seconds
    await settle(pool)


def _request(device: Device, path: str) -> bytes:
    policy = b"GET /agent/v1/policy "
    return device.request().replace(policy, b"GET " + path.encode("ascii") + b" ", 1)
