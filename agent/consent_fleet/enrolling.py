"""Devices that enrol, a few at a time, each with a key of its own.

Codes come from a file with one code a line; behind a code of a roll-out stands the e-mail address
of the device's owner, after a space. Each device comes on a connection and from an address of its
own, as far as there are some: the portal counts attempts by address.
"""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.protocol.jws import public_key_jwk
from consent_fleet.devices import Device, UnusableFile, encoded_key
from consent_fleet.fleet import Fleet
from consent_fleet.http import Answer
from consent_fleet.polling import SWEEP_SECONDS, settle, tick
from consent_fleet.pool import Call

CREATED: Final = 201
VERSION: Final = "fleet"


def read_codes(file: Path, *, most: int) -> list[tuple[str, str]]:
    """Return pairs of a code and an e-mail address, which may be empty.

    Raises:
        UnusableFile: there is none.
    """
    lines = file.read_text(encoding="ascii").splitlines()[:most]
    codes = [(words[0], " ".join(words[1:])) for line in lines if (words := line.split())]
    if not codes:
        raise UnusableFile(f"{file} holds no code")
    return codes


async def enrol_all(
    fleet: Fleet, codes: list[tuple[str, str]], *, seconds: float, at_once: int
) -> list[Device]:
    """Enrol a device by each code, `at_once` at a time, for at most `seconds`; return them."""
    enrolled: list[Device] = []
    began = time.monotonic()
    waiting = iter(enumerate(codes))
    swept = began
    while not fleet.stop.is_set() and time.monotonic() < began + seconds:
        if not _fill(fleet, waiting, enrolled, at_once) and not fleet.pool.outstanding:
            break
        if time.monotonic() - swept > SWEEP_SECONDS:
            swept = time.monotonic()
            fleet.pool.sweep()
        await tick()
    fleet.tally.measured_seconds = time.monotonic() - began
    await settle(fleet.pool)
    fleet.tally.count("not tried", sum(1 for _ in waiting))
    return enrolled


def _fill(
    fleet: Fleet,
    waiting: Iterator[tuple[int, tuple[str, str]]],
    enrolled: list[Device],
    at_once: int,
) -> bool:
    """Keep `at_once` attempts going; False when no code is left."""
    while fleet.pool.outstanding < at_once:
        following = next(waiting, None)
        if following is None:
            return False
        number, (code, email) = following
        key = Ed25519PrivateKey.generate()
        body: dict[str, object] = {
            "code": code,
            "public_key": public_key_jwk(key.public_key()),
            "hostname": f"FLEET-{number + 1}",
            "platform": "linux",
            "agent_version": VERSION,
        }
        if email:
            body["employee_email"] = email
        taken = partial(_take, fleet, enrolled, key=key, since=time.monotonic())
        request = Device("", "none").call("POST", "enrolments", body)
        fleet.pool.submit(Call(request, taken, fleet.tally.error))
    return True


def _take(
    fleet: Fleet,
    enrolled: list[Device],
    answer: Answer,
    at: float,
    *,
    key: Ed25519PrivateKey,
    since: float,
) -> None:
    fleet.tally.time("enrolment", at - since)
    if answer.status != CREATED:
        fleet.tally.error(f"enrolment: status {answer.status}")
        return
    try:
        said = json.loads(answer.body)
        enrolled.append(Device(said["device_id"], said["token"], key=encoded_key(key)))
    except (ValueError, KeyError, TypeError):
        fleet.tally.error("enrolment: no device in the answer")
