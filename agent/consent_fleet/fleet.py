"""What every part of one run works with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consent_fleet.checking import Checker
from consent_fleet.devices import Device
from consent_fleet.pool import Pool
from consent_fleet.tally import Tally


@dataclass(frozen=True, slots=True)
class Fleet:
    """The devices, the connections they share, and what is noted of them until `stop` is set."""

    devices: Sequence[Device]
    pool: Pool
    checker: Checker
    tally: Tally
    stop: asyncio.Event
