"""The set of keys that devices are to believe: what it names now, and the files that carry it.

The machine with the programme key needs this code and the key, no database: `sign_file` reads
nothing but the file. What comes back is checked again where it is kept (`actions.keys`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from consent_agent.protocol.canonical import canonical_json, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import (
    PROGRAMME_ROLE,
    SigningKey,
    decode_base64url,
    sign,
)
from consent_agent.protocol.keys import TYP, key_set_payload, read_payload
from consent_agent.protocol.times import parse_time
from consent_app.devices.errors import KeySetUnreadable
from portal.lib.keys import WITHDRAWN

# Source: docs/policy.md, section 16.
VALID_FOR = timedelta(days=400)
SIGNED_AGAIN_AFTER = timedelta(days=90)
# The machine with the programme key may stand without a network, and its clock with it.
CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignedKeyHere:
    """One key of a set that was signed, as its signer reads it."""

    role: str
    kid: str
    status: str


def keys_to_name(published: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the entries of the portal's list that devices are to believe.

    A withdrawn policy key is none of them, though the portal may still sign with it for a moment.
    """
    entries = published["keys"]
    assert isinstance(entries, list)  # noqa: S101 (the portal wrote it)
    return [
        entry
        for entry in entries
        if entry["use_role"] != PROGRAMME_ROLE
        and not (entry["use_role"] == "policy" and entry.get("status") == WITHDRAWN)
    ]


def payload_to_sign(
    published: Mapping[str, object], *, newest: Mapping[str, object] | None, at: datetime
) -> dict[str, object] | None:
    """Return the payload of the next set; None where the newest one says the same and is young.

    Versions are seconds since 1970 where they can be: after a restore from a backup, which forgot
    the latest sets, the next version is still higher than any that devices have seen.
    """
    keys = [dict(key) for key in keys_to_name(published)]
    version = int(at.timestamp())
    if newest is not None:
        issued_at, held = newest["issued_at"], newest["version"]
        assert isinstance(issued_at, str)  # noqa: S101 (we signed it)
        assert isinstance(held, int)  # noqa: S101
        if newest["keys"] == keys and at - parse_time(issued_at) < SIGNED_AGAIN_AFTER:
            return None
        version = max(version, held + 1)
    at = at.replace(microsecond=0)
    return key_set_payload(keys, version=version, issued_at=at, expires_at=at + VALID_FOR)


class _UnsignedFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    file: Literal["unsigned-keys/1"]
    payload: dict[str, object]


class _SignedFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    file: Literal["signed-keys/1"]
    keys: str


def unsigned_file(payload: Mapping[str, object]) -> str:
    """Return what is to be signed, for people and for `sign_file`."""
    return json.dumps({"file": "unsigned-keys/1", "payload": payload}, indent=1) + "\n"


def reaches_too_far(payload: Mapping[str, object], *, at: datetime) -> bool:
    """Whether a set has a version or an end that no set of this time has.

    Devices take no lower version ever after: after the highest one no key could be withdrawn.
    """
    said, latest = read_payload(canonical_json(payload)), at + CLOCKS_DIFFER
    ends_late = said.expires_at is None or said.expires_at > latest + VALID_FOR
    return said.version > latest.timestamp() or ends_late


def sign_file(text: str, *, key: SigningKey, at: datetime) -> tuple[str, list[SignedKeyHere]]:
    """Sign the set in a file; return the file to carry back, and the keys that it names.

    Raises:
        KeySetUnreadable: it is no such file, holds something else than a key set, or one that
            reaches too far.
    """
    try:
        payload = _UnsignedFile.model_validate_json(text).payload
        is_too_far = reaches_too_far(payload, at=at)
    except (ValidationError, DocumentRefused, ValueError) as error:
        raise KeySetUnreadable from error
    if is_too_far:
        raise KeySetUnreadable(
            "The set's version or its end lies too far ahead; devices could never leave it. Is the "
            "clock of this machine right?"
        )
    signed = sign(payload, typ=TYP, key=key)
    return json.dumps({"file": "signed-keys/1", "keys": signed}, indent=1) + "\n", named(payload)


def signed_set(text: str) -> str:
    """Return the signed set of a file, unchecked.

    Raises:
        KeySetUnreadable: it is no such file.
    """
    try:
        return _SignedFile.model_validate_json(text).keys
    except ValidationError as error:
        raise KeySetUnreadable from error


def named(payload: Mapping[str, object]) -> list[SignedKeyHere]:
    """Return the keys that a set names."""
    entries = payload["keys"]
    assert isinstance(entries, list)  # noqa: S101 (it was read as a key set)
    return [
        SignedKeyHere(entry["use_role"], entry["kid"], str(entry.get("status", "")))
        for entry in entries
    ]


def payload_of(jws: str) -> dict[str, object]:
    """Return what a set says that we kept."""
    payload = parse_json(decode_base64url(jws.split(".")[1]))
    assert isinstance(payload, dict)  # noqa: S101 (it was checked when it was kept)
    return payload
