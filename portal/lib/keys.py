"""Keys on disk: files readable by their owner alone, and the published set of the signing keys.

`KEYS_DIR` holds, per role, the private keys `<role>.key` (in use) and `<role>.next.key` (announced,
so that a rotation surprises no agent) in PEM, and `jwks.json` with the public part of all. The
programme key may live on another machine: then only its public part is here. `sealing.keys` holds
the keys that texts are encrypted under; `portal/lib/sealing.py` reads and rotates them.
"""

import fcntl
import json
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
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

ROLES = ("programme", "policy", "checkpoint")
SEALING_KEYS = "sealing.keys"


class KeysMissing(Exception):
    """A key that is needed now is not in KEYS_DIR, or can't be read by this process."""


def signing_key(role: str) -> SigningKey:
    """Return the private key in use for `role`.

    Raises:
        KeysMissing: it is not here, or not ours to read.
    """
    path = settings.KEYS_DIR / f"{role}.key"
    try:
        return _load(path, path.stat().st_mtime_ns, role)
    except (FileNotFoundError, PermissionError) as error:
        raise KeysMissing(
            f"{path} can't be read; `manage.py create_keys` makes the keys"
        ) from error


def published_keys() -> dict[str, Any]:
    """Return the JWK Set (RFC 7517) with every public key, each with its `use_role`.

    Raises:
        KeysMissing: there is none.
    """
    path = settings.KEYS_DIR / "jwks.json"
    try:
        return _load_published(path, path.stat().st_mtime_ns)
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
    listing = folder / "jwks.json"
    published = json.loads(listing.read_text())["keys"] if listing.exists() else []
    made = []
    for role in ROLES:
        if any(key["use_role"] == role for key in published):
            continue
        for name in (f"{role}.key", f"{role}.next.key"):
            path = folder / name
            if not path.exists():  # else a run that was cut off before it published
                write_private(path, _new_signing_pem())
                made.append(name)
            published.append(_load(path, path.stat().st_mtime_ns, role).public_jwk())
    listing.write_text(json.dumps({"keys": published}, indent=1) + "\n")
    return made


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


def write_private(path: Path, content: bytes) -> None:
    """Write or replace a file that nobody but its owner could ever open; whole, or not at all.

    On return it survives a power cut. A file that is replaced keeps its owner, so that root may
    rotate the keys of the account that serves. Call it `alone_in` the folder.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if path.exists() and path.stat().st_uid != os.geteuid():
            os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
        os.fsync(descriptor)
    unfinished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_signing_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


# The time of change is part of what is remembered, so that a replaced file is read again.
@lru_cache(maxsize=16)
def _load(path: Path, _changed_ns: int, role: str) -> SigningKey:
    private = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeysMissing(f"{path} is not an Ed25519 key")
    return SigningKey.from_private(private, role=role)


@lru_cache(maxsize=4)
def _load_published(path: Path, _changed_ns: int) -> dict[str, Any]:
    published: dict[str, Any] = json.loads(path.read_text())
    return published
