"""Keys on disk: files readable by their owner alone, and the published set of the signing keys.

`KEYS_DIR` holds, per role, the private keys `<role>.key` (in use) and `<role>.next.key` (announced,
so that a rotation surprises no agent) in PEM, and `jwks.json` with the public part of all, and of
those used before. The programme key may live on another machine: then only its public part is here.
`key_rotation` puts the next key to use. `sealing.keys` holds the keys that texts are encrypted
under; `portal/lib/sealing.py` reads and rotates them.
"""

import fcntl
import json
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from consent_agent.protocol.jws import SigningKey
from consent_agent.protocol.times import format_time, parse_time

ROLES = ("programme", "policy", "checkpoint")
SEALING_KEYS = "sealing.keys"
LISTING = "jwks.json"
# What a key is to its role. A withdrawn one may be in somebody else's hands.
CURRENT, NEXT, OLD, WITHDRAWN = "current", "next", "old", "withdrawn"


class ProgrammeKeyWithinReach(Exception):
    """A process that serves requests could widen collection."""


class KeysMissing(Exception):
    """A key that is needed now is not in KEYS_DIR, or can't be read by this process."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A public key as it is listed: `status` is one of the four words, `since` when it became that.

    `since` is None for keys made before it was noted.
    """

    role: str
    kid: str
    status: str
    since: datetime | None


def listed_keys() -> list[ListedKey]:
    """Return every key that this portal signs with, will, or did, role by role.

    Withdrawn and old policy keys are listed until no device needs them, old checkpoint keys for
    ever.

    Raises:
        KeysMissing: there is no list.
    """
    entries: list[dict[str, str | None]] = published_keys()["keys"]
    return [
        ListedKey(str(entry["use_role"]), str(entry["kid"]), _status(entry, entries), _since(entry))
        for entry in sorted(entries, key=lambda entry: ROLES.index(str(entry["use_role"])))
    ]


def _status(entry: dict[str, str | None], entries: list[dict[str, str | None]]) -> str:
    """Return its status; lists of earlier versions have none, and the key in use stands first."""
    first = next(one for one in entries if one["use_role"] == entry["use_role"])
    return entry.get("status") or (CURRENT if entry is first else NEXT)


def _since(entry: dict[str, str | None]) -> datetime | None:
    since = entry.get("since")
    return parse_time(since) if since else None


def signing_key(role: str) -> SigningKey:
    """Return the private key in use for `role`.

    Raises:
        KeysMissing: it is not here, or not ours to read.
    """
    path = settings.KEYS_DIR / f"{role}.key"
    try:
        return load_key(path, role)
    except (FileNotFoundError, PermissionError) as error:
        raise KeysMissing(
            f"{path} can't be read; `manage.py create_keys` makes the keys"
        ) from error


def programme_keys_within_reach() -> list[Path]:
    """Return the programme's private keys that this process can read; in production, none."""
    paths = (settings.KEYS_DIR / "programme.key", next_key(settings.KEYS_DIR, "programme"))
    return [path for path in paths if os.access(path, os.R_OK)]


def refuse_programme_key() -> None:
    """End a process that is about to serve requests in production and can read the programme key.

    Raises:
        ProgrammeKeyWithinReach: whoever takes the process over could widen collection.
    """
    if settings.PRODUCTION and (found := programme_keys_within_reach()):
        raise ProgrammeKeyWithinReach(
            f"This process can read {found[0]} and must not. Move it to another machine, or give "
            "it to another account: docs/operations.md, section 5."
        )


def published_keys() -> dict[str, Any]:
    """Return the JWK Set (RFC 7517) with every public key, each with its `use_role`.

    Raises:
        KeysMissing: there is none.
    """
    path = settings.KEYS_DIR / LISTING
    try:
        return _load_published(path, _stamp(path))
    except FileNotFoundError as error:
        raise KeysMissing(f"{path} is missing; `manage.py create_keys` makes it") from error


def create_keys(folder: Path) -> list[str]:
    """Make the keys of each role that has none published, `jwks.json`, and the first sealing key.

    Returns the names of the files made. A role whose public keys are published is left alone,
    whether its private keys are still here or were moved to another machine: devices trust the
    published ones. `sealing.keys` is never replaced: what was sealed opens with nothing else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    with alone_in(folder):
        made = _create_signing_keys(folder)
        # A link whose target is away counts as there: the keys may be on a disk not mounted yet.
        if not os.path.lexists(folder / SEALING_KEYS):
            write_private(folder / SEALING_KEYS, new_sealing_line().encode())
            made.append(SEALING_KEYS)
    return made


def _create_signing_keys(folder: Path) -> list[str]:
    listing = folder / LISTING
    published = json.loads(listing.read_text())["keys"] if listing.exists() else []
    made = []
    for role in ROLES:
        if any(key["use_role"] == role for key in published):
            continue
        for status, path in ((CURRENT, folder / f"{role}.key"), (NEXT, next_key(folder, role))):
            if not path.exists():  # else a run that was cut off before it published
                write_private(path, new_signing_pem())
                made.append(path.name)
            published.append(listing_entry(load_key(path, role), status, at=datetime.now(UTC)))
    write_listing(folder, published)
    return made


def next_key(folder: Path, role: str) -> Path:
    """Return where the private key stands that is announced."""
    return folder / f"{role}.next.key"


def listing_entry(key: SigningKey, status: str, *, at: datetime) -> dict[str, Any]:
    """Return a key's entry in the list; a reader of a JWK Set ignores what it adds."""
    since = format_time(at.replace(microsecond=0))
    return key.public_jwk() | {"status": status, "since": since, "until": None}


def write_listing(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Replace `jwks.json`, whole. Call it `alone_in` the folder."""
    content = json.dumps({"keys": entries}, indent=1) + "\n"
    write_private(folder / LISTING, content.encode(), mode=0o644)


def new_sealing_line() -> str:
    """Return a new key as a line of `sealing.keys`: an id of 8 random bytes, a key of 32."""
    return f"{secrets.token_hex(8)} {b64encode(secrets.token_bytes(32)).decode()}\n"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else change keys in `folder` meanwhile: one of two changes would be lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write or replace a file that nobody but its owner could ever open; whole, or not at all.

    On return it survives a power cut. A file that is replaced keeps its owner, and a new one gets
    the folder's, so that root may rotate the keys of the account that serves. Call it `alone_in`
    the folder. Another `mode` is for what is no secret.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)  # whatever the umask
        owner = (path if path.exists() else path.parent).stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.fsync(descriptor)
    unfinished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_signing_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def load_key(path: Path, role: str) -> SigningKey:
    """Return the private key in a file.

    Raises:
        OSError: it can't be read.
        KeysMissing: it is no Ed25519 key.
    """
    return _load(path, _stamp(path), role)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what differs once another file has taken the place of this one.

    Not its time alone: keys that were made within one tick of the file system share that.
    """
    status = path.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino


# The stamp is part of what is remembered, so that a replaced file is read again.
@lru_cache(maxsize=16)
def _load(path: Path, _stamped: tuple[int, int, int], role: str) -> SigningKey:
    private = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeysMissing(f"{path} is not an Ed25519 key")
    return SigningKey.from_private(private, role=role)


@lru_cache(maxsize=4)
def _load_published(path: Path, _stamped: tuple[int, int, int]) -> dict[str, Any]:
    published: dict[str, Any] = json.loads(path.read_text())
    return published
