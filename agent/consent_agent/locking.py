"""One agent for one state folder: a lock that the system lets go of, however its holder ends."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consent_agent.errors import AlreadyRunning

# Whoever only asks whether an agent runs holds the lock for a moment.
TRIES: Final = 5
TRY_AGAIN_SECONDS: Final = 0.05

if sys.platform == "win32":
    import msvcrt

    _FILE: Final = "run.lock"

    def _try_lock(folder: Path) -> int | None:
        descriptor = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

else:
    import fcntl

    def _try_lock(folder: Path) -> int | None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the one agent on this state folder.

    Raises:
        AlreadyRunning: another one is.
    """
    for _ in range(TRIES):
        descriptor = _try_lock(folder)
        if descriptor is not None:
            break
        time.sleep(TRY_AGAIN_SECONDS)
    else:
        raise AlreadyRunning
    try:
        yield
    finally:
        os.close(descriptor)


def is_running(folder: Path) -> bool:
    """Say whether an agent is at work on this state folder."""
    if not folder.is_dir():
        return False
    descriptor = _try_lock(folder)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
