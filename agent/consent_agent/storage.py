"""Files that only their owner can read, that are whole or absent, and that tell when altered.

A sealed file is a line with an HMAC-SHA256 in hexadecimal, then the content. The key comes from
the device's private key (HKDF, RFC 5869), one for each file name, so no file passes for another.
The seal finds damage and edits by whoever cannot read the private key; it does not stop the owner
of the machine. What the files mean is left to `state`.
"""

import hmac
import os
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent_agent.errors import StateRefused

_SEAL_LENGTH = 64
# File systems tell two moments apart that are some milliseconds away from each other.
SETTLED_NS: Final = 1_000_000_000


class Stamp(NamedTuple):
    """One state of one file; another content has another one, unless both are of one moment."""

    inode: int
    size: int
    written_ns: int
    changed_ns: int
    mode: int


@dataclass(frozen=True)
class Look:
    """What some files looked like. Only of settled ones it can be said later that nothing changed:
    what was written a moment ago may be written once more within that moment.
    """

    stamps: Mapping[str, Stamp | None] = field(default_factory=dict)
    mode: int | None = None
    is_settled: bool = False

    def still_holds(self, later: "Look") -> bool:
        return self.is_settled and (self.stamps, self.mode) == (later.stamps, later.mode)


class Folder:
    """A folder of the owner's own, with files read and replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, *, most_bytes: int = -1) -> bytes | None:
        """Return a file's content, or its beginning, or None where there is no such file.

        Raises:
            StateRefused: it cannot be read, other users could read it, or could have put it there.
        """
        path = self.path / name
        try:
            if os.name == "posix":
                _check_owned(path, name)
            with path.open("rb") as file:
                return file.read(most_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateRefused(name, f"cannot be read ({error.strerror})") from error

    def write(self, name: str, content: bytes, *, at_once: bool = True) -> None:
        """Replace a file; it is on the disk when this returns, or soon if not `at_once`.

        Raises:
            StateRefused: the disk refused.
        """
        path = self.path / name
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._make(path.parent)
            try:
                _write_anew(fresh, content, sync=at_once)
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
            if at_once:
                _sync_folder(path.parent)
        except OSError as error:
            raise StateRefused(name, f"cannot be written ({error.strerror})") from error

    def remove(self, name: str) -> None:
        """Delete a file, and what a crash while writing it may have left behind.

        Raises:
            StateRefused: the disk refused.
        """
        path = self.path / name
        try:
            for leftover in (path, *path.parent.glob(f".{path.name}.*")):
                leftover.unlink(missing_ok=True)
            if path.parent.is_dir():
                _sync_folder(path.parent)
        except OSError as error:
            raise StateRefused(name, f"cannot be removed ({error.strerror})") from error

    def stamp(self, name: str) -> Stamp | None:
        """Return what tells one content of a file from the next; None without a file."""
        try:
            status = os.stat(f"{self.path}/{name}", follow_symlinks=False)  # noqa: PTH116  # fast
        except OSError:
            return None
        return Stamp(
            status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode
        )

    def look(self, names: Iterable[str]) -> "Look":
        """Look at files without opening them; the folder itself counts by its rights."""
        began = time.time_ns()
        stamps = {name: self.stamp(name) for name in names}
        own = self.stamp(".")
        latest = max((max(s.changed_ns, s.written_ns) for s in stamps.values() if s), default=0)
        return Look(stamps, own.mode if own else None, latest + SETTLED_NS < began)

    def names(self, below: str) -> list[str]:
        folder = self.path / below
        return [f"{below}/{path.name}" for path in folder.iterdir()] if folder.is_dir() else []

    def _make(self, folder: Path) -> None:
        # One by one: `parents=True` would leave those above to the user's umask.
        for path in (*reversed(self.path.parents), self.path, folder):
            if not path.exists():
                path.mkdir(mode=0o700, exist_ok=True)


class Seal:
    """Seals content with keys that only this device's private key yields."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._secret = private.private_bytes_raw()

    def close(self, name: str, content: bytes) -> bytes:
        return self._mac(name, content) + b"\n" + content

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return the content of a sealed file.

        Raises:
            StateRefused: one bit of it is another.
        """
        content = sealed[_SEAL_LENGTH + 1 :]
        if not hmac.compare_digest(self.close(name, content), sealed):
            raise StateRefused(name, "was altered")
        return content

    def _mac(self, name: str, content: bytes) -> bytes:
        info = b"consent-agent state file " + name.encode()
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._secret)
        return hmac.new(key, content, sha256).hexdigest().encode("ascii")


def _check_owned(path: Path, name: str) -> None:
    """Refuse what others can open or may have planted, and pipes, which never end."""
    status, folder = path.lstat(), path.parent.stat()
    if not stat.S_ISREG(status.st_mode):
        raise StateRefused(name, "is no plain file")
    if status.st_mode & 0o077:
        raise StateRefused(name, "can be opened by other users")
    if folder.st_mode & 0o022 or status.st_uid != folder.st_uid:
        raise StateRefused(name, "stands where other users can put files")


def _write_anew(path: Path, content: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder, and writes renames through
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
