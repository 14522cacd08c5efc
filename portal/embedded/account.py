"""The unprivileged account that runs a server for root, and folders it can reach."""

import hashlib
import os
import pwd
import shutil
from pathlib import Path


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to run servers as when we are root; None when we are somebody already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def can_reach(account: pwd.struct_passwd, path: Path) -> bool:
    """Whether `account` may pass through every folder above `path` (by its mode bits)."""
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == account.pw_uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == account.pw_gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True


def reachable_folder(account: pwd.struct_passwd | None, wanted: Path) -> Path:
    """Make and return `wanted`, or a stand-in for it below /var/tmp if `account` can't get there.

    A checkout in /root or in a private temporary folder is closed to every other account; we
    never open somebody's parent folders for that, we go elsewhere.
    """
    wanted.mkdir(parents=True, exist_ok=True)
    if account is None or can_reach(account, wanted / "anything"):
        return wanted
    stand_in = _stand_in(wanted)
    stand_in.mkdir(exist_ok=True)
    if stand_in.is_symlink() or stand_in.stat().st_uid != os.geteuid():
        raise PermissionError(f"{stand_in} is not ours")
    stand_in.chmod(0o711)  # whatever the umask is
    return stand_in


def remove_folder(wanted: Path) -> None:
    """Remove `wanted` and its stand-in."""
    stand_in = _stand_in(wanted)
    if stand_in.is_dir() and not stand_in.is_symlink() and stand_in.stat().st_uid == os.geteuid():
        shutil.rmtree(stand_in)
    if wanted.exists():
        shutil.rmtree(wanted)


def _stand_in(wanted: Path) -> Path:
    name = hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:16]
    return Path("/var/tmp") / f"consent-portal-{name}"  # noqa: S108 (its owner is checked)
