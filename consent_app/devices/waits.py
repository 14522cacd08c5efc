"""The agents that wait in one process for something to change, each woken on its own."""

import asyncio
import time
from collections import defaultdict
from enum import Enum, auto
from functools import partial
from itertools import batched

# An agent holds one poll; a second may still look open after its connection broke.
MAX_WAITS = 4
# Waits end together that end within so long; a second of 20,000 would keep everybody else waiting.
SLOT_SECONDS = 0.02
# Woken together where everybody is. Whoever asks meanwhile is answered in between, so fewer would
# make the last of 20,000 wait longer, and more whoever asks.
WOKEN_AT_ONCE = 1000


class Wake(Enum):
    """Why a wait ended: to look what changed, or to leave as one came."""

    LOOK = auto()
    LEAVE = auto()


class Waits:
    """One per process. Somebody has to run `end_for_ever`, which ends those whose time is over."""

    def __init__(self) -> None:
        # In the order in which they came.
        self._of_device: defaultdict[str, list[asyncio.Future[Wake]]] = defaultdict(list)
        # By the slot of the monotonic clock after which their wait is over.
        self._due: defaultdict[int, list[asyncio.Future[Wake]]] = defaultdict(list)

    def count(self) -> int:
        return sum(len(waiting) for waiting in self._of_device.values())

    async def wait(self, device: str, *, seconds: float, gone: "asyncio.Future[None]") -> bool:
        """Wait until the device is woken.

        Also after `seconds`, within one slot more. False when `gone` is done, and when the device
        began more waits since than one agent has use for: each takes one of the requests that the
        server works on at once.
        """
        woken: asyncio.Future[Wake] = asyncio.get_running_loop().create_future()
        self._of_device[device].append(woken)
        self._send_away_the_oldest(device)
        self._due[int((time.monotonic() + seconds) / SLOT_SECONDS) + 1].append(woken)
        leave = partial(_leave, woken)
        gone.add_done_callback(leave)
        try:
            return await woken is Wake.LOOK
        finally:
            gone.remove_done_callback(leave)
            self._of_device[device].remove(woken)
            if not self._of_device[device]:
                del self._of_device[device]

    def _send_away_the_oldest(self, device: str) -> None:
        waiting = [woken for woken in self._of_device[device] if not woken.done()]
        for oldest in waiting[:-MAX_WAITS]:
            oldest.set_result(Wake.LEAVE)

    def wake(self, device: str) -> None:
        """Let whoever waits for this device look."""
        for woken in self._of_device.get(device, ()):
            _wake(woken, Wake.LOOK)

    async def wake_everyone(self) -> None:
        """Let all look who wait now, some at a time."""
        for devices in batched(list(self._of_device), WOKEN_AT_ONCE):
            for device in devices:
                self.wake(device)
            await asyncio.sleep(0)

    async def end_for_ever(self) -> None:
        """Let those look whose time is over: one timer for all, since 20,000 would take memory."""
        over = int(time.monotonic() / SLOT_SECONDS)
        while True:
            await asyncio.sleep(SLOT_SECONDS - time.monotonic() % SLOT_SECONDS)
            while over < int(time.monotonic() / SLOT_SECONDS):
                over += 1
                for woken in self._due.pop(over, ()):
                    _wake(woken, Wake.LOOK)


def _wake(woken: asyncio.Future[Wake], why: Wake) -> None:
    if not woken.done():
        woken.set_result(why)


def _leave(woken: asyncio.Future[Wake], _gone: asyncio.Future[None]) -> None:
    _wake(woken, Wake.LEAVE)
