"""Time as the agent trusts it: a wall clock that people can set, and one that they cannot.

The steady clock counts sleep where the system has such a clock. It starts again with each boot, so
every reading names its boot. What two readings mean for a policy is left to `gate`.
"""

import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

_LINUX_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Instant(NamedTuple):
    """One reading: `wall` is aware and in UTC, `steady` in seconds since some moment of `boot`."""

    wall: datetime
    steady: float
    boot: str


class Clock(Protocol):
    """Where the agent gets its time from."""

    def now(self) -> Instant: ...


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._boot = boot_id()

    def now(self) -> Instant:
        return Instant(datetime.now(UTC), steady_seconds(), self._boot)


if sys.platform == "linux":

    def steady_seconds() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

elif sys.platform == "darwin":

    def steady_seconds() -> float:
        # time.monotonic() stands still while a Mac sleeps, this one does not.
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:

    def steady_seconds() -> float:
        return time.monotonic()


@cache
def boot_id() -> str:
    """Return what tells this boot from all others.

    Where the system has no such thing the answer is unique to this process: policies of other
    processes then look as if from another boot, and are not used.
    """
    return _read_boot_id() or f"process-{uuid.uuid4()}"


if sys.platform == "win32":
    import winreg

    def _read_boot_id() -> str:
        path = (
            r"SYSTEM\CurrentControlSet\Control\Session Manager"
            r"\Memory Management\PrefetchParameters"
        )
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return f"windows-{winreg.QueryValueEx(key, 'BootId')[0]}"
        except OSError:
            return ""

elif sys.platform == "darwin":

    def _read_boot_id() -> str:
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return answer.stdout.strip()

else:

    def _read_boot_id() -> str:
        try:
            return _LINUX_BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return ""
