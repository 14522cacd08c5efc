"""How version floors stand in the state folder, and the older form in which 0.1.0 wrote them.

What floors mean is left to `acceptance`.
"""

from collections.abc import Iterable

from consent_agent.acceptance import Floor, Floors
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.times import format_time


def floors_members(floors: Floors) -> dict[str, object]:
    issued_at = floors.freshness_issued_at
    return {
        "device": [_floor_members("key", *entry) for entry in floors.device.items()],
        "ceilings": [_floor_members("cohort", *entry) for entry in floors.ceilings.items()],
        "freshness_issued_at": format_time(issued_at) if issued_at else None,
        "keys_version": floors.keys_version,
        "has_place": floors.has_place,
    }


def read_floors(members: Members, *, policy_keys: Iterable[str]) -> Floors:
    """Read the members of `floors.json`.

    Version 0.1.0 kept one floor of the device policy, without the key that had signed it: it counts
    for each of `policy_keys`, the ids of those that were given at enrolment.

    Raises:
        DocumentRefused: it has neither form.
    """
    is_older = "keys_version" not in members.names()
    ceilings = members.each("ceilings", lambda entry: (entry.text("cohort"), _read_floor(entry)))
    if is_older:
        older = members.nested_or_none("device")
        device = {key: _read_floor(older) for key in policy_keys} if older else {}
    else:
        entries = members.each("device", lambda entry: (entry.text("key"), _read_floor(entry)))
        device = dict(entries)
    return Floors(
        device=device,
        ceilings=dict(ceilings),
        freshness_issued_at=members.time_or_none("freshness_issued_at"),
        keys_version=0 if is_older else members.integer("keys_version", low=0, high=MAX_VERSION),
        has_place="has_place" in members.names() and members.flag("has_place"),
    )


def _floor_members(of: str, name: str, floor: Floor) -> dict[str, object]:
    return {of: name, "version": floor.version, "digest": floor.digest}


def _read_floor(members: Members) -> Floor:
    return Floor(members.version("version"), members.digest("digest"))
