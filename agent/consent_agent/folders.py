"""Where this user's state is kept, and whether that place is theirs alone.

The rules of each platform: the XDG base directories on Linux, Application Support on macOS, the
local (not roaming) application data on Windows, whose rights are inherited from the user's profile
and not looked at here. What stands in the folder is left to `state`.
"""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Final

from consent_agent.errors import FolderRefused

NAME: Final = "consent-agent"


def default_folder() -> Path:
    """Return the platform's folder for state of this user."""
    return Path(state_folder(sys.platform, os.environ, Path.home()))


def state_folder(platform: str, environment: Mapping[str, str], home: PurePath) -> PurePath:
    """Return the folder on `platform` (as `sys.platform` names it).

    Variables that do not hold an absolute path do not count. Source: XDG Base Directory
    Specification; File System Programming Guide (macOS); Known Folders (Windows).
    """
    if platform == "win32":
        local = PureWindowsPath(environment.get("LOCALAPPDATA", ""))
        return (local if local.is_absolute() else PureWindowsPath(home, "AppData", "Local")) / NAME
    if platform == "darwin":
        return PurePosixPath(home, "Library", "Application Support", NAME)
    state = PurePosixPath(environment.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else PurePosixPath(home, ".local", "state")) / NAME


def check_folder(path: Path) -> None:
    """Accept a folder that is this user's own, or one that could be made.

    Raises:
        FolderRefused: it belongs to somebody else, or others can put files into it, or everybody
            can put another in its place.
    """
    if os.name != "posix":
        return
    try:
        whole = path.resolve()
        if path.exists():
            _check_own(whole)
        for above in whole.parents:
            if above.exists():
                _check_above(whole, above)
    except OSError as error:
        raise FolderRefused(path, f"cannot be looked at ({error.strerror})") from error


def _check_own(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise FolderRefused(path, "is no folder")
    if status.st_uid != os.geteuid():
        raise FolderRefused(path, "belongs to another user: run this as them")
    if status.st_mode & 0o022:
        raise FolderRefused(path, f"can be written by other users: chmod go-w {path}")


def _check_above(path: Path, above: Path) -> None:
    """Refuse where everybody may rename folders; a sticky bit keeps each to their own."""
    mode = above.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise FolderRefused(path, f"stands in {above}, which everybody can write")
