"""Putting the next signing key to use, and keeping the list of public keys right meanwhile.

Only files: what devices hold, whether the programme key vouches for a key, and the log are left to
`consent_app.devices.actions.keys`. A change is written in an order in which a run that was cut off
leaves a set that can be used, and that the next run completes. Source: docs/operations.md, 5.
"""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from consent_agent.protocol.times import format_time
from portal.lib.keys import (
    CURRENT,
    LISTING,
    NEXT,
    OLD,
    WITHDRAWN,
    KeysMissing,
    alone_in,
    listing_entry,
    load_key,
    new_signing_pem,
    next_key,
    write_listing,
    write_private,
)

Entry = dict[str, Any]

# Another machine may sign with the old key until the files were copied there.
USED_AFTER_ROTATION = timedelta(hours=2)


def put_next_to_use(folder: Path, role: str, *, at: datetime) -> tuple[str, str]:
    """Sign with the announced key from now on, and announce another; return their ids.

    The private key that was in use is gone afterwards. Its public part stays on the list.

    Raises:
        KeysMissing: the private keys are not here.
    """
    with alone_in(folder):
        _complete(folder, role)
        in_use, following, fresh = (
            folder / f"{role}.key", next_key(folder, role), _coming(folder, role)
        )  # fmt: skip
        used = _kid(following, role)
        write_private(fresh, new_signing_pem())
        announced = load_key(fresh, role)
        entries = _listed(folder)
        for entry in entries:
            if entry["use_role"] != role:
                continue
            if entry["kid"] == used:
                entry |= {"status": CURRENT, "since": _second(at), "until": None}
            elif entry.get("status", CURRENT) == CURRENT:
                until = _second(at + USED_AFTER_ROTATION)
                entry |= {"status": OLD, "since": _second(at), "until": until}
        write_listing(folder, [*entries, listing_entry(announced, NEXT, at=at)])
        following.replace(in_use)
        fresh.replace(following)
    return used, announced.kid


def withdraw(folder: Path, role: str, *, at: datetime) -> tuple[list[str], str]:
    """Distrust the key in use and the announced one beside it; announce another.

    Return the ids of the two, and of the new one. The key in use goes on signing until the new one
    is put to use: devices do not know that yet.

    Raises:
        KeysMissing: the private keys are not here.
    """
    with alone_in(folder):
        _complete(folder, role)
        following, fresh = next_key(folder, role), _coming(folder, role)
        stolen = [_kid(folder / f"{role}.key", role), _kid(following, role)]
        write_private(fresh, new_signing_pem())
        announced = load_key(fresh, role)
        entries = [entry for entry in _listed(folder) if entry["kid"] != stolen[1]]
        for entry in entries:
            if entry["kid"] == stolen[0]:
                entry |= {"status": WITHDRAWN, "since": _second(at), "until": _second(at)}
        write_listing(folder, [*entries, listing_entry(announced, NEXT, at=at)])
        fresh.replace(following)
    return stolen, announced.kid


def drop(folder: Path, kids: Collection[str]) -> None:
    """Take keys off the list."""
    with alone_in(folder):
        write_listing(folder, [entry for entry in _listed(folder) if entry["kid"] not in kids])


def _complete(folder: Path, role: str) -> None:
    """Finish what a run began that was cut off, or undo it if it had not published yet."""
    coming, following, in_use = (
        _coming(folder, role), next_key(folder, role), folder / f"{role}.key"
    )  # fmt: skip
    if not coming.exists():
        return
    entries = {entry["kid"]: entry.get("status") for entry in _listed(folder)}
    if load_key(coming, role).kid not in entries:
        coming.unlink()
        return
    if following.exists() and entries.get(load_key(following, role).kid) == CURRENT:
        following.replace(in_use)
    coming.replace(following)


def _coming(folder: Path, role: str) -> Path:
    """Return where a key stands for the moment in which it is published."""
    return folder / f"{role}.coming.key"


def _kid(path: Path, role: str) -> str:
    try:
        return load_key(path, role).kid
    except OSError as error:
        raise KeysMissing(f"{path} can't be read; rotate where the private keys are") from error


def _listed(folder: Path) -> list[Entry]:
    try:
        entries: list[Entry] = json.loads((folder / LISTING).read_text())["keys"]
    except FileNotFoundError as error:
        raise KeysMissing(f"{folder / LISTING} is missing") from error
    return _with_status(entries)


def _with_status(entries: list[Entry]) -> list[Entry]:
    """Give entries of earlier versions their status: the key in use stands first."""
    seen: set[str] = set()
    for entry in entries:
        status = NEXT if entry["use_role"] in seen else CURRENT
        seen.add(entry["use_role"])
        for name, value in (("status", status), ("since", None), ("until", None)):
            entry.setdefault(name, value)
    return entries


def _second(at: datetime) -> str:
    """Return the time to the second; never earlier, or what was just signed would be late."""
    return format_time((at + timedelta(seconds=1)).replace(microsecond=0))
