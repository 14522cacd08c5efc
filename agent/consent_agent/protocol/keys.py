"""Key sets: which policy and checkpoint keys hold, signed with the programme key.

A device keeps the programme keys that it was given when it enrolled, and no document replaces them.
Those keys vouch for all others: whoever took over the web server, or the network, can bring in no
key of their own. A set is taken whole in place of the one before, and its version only grows. When
a device asks for it is left to the agent's `loop`. Source: docs/agent-protocol.md, section 5.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import PROGRAMME_ROLE, KeySet, verify
from consent_agent.protocol.members import Members
from consent_agent.protocol.times import format_time

SCHEMA: Final = "keys/1"
TYP: Final = "keys+jws"


def key_set_payload(
    keys: Sequence[Mapping[str, object]],
    *,
    version: int,
    issued_at: datetime,
    expires_at: datetime,
) -> dict[str, object]:
    """Return what the programme key is to sign (contract `keys/1`); `keys` as in a JWK Set."""
    return {
        "schema": SCHEMA,
        "version": version,
        "issued_at": format_time(issued_at),
        "expires_at": format_time(expires_at),
        "keys": [dict(key) for key in keys],
    }


def read_payload(payload: bytes) -> KeySet:
    """Read the payload of a key set.

    Raises:
        DocumentRefused: `bad_json`, `wrong_schema`, `bad_version`, `bad_field` or `bad_jwks`; the
            last also for a set that names a programme key.
    """
    content = parse_json(payload)
    members = Members(content)
    assert isinstance(content, dict)  # noqa: S101 (Members refused all else)
    if members.text("schema") != SCHEMA:
        raise DocumentRefused("wrong_schema")
    version = members.version("version")
    members.time("issued_at")
    expires_at = members.time("expires_at")
    keys = KeySet.from_jwks(content)
    if keys.of_role(PROGRAMME_ROLE):
        raise DocumentRefused("bad_jwks", "names a programme key")
    return KeySet(
        keys.of_role("policy") | keys.of_role("checkpoint"), version=version, expires_at=expires_at
    )


def read_key_set(token: str, *, pinned: KeySet, held: KeySet | None = None) -> KeySet:
    """Return the keys to believe from now on: the pinned programme keys, and those of the set.

    `held` is what is believed now; the set must not be older.

    Raises:
        DocumentRefused: as `jws.verify` and `read_payload`, then `rollback`.
    """
    payload = verify(token, typ=TYP, keys=pinned.programme_only())
    offered = read_payload(payload)
    if held is not None and offered.version < held.version:
        raise DocumentRefused("rollback", "keys")
    return KeySet(
        pinned.of_role(PROGRAMME_ROLE) | offered.of_role("policy") | offered.of_role("checkpoint"),
        version=offered.version,
        expires_at=offered.expires_at,
    )
