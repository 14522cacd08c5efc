"""Signing keys on disk: one file a key, readable by its owner alone, and the published set.

`KEYS_DIR` holds, per role, the private keys `<role>.key` (in use) and `<role>.next.key` (announced,
so that a rotation surprises no agent) in PEM, and `jwks.json` with the public part of all. The
programme key may live on another machine: then only its public part is here.
"""

import json
import os
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
    """Make the keys of each role that has none published, and `jwks.json`; return the names made.

    A role whose public keys are published is left alone, whether its private keys are still here or
    were moved to another machine: devices trust the published ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    listing = folder / "jwks.json"
    published = json.loads(listing.read_text())["keys"] if listing.exists() else []
    made = []
    for role in ROLES:
        if any(key["use_role"] == role for key in published):
            continue
        for name in (f"{role}.key", f"{role}.next.key"):
            path = folder / name
            if not path.exists():  # else a run that was cut off before it published
                _write_private(path)
                made.append(name)
            published.append(_load(path, path.stat().st_mtime_ns, role).public_jwk())
    listing.write_text(json.dumps({"keys": published}, indent=1) + "\n")
    return made


def _write_private(path: Path) -> None:
    """Write a new key to a file that nobody else could ever open."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


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
