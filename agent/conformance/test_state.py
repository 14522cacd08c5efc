"""The folder of the device: what is missing, altered or another device's opens nothing."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.device import DENIED, OPEN, USUAL_POLICY, Device
from conformance.documents import COHORT

PLACES = 48


@contextmanager
def replaced(device: Device, path: Path, content: bytes | None) -> Iterator[None]:
    """Put other content in a file, or none, while the agent is not running; then mend it."""
    right, mode = path.read_bytes(), path.stat().st_mode
    device.restart()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    yield
    device.restart()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(right)
    path.chmod(mode)


def is_needed(device: Device, path: Path) -> bool:
    """Say whether the gate closes without this file."""
    with replaced(device, path, None):
        return not device.ask(OPEN).allowed


def flips(content: bytes) -> Iterator[bytes]:
    """Yield the content with one bit altered, at places all over it."""
    last = len(content) - 1
    for place in sorted({last * step // (PLACES - 1) for step in range(PLACES)}):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        yield bytes(damaged)


def test_a_policy_survives_a_restart(working: Device) -> None:
    working.portal.stop()
    working.restart()

    working.allows()
    working.denies("preference", DENIED)
    assert working.show()["device_version"] == 17


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_files_are_their_owners_only(working: Device) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in working.files()}

    assert modes
    assert not [name for name, mode in modes.items() if mode & 0o077], modes


def test_a_file_that_is_gone_opens_nothing(working: Device) -> None:
    working.portal.stop()
    for path in working.files():
        with replaced(working, path, None):
            assert not working.ask(DENIED).allowed, f"without {path.name}"

    working.allows()


def test_at_least_one_file_is_needed(working: Device) -> None:
    """Else the policy is kept where this suite can't look, and the cases here prove nothing."""
    assert any(is_needed(working, path) for path in working.files())


def test_a_file_that_was_altered_closes_the_gate(working: Device) -> None:
    """Every file without which the gate closes must be whole as well."""
    working.portal.stop()
    for path in working.files():
        if not is_needed(working, path):
            continue
        content = path.read_bytes()
        for damaged in (*flips(content), content[:-1], content[: len(content) // 2], b""):
            with replaced(working, path, damaged):
                assert not working.ask(OPEN).allowed, f"{path.name} altered"
    working.allows()


def test_a_file_that_was_altered_never_opens_what_is_denied(working: Device) -> None:
    working.portal.stop()
    for path in working.files():
        for damaged in flips(path.read_bytes()):
            with replaced(working, path, damaged):
                assert not working.ask(DENIED).allowed, f"{path.name} altered"


PAUSE_OF_EVERYTHING = {
    "id": "33333333-0000-4000-8000-000000000003",
    "from": "2026-11-23T12:00:00Z",
    "until": None,
    "source": "pause",
}


def test_an_older_file_put_back_is_no_way_back(working: Device) -> None:
    """Somebody keeps a copy of each file, and puts one back after a restriction came.

    What it held may be fresh still, if the agent keeps everything in that one file; the next answer
    ends that, and so does the window.
    """
    kept = {path: path.read_bytes() for path in working.files()}
    working.portal.publish(version=18, deny=[*USUAL_POLICY["deny"], PAUSE_OF_EVERYTHING])
    working.takes_policy()
    working.denies("pause")

    for path, content in kept.items():
        if not path.exists():
            continue
        with replaced(working, path, content):
            working.poll()
            assert not working.ask(OPEN).allowed, f"{path.name} of before"
    working.takes_policy()
    working.clock.pass_time(minutes=16)
    for path, content in kept.items():
        if path.exists():
            with replaced(working, path, content):
                assert not working.ask(OPEN).allowed, f"{path.name} of before"


def test_a_file_of_another_device_opens_nothing(
    working: Device, make_device: Callable[[], Device]
) -> None:
    other = make_device()
    assert other.enrol()["ok"]
    other.portal.publish(version=17)
    other.takes_policy()
    other.allows(DENIED)
    working.portal.stop()

    theirs = {path.relative_to(other.state): path.read_bytes() for path in other.files()}
    for path in working.files():
        content = theirs.get(path.relative_to(working.state))
        if content is not None and content != path.read_bytes():
            with replaced(working, path, content):
                assert not working.ask(DENIED).allowed, f"{path.name} of another device"


def test_the_whole_folder_of_another_device_opens_nothing(
    working: Device, make_device: Callable[[], Device]
) -> None:
    """It was made on another machine, and so in another boot."""
    other = make_device()
    assert other.enrol()["ok"]
    other.portal.publish(version=17)
    other.takes_policy()
    working.restart()
    shutil.rmtree(working.state)
    shutil.copytree(other.state, working.state)

    working.reboot(up_seconds=2000.0)

    working.denies(None)
    working.denies(None, DENIED)


def test_a_folder_that_is_gone_needs_another_enrolment(working: Device) -> None:
    working.restart()
    shutil.rmtree(working.state)

    working.denies("no_policy")
    working.refuses(None)
    working.denies("no_policy")

    assert working.enrol()["ok"]
    working.takes_policy()
    working.allows()


def test_recovers_from_damage_by_a_right_answer_or_another_enrolment(working: Device) -> None:
    """Damage may stop the agent, never make it collect what is denied."""
    for path in working.files():
        content = path.read_bytes()
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 1
        with replaced(working, path, bytes(damaged)):
            working.poll()
            assert not working.ask(DENIED).allowed, f"{path.name} altered"
    working.takes_policy()
    working.moved(COHORT)  # what was damaged may be where its owner works
    working.allows()
