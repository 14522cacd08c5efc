"""Stands in for capturing software: asks the gate about invented events, and counts the answers.

    python invented_work.py STATE_FOLDER

It captures nothing and looks at nothing on this computer; the demo runs it so that the ledger of
its laptop has something to show. What it asks and counts is what real software would ask and count.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from consent_agent.cli import main as consent_agent
from consent_agent.errors import StateRefused
from consent_agent.gate import Gate
from consent_agent.ledger import Counter
from consent_agent.protocol.circumstances import Surroundings

PAUSE_SECONDS = 1.0
REPORT_SECONDS = 10.0
AT_THE_DESK = Surroundings(on_battery=False, metered=False, private_window=False)
KINDS = ("keystrokes", "mouse_click", "mouse_movement")
BROWSER = "google-chrome"


class Task(NamedTuple):
    """Something one does for a while, and about how many events that makes in a second."""

    application: str
    url: str | None = None
    field: str | None = None
    counterparties: Sequence[str] | None = None
    events: int = 4


TASKS = (
    Task("visual-studio-code", events=6),
    Task("visual-studio-code", events=6),
    Task("microsoft-excel"),
    Task("slack", counterparties=["sam@example.com"]),
    Task("slack"),  # with whom is not known
    Task(BROWSER, url="https://github.com/", counterparties=[]),
    Task(BROWSER, url="https://mail.google.com/", counterparties=["anna@partner.example"]),
    Task(BROWSER, url="https://github.com/login", field="tag=input;type=password", events=1),
    Task("1password", events=1),  # excluded: not counted either
)


def work(folder: Path) -> None:
    """Go on until this process is ended."""
    gate, counter = Gate.from_state(folder), Counter.on_state(folder)
    report_at = time.monotonic()
    for task in _tasks():
        gate.reload()
        for _ in range(random.randint(1, task.events)):  # noqa: S311
            ask_and_count(gate, counter, task, kind=random.choice(KINDS))  # noqa: S311
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_SECONDS
            report(folder, counter)
        time.sleep(PAUSE_SECONDS)


def ask_and_count(gate: Gate, counter: Counter, task: Task, *, kind: str) -> None:
    verdict = gate.may_capture(
        application=task.application,
        url=task.url,
        field=task.field,
        kind=kind,
        counterparties=task.counterparties,
        surroundings=AT_THE_DESK,
    )
    # Here real software captures, if the verdict allows it.
    counter.record(verdict, kind=kind)


def report(folder: Path, counter: Counter) -> None:
    """Report without waiting for the hour, so that whoever tries the demo sees it soon."""
    try:
        counter.flush()
    except StateRefused as failure:
        print(failure, file=sys.stderr)
    consent_agent(["report", "--state", str(folder)])


def _tasks() -> Iterator[Task]:
    while True:
        task = random.choice(TASKS)  # noqa: S311
        yield from [task] * random.randint(3, 10)  # noqa: S311


if __name__ == "__main__":
    work(Path(sys.argv[1]))
