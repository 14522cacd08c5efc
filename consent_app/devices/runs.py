"""Whether one agent or two speak with one token: by the run that each poll names.

An agent draws a random name at each start and sends it with its polls. A run that another took the
place of is over. If it speaks again, it was not over: two programs use one identity, as on a disk
that was copied. One such poll may have been on its way for long, so two decide. Agents need not
name their runs; but whoever names none where the device's agent does is another program. Pure.
Source: docs/agent-protocol.md, section 6; threat T15.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

NAME = re.compile(r"[A-Za-z0-9_-]{22}")
# All polls without a name are one run; no agent can draw this one.
UNNAMED = "(unnamed)"
# Of a run that was over: one poll may be late, the second is not.
RETURNS_OF_TWO = 2
RUNS_KEPT = 16


class Seen(Enum):
    """What a poll's run says of a device."""

    SAME = auto()
    BEGAN = auto()
    CAME_BACK = auto()
    TWO_CLIENTS = auto()


def run_of(name: str, *, current: str) -> str:
    """Return the run that a poll with this `Agent-Run` belongs to; "" if nothing can be told."""
    if NAME.fullmatch(name):
        return name
    return UNNAMED if current else ""


def judge_run(run: str, *, current: str, earlier: Mapping[str, int]) -> Seen:
    """Say what it means that `run` polls; `earlier` has how often each run before came back."""
    if run == current:
        return Seen.SAME
    if run not in earlier:
        return Seen.BEGAN
    return Seen.TWO_CLIENTS if earlier[run] + 1 >= RETURNS_OF_TWO else Seen.CAME_BACK
