"""The command: `python -m consent_fleet --url http://127.0.0.1:8000 --file devices.jsonl`.

Reads arguments, refuses what is out of bounds, and prints what came of it: lines for people, or
JSON. All work is done elsewhere in this package. Ends with status 1 when there were errors.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from consent_fleet.addresses import NotLoopback, Target
from consent_fleet.devices import MAX_DEVICES, UnusableFile, read_devices
from consent_fleet.reporting import lines_of
from consent_fleet.running import Order, PortalAway, run

LONGEST_MINUTES = 60.0
MOST_A_SECOND = 20_000
MOST_CONNECTIONS = 4096
MODES = ("poll", "wait", "flood", "enrol")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    try:
        enrols = options.mode == "enrol"
        devices = [] if enrols else read_devices(options.file, most=options.devices)
        target = Target.of(options.url, sources=options.sources)
        api = Target.of(options.api_url or options.url)
        report = asyncio.run(
            run(_order(options, target, api), devices), loop_factory=_event_loop_factory()
        )
    except (NotLoopback, UnusableFile, PortalAway, OSError) as error:
        print(f"consent_fleet: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report) if options.json else "\n".join(lines_of(report)), flush=True)
    return 1 if report["errors"] else 0


def _order(options: argparse.Namespace, target: Target, api: Target) -> Order:
    start_within = options.start_within
    if start_within is None:
        start_within = options.period if options.mode == "poll" else max(2, options.devices / 1000)
    return Order(
        target=target,
        api=api,
        mode=options.mode,
        seconds=options.minutes * 60,
        period=options.period,
        start_within=start_within,
        connections=options.connections,
        check_one_in=options.check_one_in,
        wait_seconds=options.wait_seconds,
        press_every=options.press_every,
        path=options.path,
        expected=options.expect,
        events=options.events,
        watched=tuple(options.watch),
        file=options.file,
        codes=options.codes,
        keys=options.keys,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m consent_fleet", description=__doc__)
    add = parser.add_argument
    add("--url", required=True, help="the portal: http:// and a loopback address")
    add("--api-url", help="where pauses and confirmations go; the portal's, if left out")
    add("--file", type=Path, required=True, help="the devices, see consent_fleet/devices.py")
    add("--devices", type=int, default=1000, help="how many of them, at most 200,000")
    add("--mode", choices=MODES, default="poll")
    add("--minutes", type=float, default=1.0, help="how long, at most 60")
    add("--period", type=float, default=30.0, help="seconds between two polls of a device")
    add("--start-within", type=float, help="seconds within which all begin; 0 for all at once")
    add("--connections", type=int, default=256, help="that polls share")
    add("--sources", type=int, default=8, help="addresses 127.0.0.x that connections come from")
    add("--check-one-in", type=int, default=100, help="devices whose answers are checked wholly")
    add("--wait-seconds", type=int, default=50, help="N of Prefer: wait=N")
    add("--press-every", type=float, default=0.0, help="seconds between two presses of pause")
    add("--path", default="/agent/v1/policy", help="what a flood asks for")
    add("--expect", type=int, default=304, help="the status that a flood must be answered with")
    add("--codes", type=Path, help="enrol by the codes of this file, and write --file")
    add("--keys", type=Path, help="the portal's published keys; asked for, if left out")
    add("--events", type=Path, help="write what devices were told, and when, to this file")
    add("--watch", type=int, action="append", default=[], metavar="PID", help="sample its memory")
    add("--json", action="store_true")
    options = parser.parse_args(arguments)
    problem = _problem(options)
    if problem:
        parser.error(problem)
    return options


def _problem(options: argparse.Namespace) -> str | None:
    """Return what is out of bounds: nothing here may run for ever or fill the machine."""
    within = {
        "--devices": 1 <= options.devices <= MAX_DEVICES,
        "--minutes": 0 < options.minutes <= LONGEST_MINUTES,
        "--period": 1 <= options.period <= 3600,
        "--start-within": options.start_within is None or 0 <= options.start_within <= 3600,
        "--connections": 1 <= options.connections <= MOST_CONNECTIONS,
        "--sources": options.sources >= 1,
        "--check-one-in": options.check_one_in >= 1,
        "--wait-seconds": 1 <= options.wait_seconds <= 55,
        "--press-every": options.press_every == 0 or options.press_every >= 0.01,
    }
    wrong = [name for name, is_within in within.items() if not is_within]
    if wrong:
        return f"out of bounds: {', '.join(wrong)}"
    if options.mode == "poll" and options.devices / options.period > MOST_A_SECOND:
        return f"more than {MOST_A_SECOND:,} polls a second"
    if options.press_every and options.mode != "wait":
        return "people press pause on devices that wait"
    if (options.mode == "enrol") != (options.codes is not None):
        return "to enrol takes --mode enrol and --codes"
    return None


def _event_loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop  # noqa: PLC0415 (no dependency of the agent)
    except ImportError:
        return None
    return uvloop.Loop
