"""How version floors and the owner's place stand in the state folder, older forms included.

What floors mean is left to `acceptance`, what a place means to `place`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from consent_agent.acceptance import Floor, Floors
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.times import format_time

PLACE_UNKNOWN: Final = ""


@dataclass(frozen=True)
class Place:
    """The cohort in which the device's owner works, or `PLACE_UNKNOWN`, which is none.

    `is_open_to_first`: the first policy that is in force says it. `told` is where the last policy
    in force said that they work, empty before there was one, and `told_open` whether something may
    be collected there. `ceilings` is a copy of those floors: a place without them is none.
    """

    cohort: str = PLACE_UNKNOWN
    is_open_to_first: bool = False
    told: str = ""
    told_open: bool = False
    ceilings: Mapping[str, Floor] = field(default_factory=dict)


# Nothing is known of it any more, nor whether the portal's next policy moves its owner.
LOST_PLACE: Final = Place(told_open=True)


def place_members(place: Place) -> dict[str, object]:
    return {
        "cohort": place.cohort or None,
        "is_open_to_first": place.is_open_to_first,
        "told": place.told or None,
        "told_open": place.told_open,
        "ceilings": _ceilings_members(place.ceilings),
    }


def read_place(members: Members) -> Place:
    """Read the members of `place.json`.

    Raises:
        DocumentRefused: it has another form.
    """
    return Place(
        cohort=members.text_or_none("cohort") or PLACE_UNKNOWN,
        is_open_to_first=members.flag("is_open_to_first"),
        told=members.text_or_none("told") or "",
        told_open=members.flag("told_open"),
        ceilings=_read_ceilings(members),
    )


def older_place(floors: Floors) -> Place:
    """Return the place of a device whose agent kept none: the only one that its floors know."""
    if len(floors.ceilings) > 1:
        return LOST_PLACE
    cohort = next(iter(floors.ceilings), PLACE_UNKNOWN)
    return Place(
        cohort,
        is_open_to_first=not cohort,
        told=cohort,
        told_open=bool(cohort),
        ceilings=floors.ceilings,
    )


def raise_ceilings(floors: Floors, others: Mapping[str, Floor]) -> Floors:
    """Return the floors with the higher of both for each cohort."""
    highest = {
        cohort: max(floor, floors.ceilings.get(cohort, floor), key=lambda one: one.version)
        for cohort, floor in others.items()
    }
    return replace(floors, ceilings={**floors.ceilings, **highest})


def floors_members(floors: Floors) -> dict[str, object]:
    issued_at = floors.freshness_issued_at
    return {
        "device": [_floor_members("key", *entry) for entry in floors.device.items()],
        "ceilings": _ceilings_members(floors.ceilings),
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
    if is_older:
        older = members.nested_or_none("device")
        device = {key: _read_floor(older) for key in policy_keys} if older else {}
    else:
        entries = members.each("device", lambda entry: (entry.text("key"), _read_floor(entry)))
        device = dict(entries)
    return Floors(
        device=device,
        ceilings=_read_ceilings(members),
        freshness_issued_at=members.time_or_none("freshness_issued_at"),
        keys_version=0 if is_older else members.integer("keys_version", low=0, high=MAX_VERSION),
        has_place="has_place" in members.names() and members.flag("has_place"),
    )


def _ceilings_members(ceilings: Mapping[str, Floor]) -> list[dict[str, object]]:
    return [_floor_members("cohort", *entry) for entry in ceilings.items()]


def _read_ceilings(members: Members) -> dict[str, Floor]:
    read = members.each("ceilings", lambda entry: (entry.text("cohort"), _read_floor(entry)))
    return dict(read)


def _floor_members(of: str, name: str, floor: Floor) -> dict[str, object]:
    return {of: name, "version": floor.version, "digest": floor.digest}


def _read_floor(members: Members) -> Floor:
    return Floor(members.version("version"), members.digest("digest"))
