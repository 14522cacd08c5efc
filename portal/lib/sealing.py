"""Encryption at rest under keys that live outside the database.

A row has a data key of its own, and its texts and files are sealed under it. The database holds the
data key only wrapped by the portal's sealing key, which is in `KEYS_DIR/sealing.keys`. So a copy
of the database opens nothing, erasing a data key erases what it sealed, and rotating the sealing
key rewraps data keys and leaves what they sealed as it is. All is AES-256-GCM with random nonces of
96 bits: good for 2^32 wrappings by one sealing key and as many texts under one data key.
Source: NIST SP 800-38D, section 8.3.

A wrapped data key, 69 bytes:

    at  length
     0       1  0x01, the version of this format
     1       8  the id of the sealing key
     9      12  the nonce
    21      48  the data key (32 bytes) encrypted by the sealing key, then the tag (16 bytes);
                authenticated with it: the ASCII text "data key" and bytes 0 to 8

Sealed content, 29 bytes longer than the content:

    at  length
     0       1  0x01, the version of this format
     1      12  the nonce
    13   n + 16  the content encrypted by the data key, then the tag (16 bytes);
                authenticated with it: the ASCII text "content", byte 0, the purpose in UTF-8

`sealing.keys`: one key a line, its id (16 lower-case hexadecimal digits), a space, 32 bytes in
base64. The first is in use, the others open what is older. Plain data keys are never kept: to
unwrap one takes microseconds.

What this does not hide or notice: how long a text is, and that an older version which was sealed
for the same purpose and data key was put back. It leaves to its callers to choose purposes that
name one place each, and to replace content and data key in one transaction.
"""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Set
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from portal.lib.keys import SEALING_KEYS, KeysMissing, alone_in, new_sealing_line, write_private

VERSION = b"\x01"
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32
ID_BYTES = 8
HEADER_BYTES = len(VERSION) + ID_BYTES
WRAPPED_BYTES = HEADER_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES
# These keep a wrapped key from being taken for sealed content, should keys ever be mixed up.
DATA_KEY = b"data key"
CONTENT = b"content"


class Unreadable(Exception):
    """What is stored can't be opened with the keys here, or was altered."""


@sensitive_variables()
def new_data_key() -> bytes:
    """Return a new data key, wrapped by the sealing key in use: what a row stores.

    Raises:
        KeysMissing: there are no sealing keys here; so do all functions that need one.
    """
    return _wrap(AESGCM.generate_key(bit_length=KEY_BYTES * 8))


@sensitive_variables()
def seal(wrapped_key: bytes, content: bytes, *, purpose: str) -> bytes:
    """Encrypt `content` so that it opens with this data key and for this purpose only.

    `purpose` names the one place where it is stored, such as "message:<uuid>": moved to another, it
    does not open.

    Raises:
        Unreadable: the data key can't be unwrapped.
    """
    cipher = AESGCM(_unwrap(wrapped_key))
    return VERSION + _encrypt(cipher, content, CONTENT + VERSION + purpose.encode())


@sensitive_variables()
def unseal(wrapped_key: bytes, sealed: bytes, *, purpose: str) -> bytes:
    """Return what was sealed under this data key for this purpose.

    Raises:
        Unreadable: it was altered, or sealed under another key or for another purpose.
    """
    if not sealed.startswith(VERSION):
        raise Unreadable("sealed content has a version that is unknown here")
    cipher = AESGCM(_unwrap(wrapped_key))
    return _decrypt(cipher, sealed[len(VERSION) :], CONTENT + VERSION + purpose.encode())


@sensitive_variables()
def rewrap(wrapped_key: bytes) -> bytes | None:
    """Return the data key wrapped by the sealing key in use; None if it already is.

    Raises:
        Unreadable: the sealing key that wraps it now is not here, or it was altered.
    """
    if key_id_of(wrapped_key) == next(iter(_sealing_keys())):
        return None
    return _wrap(_unwrap(wrapped_key))


def key_id_of(wrapped_key: bytes) -> str:
    """Return the id of the sealing key that wraps it.

    Raises:
        Unreadable: it is no wrapped key of a version known here.
    """
    if len(wrapped_key) != WRAPPED_BYTES or not wrapped_key.startswith(VERSION):
        raise Unreadable("a wrapped data key has a form that is unknown here")
    return wrapped_key[len(VERSION) : HEADER_BYTES].hex()


def add_key(folder: Path) -> str:
    """Make a new sealing key and put it to use; the others stay, to open what they wrap.

    Returns its id. Processes that run use it from their next call.

    Raises:
        KeysMissing: there are none yet; `manage.py create_keys` makes the first.
    """
    path = folder / SEALING_KEYS
    with alone_in(folder):
        held = _read(path)
        added = _parse(path, new_sealing_line())
        # Last before it is first: a power cut must not take a key that already wrapped something.
        _write(path, held | added)
        _write(path, added | held)
    return next(iter(added))


def retire_keys(folder: Path, keep: Set[str]) -> list[str]:
    """Delete the sealing keys that are neither in use nor in `keep`, and return their ids.

    What they wrap is lost for good: `keep` must hold the id of every data key that is stored.

    Raises:
        KeysMissing: there are none.
    """
    path = folder / SEALING_KEYS
    with alone_in(folder):
        held = _read(path)
        dropped = [key_id for key_id in list(held)[1:] if key_id not in keep]
        if dropped:
            _write(path, {key_id: held[key_id] for key_id in held if key_id not in dropped})
    return dropped


def _wrap(data_key: bytes) -> bytes:
    key_id, cipher = next(iter(_sealing_keys().items()))
    header = VERSION + bytes.fromhex(key_id)
    return header + _encrypt(cipher, data_key, DATA_KEY + header)


def _unwrap(wrapped_key: bytes) -> bytes:
    key_id = key_id_of(wrapped_key)
    cipher = _sealing_keys().get(key_id)
    if cipher is None:
        raise Unreadable(f"the sealing key {key_id} is not here")
    header, encrypted = wrapped_key[:HEADER_BYTES], wrapped_key[HEADER_BYTES:]
    return _decrypt(cipher, encrypted, DATA_KEY + header)


def _encrypt(cipher: AESGCM, content: bytes, authenticated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, authenticated)


def _decrypt(cipher: AESGCM, encrypted: bytes, authenticated: bytes) -> bytes:
    if len(encrypted) < NONCE_BYTES + TAG_BYTES:
        raise Unreadable("what is stored was cut off")
    try:
        return cipher.decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], authenticated)
    except InvalidTag:
        raise Unreadable("what is stored was altered or belongs elsewhere") from None


def _sealing_keys() -> dict[str, AESGCM]:
    """Return the cipher of each sealing key by its id, the one in use first."""
    path = settings.KEYS_DIR / SEALING_KEYS
    try:
        found = path.stat()
    except OSError as error:
        raise _missing(path) from error
    # A clock's tick may be longer than a rotation, hence not the time alone.
    return _load(path, (found.st_mtime_ns, found.st_ino, found.st_size))


# One entry: ciphers of keys that were retired are forgotten when the file is read again.
@lru_cache(maxsize=1)
def _load(path: Path, _version: tuple[int, int, int]) -> dict[str, AESGCM]:
    return {key_id: AESGCM(key) for key_id, key in _read(path).items()}


def _read(path: Path) -> dict[str, bytes]:
    try:
        text = path.read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        raise _missing(path) from error
    return _parse(path, text)


def _missing(path: Path) -> KeysMissing:
    return KeysMissing(
        f"{path} can't be read; restore it, or `manage.py create_keys` if nothing was sealed yet"
    )


@sensitive_variables()
def _parse(path: Path, text: str) -> dict[str, bytes]:
    """Return each key by its id in the order of the file; errors name the line, never a key."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        key_id, _, encoded = line.partition(" ")
        key = _decoded(encoded)
        if not re.fullmatch(r"[0-9a-f]{16}", key_id) or len(key) != KEY_BYTES:
            raise KeysMissing(f"{path}, line {number}: not an id and a key of {KEY_BYTES} bytes")
        if key_id in keys:
            raise KeysMissing(f"{path}, line {number}: the id of an earlier line")
        keys[key_id] = key
    if not keys:
        raise KeysMissing(f"{path} has no key")
    return keys


def _decoded(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        return b""


@sensitive_variables()
def _write(path: Path, keys: dict[str, bytes]) -> None:
    lines = [f"{key_id} {b64encode(key).decode()}\n" for key_id, key in keys.items()]
    write_private(path, "".join(lines).encode())
