"""Receipts: what the portal hands somebody as proof that a choice of theirs is in its log.

A receipt is one file that needs no network to be checked and no trust in whoever wrote it, beyond
one public key: the entry of the log, the details that the entry commits to, the way from the entry
to the head of the log, and the portal's signature over that head and over all the rest. Who kept a
later checkpoint can show that the log went on from there. Source: docs/agent-protocol.md.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from consent_agent.protocol import merkle
from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, PublishedKey, SigningKey, key_id, sign, verify
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.times import format_time

SCHEMA: Final = "receipt/1"
TYP: Final = "receipt+jws"
MAX_BYTES: Final = 64 * 1024
_LONGEST_PATH: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log: its members as they are hashed, and what it commits to.

    `details` and `salt` are None where the details were erased.
    """

    leaf: Mapping[str, object]
    details: Mapping[str, object] | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The way from entry `index` to the head `root` of the first `size` entries."""

    index: int
    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt proves: this entry stood in the log whose head this was.

    `withdrawn_at` is when the key was withdrawn that signed it, because somebody else may have had
    it: they could have written a receipt and dated it back.
    """

    issued_at: datetime
    entry: Entry
    inclusion: Inclusion
    withdrawn_at: datetime | None = None


def commitment_to(salt: bytes, details: Mapping[str, object]) -> bytes:
    """Return HMAC-SHA-256 over the canonical details, keyed by a salt of 32 random bytes.

    Without the salt the few possible details of an event can't be tried one by one.
    """
    return hmac.digest(salt, canonical_json(dict(details)), "sha256")


def write_receipt(
    entry: Entry,
    inclusion: Inclusion,
    *,
    issued_at: datetime,
    key: SigningKey,
    published: Mapping[str, object],
) -> bytes:
    """Return the file; of `published`, the portal's JWK Set, the checkpoint keys go into it."""
    keys = published["keys"]
    assert isinstance(keys, list)  # noqa: S101 (the portal wrote it)
    rest: dict[str, object] = {
        "schema": SCHEMA,
        "leaf": dict(entry.leaf),
        "details": None if entry.details is None else dict(entry.details),
        "salt": None if entry.salt is None else entry.salt.hex(),
        "path": [value.hex() for value in inclusion.path],
        "keys": {"keys": [one for one in keys if one["use_role"] == key.role]},
    }
    payload = {
        "schema": SCHEMA,
        "issued_at": format_time(issued_at),
        "index": inclusion.index,
        "size": inclusion.size,
        "root": inclusion.root.hex(),
        "rest": content_digest(canonical_json(rest)),
    }
    return canonical_json(rest | {"receipt": sign(payload, typ=TYP, key=key)})


def verify_receipt(document: bytes, *, keys: KeySet | None = None) -> Receipt:
    """Check every part of a receipt; `keys` are the portal's, got by another way.

    Without them the keys in the file are taken: then it proves that the file is whole, and that
    whoever holds these keys wrote it.

    Raises:
        DocumentRefused: `too_large`, `bad_json`, `not_canonical`, `wrong_schema`, `bad_field`, one
            of `jws.verify`, `key_retired` (signed after its key was retired), `altered`,
            `wrong_commitment` or `not_in_log`.
    """
    if len(document) > MAX_BYTES:
        raise DocumentRefused("too_large")
    content = parse_json(document)
    members = Members(content)
    assert isinstance(content, dict)  # noqa: S101 (Members refused all else)
    # One spelling only, so that no byte can change without being noticed.
    if canonical_json(content) != document:
        raise DocumentRefused("not_canonical")
    if members.text("schema") != SCHEMA:
        raise DocumentRefused("wrong_schema")
    trusted = keys or KeySet.from_jwks(object_of(content, "keys"))
    payload, key = signed_payload(members.text("receipt"), typ=TYP, keys=trusted)
    issued_at = payload.time("issued_at")
    rest = {name: value for name, value in content.items() if name != "receipt"}
    if payload.digest("rest") != content_digest(canonical_json(rest)):
        raise DocumentRefused("altered")
    entry = _entry(content)
    inclusion = Inclusion(
        index=payload.integer("index", low=0, high=MAX_VERSION),
        size=payload.integer("size", low=1, high=MAX_VERSION),
        root=hash_of(payload.text("root"), "root"),
        path=tuple(hash_of(value, "path") for value in members.texts("path")),
    )
    _check_entry(entry)
    if entry.leaf.get("index") != inclusion.index or not _is_included(entry, inclusion):
        raise DocumentRefused("not_in_log")
    return Receipt(issued_at, entry, inclusion, key.until if key.is_withdrawn else None)


def signed_payload(token: str, *, typ: str, keys: KeySet) -> tuple[Members, PublishedKey]:
    """Return what a checkpoint key signed, and that key.

    Raises:
        DocumentRefused: one of `jws.verify`, `bad_field`, or `key_retired`: it says that it was
            signed after its key was retired.
    """
    payload, key = Members(parse_json(verify(token, typ=typ, keys=keys))), keys.find(key_id(token))
    if key.until is not None and payload.time("issued_at") > key.until:
        raise DocumentRefused("key_retired")
    return payload, key


def _entry(content: Mapping[str, object]) -> Entry:
    leaf = object_of(content, "leaf")
    if content.get("details") is None and content.get("salt") is None:
        return Entry(leaf, None, None)
    salt = content.get("salt")
    if not isinstance(salt, str):
        raise DocumentRefused("bad_field", "salt")
    return Entry(leaf, object_of(content, "details"), hash_of(salt, "salt"))


def _check_entry(entry: Entry) -> None:
    if entry.details is None or entry.salt is None:
        return
    if entry.leaf.get("commitment") != commitment_to(entry.salt, entry.details).hex():
        raise DocumentRefused("wrong_commitment")


def _is_included(entry: Entry, inclusion: Inclusion) -> bool:
    return len(inclusion.path) <= _LONGEST_PATH and merkle.is_included(
        leaf=merkle.leaf_hash(canonical_json(dict(entry.leaf))),
        index=inclusion.index,
        size=inclusion.size,
        path=inclusion.path,
        head=inclusion.root,
    )


def object_of(content: Mapping[str, object], name: str) -> dict[str, object]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise DocumentRefused("bad_field", name)
    return value


def hash_of(text: str, name: str) -> bytes:
    """Read 32 bytes in hexadecimal, in lower case and without spaces."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise DocumentRefused("bad_field", name) from None
    if len(value) != sha256().digest_size or value.hex() != text:
        raise DocumentRefused("bad_field", name)
    return value
