"""Where state is kept on each platform, and which places are refused (T28)."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from consent_agent import folders
from consent_agent.errors import FolderRefused
from consent_agent.folders import check_folder, default_folder, state_folder
from consent_agent.gate import Gate
from consent_agent.state import State

MIRA = PurePosixPath("/home/mira")
WINDOWS = PureWindowsPath(r"C:\Users\mira")


@pytest.mark.parametrize(
    ("platform", "environment", "home", "expected"),
    [
        ("linux", {}, MIRA, "/home/mira/.local/state/consent-agent"),
        ("linux", {"XDG_STATE_HOME": "/var/state/mira"}, MIRA, "/var/state/mira/consent-agent"),
        ("linux", {"XDG_STATE_HOME": ""}, MIRA, "/home/mira/.local/state/consent-agent"),
        ("linux", {"XDG_STATE_HOME": "state"}, MIRA, "/home/mira/.local/state/consent-agent"),
        ("freebsd14", {}, MIRA, "/home/mira/.local/state/consent-agent"),
        (
            "darwin",
            {"XDG_STATE_HOME": "/var/state"},
            PurePosixPath("/Users/mira"),
            "/Users/mira/Library/Application Support/consent-agent",
        ),
        (
            "win32",
            {"LOCALAPPDATA": r"D:\Profiles\mira\Local"},
            WINDOWS,
            r"D:\Profiles\mira\Local\consent-agent",
        ),
        ("win32", {}, WINDOWS, r"C:\Users\mira\AppData\Local\consent-agent"),
        ("win32", {"LOCALAPPDATA": "Local"}, WINDOWS, r"C:\Users\mira\AppData\Local\consent-agent"),
        (
            "win32",
            {"APPDATA": r"\\server\roaming"},  # a key that roams is a key on a server
            WINDOWS,
            r"C:\Users\mira\AppData\Local\consent-agent",
        ),
    ],
)
def test_each_platform_has_its_folder(platform, environment, home, expected):
    assert str(state_folder(platform, environment, home)) == expected


@pytest.mark.skipif(os.name != "posix", reason="a rule of POSIX systems")
def test_the_folder_of_this_user(monkeypatch, tmp_path):
    monkeypatch.setattr(folders.sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert default_folder() == tmp_path / "consent-agent"


posix = pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")


@posix
def test_makes_a_folder_for_its_owner_alone_with_all_that_is_above(make_state, tmp_path):
    old = os.umask(0)  # whatever the user's habit
    try:
        state = State.create(tmp_path / "a" / "b", make_state().enrolment)
    finally:
        os.umask(old)

    assert state.path.stat().st_mode & 0o777 == 0o700
    check_folder(state.path)


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_refuses_a_folder_that_others_can_write(tmp_path, mode):
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(FolderRefused, match="can be written by other users"):
        check_folder(folder)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_refuses_a_folder_that_everybody_could_put_another_in_place_of(tmp_path, exists):
    above = tmp_path / "shared"
    (above / "state").mkdir(parents=True) if exists else above.mkdir()
    above.chmod(0o777)

    with pytest.raises(FolderRefused, match="which everybody can write"):
        check_folder(above / "state")

    above.chmod(0o1777)  # as /tmp is
    check_folder(above / "state")


@posix
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_refuses_the_folder_of_somebody_else(make_stored_policy, clock):
    state = make_stored_policy()
    assert Gate.from_state(state.path, clock).held

    os.chown(state.path, 65_534, 65_534)

    with pytest.raises(FolderRefused, match="belongs to another user"):
        check_folder(state.path)
    assert Gate.from_state(state.path, clock).closed_because == "folder_refused"


@posix
def test_refuses_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "state").write_text("x")

    with pytest.raises(FolderRefused, match="is no folder"):
        check_folder(tmp_path / "state")


@posix
def test_a_link_is_judged_by_where_it_leads(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    link: Path = tmp_path / "state"
    link.symlink_to(shared)

    with pytest.raises(FolderRefused):
        check_folder(link)
