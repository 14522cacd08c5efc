"""Puts one run together: devices, connections, checks, what is watched, and the report."""

import asyncio
import http.client
import json
import resource
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet
from consent_fleet.addresses import Target
from consent_fleet.checking import Checker
from consent_fleet.devices import MAX_DEVICES, Device, write_devices
from consent_fleet.enrolling import enrol_all, read_codes
from consent_fleet.fleet import Fleet
from consent_fleet.flooding import flood
from consent_fleet.polling import poll_for_a_while, settle
from consent_fleet.pool import Pool
from consent_fleet.tally import Tally
from consent_fleet.tray import Tray
from consent_fleet.waiting import CONNECTING_AT_ONCE, Change, Surroundings, wait_for_a_while
from consent_fleet.watching import Watched

JWKS = "/.well-known/jwks.json"
NO_KEYS = KeySet({})
SPARE_FILES = 64
TRAY_CONNECTIONS = 8
# Nobody presses at the end, so that what was pressed can be confirmed.
QUIET_END_SECONDS = 5.0


class PortalAway(Exception):
    """The portal did not answer before anything began."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done; the fields are the options of the command."""

    target: Target
    api: Target
    mode: str
    seconds: float
    period: float
    start_within: float
    connections: int
    check_one_in: int
    wait_seconds: int
    press_every: float
    path: str
    expected: int
    events: Path | None
    watched: Sequence[int]
    file: Path
    codes: Path | None
    keys: Path | None


async def run(order: Order, devices: Sequence[Device]) -> dict[str, Any]:
    """Do it, and return the report.

    Raises:
        PortalAway: no keys could be fetched, or no connection could be made.
    """
    _allow_files(len(devices) if order.mode == "wait" else order.connections)
    tally, stop = Tally(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watched = [Watched(pid) for pid in order.watched]
    began, cpu = time.monotonic(), time.process_time()
    watching = asyncio.create_task(_watch(watched, began))
    try:
        await _work(order, devices, tally, stop)
    finally:
        watching.cancel()
    seconds = time.monotonic() - began
    return {
        "mode": order.mode,
        "devices": len(devices),
        "seconds": round(seconds, 2),
        "own_core": round((time.process_time() - cpu) / seconds, 3),
        **tally.summary(),
        "watched": [one.summary() for one in watched],
    }


async def _work(order: Order, devices: Sequence[Device], tally: Tally, stop: asyncio.Event) -> None:
    checks = order.mode in CHECKED
    checker = Checker(_keys(order) if checks else NO_KEYS)
    fleet = Fleet(devices, _pool(order, tally), checker, tally, stop)
    try:
        await fleet.pool.open()
    except OSError as error:
        raise PortalAway(f"no connection to the portal: {error}") from None
    try:
        await WORK[order.mode](order, fleet)
    finally:
        fleet.pool.close()


def _pool(order: Order, tally: Tally) -> Pool:
    """Return what requests share; those who wait have connections of their own beside it."""
    if order.mode == "wait":
        return Pool(order.api, tally, size=TRAY_CONNECTIONS)
    return Pool(order.target, tally, size=order.connections, once=order.mode == "enrol")


async def _poll(order: Order, fleet: Fleet) -> None:
    _choose_sample(order, fleet)
    await poll_for_a_while(
        fleet, seconds=order.seconds, period=order.period, start_within=order.start_within
    )


async def _flood(order: Order, fleet: Fleet) -> None:
    await flood(
        fleet, path=order.path, connections=order.connections, expected=order.expected,
        seconds=order.seconds,
    )  # fmt: skip


async def _enrol(order: Order, fleet: Fleet) -> None:
    assert order.codes is not None  # noqa: S101 (the command asks for it)
    codes = read_codes(order.codes, most=MAX_DEVICES)
    enrolled = await enrol_all(fleet, codes, seconds=order.seconds, at_once=order.connections)
    write_devices(order.file, enrolled)


async def _wait(order: Order, fleet: Fleet) -> None:
    _choose_sample(order, fleet)
    began = time.monotonic()
    events = Events(order.events)
    tray = Tray(fleet, lambda device, at: events.note("confirmed", device, at))
    tasks = [
        asyncio.create_task(events.write_for_ever()),
        asyncio.create_task(_sweep_for_ever(fleet.pool)),
    ]

    def on_change(change: Change) -> None:
        held = fleet.checker.held_by(change.device)
        events.note("changed", change.device, change.at, state=held.policy.state if held else None)
        tray.take(change)

    def on_all_waiting(at: float) -> None:
        events.note("all waiting", None, at)
        if order.press_every:
            with_keys = [device for device in fleet.devices if device.key]
            until = began + order.seconds - min(QUIET_END_SECONDS, order.seconds / 4)
            pressing = tray.press_in_turn(with_keys, every=order.press_every, until=until)
            tasks.append(asyncio.create_task(pressing))

    around = Surroundings(
        target=order.target, checker=fleet.checker, tally=fleet.tally, on_change=on_change,
        gate=asyncio.Semaphore(CONNECTING_AT_ONCE), wait_seconds=order.wait_seconds,
    )  # fmt: skip
    try:
        await wait_for_a_while(
            fleet, around, seconds=order.seconds, start_within=order.start_within,
            on_all_waiting=on_all_waiting,
        )  # fmt: skip
        await settle(fleet.pool)
    finally:
        for task in tasks:
            task.cancel()
        events.write()


WORK = {"poll": _poll, "wait": _wait, "flood": _flood, "enrol": _enrol}
CHECKED = frozenset({"poll", "wait"})


def _choose_sample(order: Order, fleet: Fleet) -> None:
    """Check every n-th device, and those that confirm: they must know what they confirm."""
    every = order.check_one_in
    numbered = enumerate(fleet.devices)
    fleet.checker.choose(device for n, device in numbered if n % every == 0 or device.key)


class Events:
    """What happened to waiting devices, as lines of JSON in a file, a moment later.

    `{"what": "all waiting" | "changed" | "confirmed", "at": <monotonic>, "device": ...}`.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lines: list[str] = []

    def note(
        self, what: str, device: Device | None, at: float, *, state: str | None = None
    ) -> None:
        if self._file is not None:
            said = {"what": what, "at": at, "device": device.id if device else None}
            self._lines.append(json.dumps(said | ({"state": state} if state else {})) + "\n")

    def write(self) -> None:
        lines, self._lines = self._lines, []
        if lines and self._file is not None:
            with self._file.open("a", encoding="ascii") as file:
                file.writelines(lines)

    async def write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.write()


async def _sweep_for_ever(pool: Pool) -> None:
    while True:
        await asyncio.sleep(1)
        pool.sweep()


async def _watch(watched: Sequence[Watched], began: float) -> None:
    while watched:
        for one in watched:
            one.sample(began)
        await asyncio.sleep(1)


def _keys(order: Order) -> KeySet:
    """Return the keys of the file, or those that the portal publishes."""
    try:
        published = order.keys.read_bytes() if order.keys else _fetch(order.api, JWKS)
        document = parse_json(published)
        if not isinstance(document, dict):
            raise PortalAway("the portal published no keys")
        return KeySet.from_jwks(document)
    except (OSError, http.client.HTTPException, DocumentRefused) as error:
        raise PortalAway(f"the portal's keys can't be read: {error}") from None


def _fetch(target: Target, path: str) -> bytes:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _allow_files(connections: int) -> None:
    """Raise the limit of open files as far as the system lets us; refuse what goes beyond."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise OSError(f"{needed:,} files have to be open, and the system allows {hard:,}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
