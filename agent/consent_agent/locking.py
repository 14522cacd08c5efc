"""Locks on a state folder, which the system lets go of, however their holders end.

One is held by the running agent for as long as it runs, another by whoever writes what both the
agent and the owner's command write.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consent_agent.errors import AlreadyRunning, StateRefused

# Whoever only asks whether an agent runs holds the lock for a moment.
TRIES: Final = 5
TRY_AGAIN_SECONDS: Final = 0.05
WRITE_TRIES: Final = 100
WRITE_LOCK: Final = "write.lock"

if sys.platform == "win32":
    import msvcrt

    def _open_folder(folder: Path) -> int:
        return _open_file(folder / "run.lock")

    def _hold(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _open_folder(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)

    def _hold(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the one agent on this state folder.

    Raises:
        AlreadyRunning: another one is.
    """
    for _ in range(TRIES):
        descriptor = _try_lock(_open_folder(folder))
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
    descriptor = _try_lock(_open_folder(folder))
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Be the one who reads and writes a file that others write, too; for a moment.

    Raises:
        StateRefused: somebody else holds on to it, or it cannot be made.
    """
    for _ in range(WRITE_TRIES):
        try:
            descriptor = _try_lock(_open_file(folder / WRITE_LOCK))
        except OSError as error:
            raise StateRefused(WRITE_LOCK, f"cannot be made ({error.strerror})") from error
        if descriptor is not None:
            break
        time.sleep(TRY_AGAIN_SECONDS)
    else:
        raise StateRefused(WRITE_LOCK, "is held by another program")
    try:
        yield
    finally:
        os.close(descriptor)


def _open_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try_lock(descriptor: int) -> int | None:
    """Return the descriptor that holds the lock, which closing lets go of; None if others do."""
    try:
        _hold(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
