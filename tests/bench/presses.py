"""From the press of pause to the signed policy, to the device that has it, to its confirmation.

All over HTTP, as the button in the device's tray does it: polls are held by the process that serves
devices, presses and confirmations go to the one that serves the rest (docs/operations.md).
"""

from consent_fleet.running import QUIET_END_SECONDS
from tests.bench.bench import Bench
from tests.bench.figures import milliseconds, table
from tests.bench.fleets import run_fleet
from tests.bench.outcome import Figure, Outcome

WAITING = 1000
PRESSES = 200
EVERY_SECONDS = 0.1
START_WITHIN = 4
NAMES = {
    "press to answer": "press to signed, committed and answered",
    "press to new policy": "press to the new policy at the device",
    "press to confirmation": "press to the device's confirmation",
}


def measure_presses(bench: Bench) -> Outcome:
    """Let devices wait, and their people pause and resume in turn."""
    fleet = bench.fleet(bench.size(WAITING))
    presses = bench.size(PRESSES)
    file = bench.file(fleet, confirming=presses)
    seconds = START_WITHIN + 2 + QUIET_END_SECONDS + presses * EVERY_SECONDS * 2
    options = ["--mode", "wait", "--minutes", str(seconds / 60), "--check-one-in", "50"]
    options += ["--start-within", str(START_WITHIN), "--press-every", str(EVERY_SECONDS)]
    with bench.device_server() as server, bench.page_server(pinned=False) as api:
        report = run_fleet(server.url, file, len(fleet), "--api-url", api.url, *options)
    outcome = Outcome(f"Pauses: pressed in the tray while {len(fleet):,} agents wait")
    outcome.add_errors(report["errors"])
    times = report["times"]
    rows = [
        [words, f"{times[name]['count']:,}", *_milliseconds(times[name])]
        for name, words in NAMES.items()
    ]
    outcome.tables.append(table(["over HTTP", "times", "p50 ms", "p95 ms", "p99 ms"], rows))
    served = times["press to new policy"]["p50"] * 1000
    outcome.figures = [Figure.at_most("press to new policy: median, ms", served, 50)]
    return outcome


def _milliseconds(spread: dict[str, float]) -> list[str]:
    return [milliseconds(spread[name]) for name in ("p50", "p95", "p99")]
