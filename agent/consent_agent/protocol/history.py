"""Histories: proof that a log only grew since somebody kept a word of it.

Whoever kept a checkpoint, a receipt or an earlier history holds a signed head: how many entries the
log had, and a hash of them all. A history is a later head with, for each earlier size that it was
asked for, the hashes that lead from the one to the other. Nothing of any entry stands in it, and no
trust in the portal is needed: hashes that fit can't be made for entries that were changed, removed,
put in another order or in between. Two signed heads that contradict each other are the evidence
against the portal. Source: RFC 9162, section 2.1.4; docs/agent-protocol.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consent_agent.protocol import merkle
from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, SigningKey, sign
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.receipts import hash_of, object_of, signed_payload, verify_receipt
from consent_agent.protocol.times import format_time

SCHEMA: Final = "history/1"
TYP: Final = "history+jws"
CHECKPOINT_SCHEMA: Final = "checkpoint/1"
CHECKPOINT_TYP: Final = "checkpoint+jws"
MAX_BYTES: Final = 256 * 1024
_LONGEST_PATH: Final = 128
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Head:
    """What the portal signed at a moment: the log had `size` entries, and this hash of them."""

    size: int
    root: bytes
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """A head, and by earlier size the way from there."""

    head: Head
    paths: Mapping[int, tuple[bytes, ...]]


def write_checkpoint(head: Head, *, key: SigningKey) -> str:
    payload = _head_members(head) | {"schema": CHECKPOINT_SCHEMA}
    return sign(payload, typ=CHECKPOINT_TYP, key=key)


def write_history(history: History, *, key: SigningKey, published: Mapping[str, object]) -> bytes:
    """Return the file; of `published`, the portal's JWK Set, the checkpoint keys go into it."""
    keys = published["keys"]
    assert isinstance(keys, list)  # noqa: S101 (the portal wrote it)
    rest: dict[str, object] = {
        "schema": SCHEMA,
        "since": [
            {"size": size, "path": [value.hex() for value in path]}
            for size, path in sorted(history.paths.items())
        ],
        "keys": {"keys": [one for one in keys if one["use_role"] == key.role]},
    }
    payload = _head_members(history.head) | {
        "schema": SCHEMA,
        "rest": content_digest(canonical_json(rest)),
    }
    return canonical_json(rest | {"history": sign(payload, typ=TYP, key=key)})


def read_history(document: bytes, *, keys: KeySet | None = None) -> History:
    """Check a history by itself; `keys` are the portal's, got by another way.

    Raises:
        DocumentRefused: as `receipts.verify_receipt` does.
    """
    if len(document) > MAX_BYTES:
        raise DocumentRefused("too_large")
    content = parse_json(document)
    members = Members(content)
    assert isinstance(content, dict)  # noqa: S101 (Members refused all else)
    if canonical_json(content) != document:
        raise DocumentRefused("not_canonical")
    if members.text("schema") != SCHEMA:
        raise DocumentRefused("wrong_schema")
    trusted = keys or KeySet.from_jwks(object_of(content, "keys"))
    payload, _ = signed_payload(members.text("history"), typ=TYP, keys=trusted)
    rest = {name: value for name, value in content.items() if name != "history"}
    if payload.digest("rest") != content_digest(canonical_json(rest)):
        raise DocumentRefused("altered")
    return History(_read_head(payload), dict(_read_path(one) for one in _listed(content)))


def read_kept(document: bytes, *, keys: KeySet | None = None) -> Head:
    """Return the head that a checkpoint, a receipt or a history holds, once its signature is right.

    A checkpoint has no keys in it: without `keys` it is refused.

    Raises:
        DocumentRefused: as for receipts; `key_needed` for a checkpoint without keys.
    """
    if len(document) > MAX_BYTES:
        raise DocumentRefused("too_large")
    if not document.lstrip().startswith(b"{"):
        return _read_checkpoint(document, keys)
    content = parse_json(document)
    if isinstance(content, dict) and content.get("schema") == SCHEMA:
        return read_history(document, keys=keys).head
    receipt = verify_receipt(document, keys=keys)
    return Head(receipt.inclusion.size, receipt.inclusion.root, receipt.issued_at)


def check_growth(kept: Head, history: History) -> None:
    """Check that the history's log is the kept one, with nothing but more entries at its end.

    Raises:
        DocumentRefused: `rewritten` if they contradict each other, also where the later one has
            fewer entries; `not_covered` if the history has no way from the kept size.
    """
    later = history.head
    # Fewer entries, signed later: the log was cut off. Signed before, the history is only old.
    if kept.size > later.size and later.issued_at - kept.issued_at > _CLOCKS_DIFFER:
        raise DocumentRefused("rewritten", f"{kept.size} entries became {later.size}")
    path = () if kept.size == later.size else history.paths.get(kept.size)
    if path is None:
        raise DocumentRefused("not_covered", str(kept.size))
    if not merkle.is_consistent(
        first=kept.size,
        first_head=kept.root,
        second=later.size,
        second_head=later.root,
        path=path,
    ):
        raise DocumentRefused("rewritten", f"the first {kept.size} entries are others")


def _read_checkpoint(document: bytes, keys: KeySet | None) -> Head:
    if keys is None:
        raise DocumentRefused("key_needed")
    try:
        text = document.decode("ascii").strip()
    except UnicodeDecodeError:
        raise DocumentRefused("bad_json") from None
    payload, _ = signed_payload(text, typ=CHECKPOINT_TYP, keys=keys)
    if payload.text("schema") != CHECKPOINT_SCHEMA:
        raise DocumentRefused("wrong_schema")
    return _read_head(payload)


def _head_members(head: Head) -> dict[str, object]:
    return {
        "size": head.size,
        "root": head.root.hex(),
        "issued_at": format_time(head.issued_at),
    }


def _read_head(payload: Members) -> Head:
    return Head(
        size=payload.integer("size", low=1, high=MAX_VERSION),
        root=hash_of(payload.text("root"), "root"),
        issued_at=payload.time("issued_at"),
    )


def _listed(content: Mapping[str, object]) -> Sequence[object]:
    since = content.get("since")
    if not isinstance(since, list):
        raise DocumentRefused("bad_field", "since")
    return since


def _read_path(one: object) -> tuple[int, tuple[bytes, ...]]:
    members = Members(one, "since")
    path = tuple(hash_of(value, "path") for value in members.texts("path"))
    if len(path) > _LONGEST_PATH:
        raise DocumentRefused("bad_field", "path")
    return members.integer("size", low=1, high=MAX_VERSION), path
