"""Dropping what was erased: all of it, in time, and also what is written late."""

import os
import stat
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_agent import spool as spool_module
from consent_agent.errors import NotEnrolled, StateRefused
from consent_agent.protocol.documents import Erase
from consent_agent.protocol.members import Members
from consent_agent.spool import Batch, Spool
from tests.agent.simulated_portal import NOON

MINUTE = timedelta(minutes=1)
TEN_MINUTES = Erase("e-1", NOON, NOON + 10 * MINUTE, None)
OF_SLACK = Erase("e-2", NOON, NOON + 10 * MINUTE, frozenset({"slack"}))


@pytest.fixture
def state(make_state):
    return make_state()


@pytest.fixture
def spool(state):
    return Spool(state)


def batch(start: float = 0, end: float = 1, *, application: str = "slack") -> Batch:
    """Return a batch from `start` to `end` minutes after noon."""
    return Batch(application, "keystrokes", NOON + start * MINUTE, NOON + end * MINUTE)


def waiting(spool: Spool) -> list[Batch]:
    return [found for _, found in spool.waiting()]


def files(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "state" / "spool").iterdir())


def plant(tmp_path, name: str, content: bytes) -> None:
    """Write a file as software would that does not use this package."""
    folder = tmp_path / "state" / "spool"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / name).touch(mode=0o600)
    (folder / name).write_bytes(content)


def test_keeps_a_batch_until_it_is_taken_away(spool, tmp_path):
    content = b"typed\nmore\x00"

    name = spool.add(batch(), content)

    assert list(spool.waiting()) == [(name, batch())]
    assert spool.read(name) == content
    spool.remove(name)
    assert (waiting(spool), spool.read(name), files(tmp_path)) == ([], None, [])


@pytest.mark.parametrize(
    ("start", "end", "is_dropped"),
    [
        (-2, -0.001, False),
        (-2, 0, True),
        (-2, 5, True),
        (-2, 20, True),
        (3, 4, True),
        (9.999, 20, True),
        (10, 20, False),
        (0, 0, True),
        (10, 10, False),
        (20, 5, True),  # the wrong way round
    ],
)
def test_drops_a_batch_with_any_part_in_the_period(spool, start, end, is_dropped):
    spool.add(batch(start, end), b"x")

    dropped = spool.erase([TEN_MINUTES])

    assert dropped == int(is_dropped)
    assert waiting(spool) == ([] if is_dropped else [batch(start, end)])


def test_drops_batches_of_the_named_applications_only(spool):
    spool.add(batch(), b"x")
    spool.add(batch(application="github"), b"x")

    spool.erase([OF_SLACK])

    assert waiting(spool) == [batch(application="github")]


def test_what_is_written_late_is_not_kept(spool, tmp_path):
    spool.erase([OF_SLACK])

    name = spool.add(batch(), b"secret")

    assert name is None
    assert not (tmp_path / "state" / "spool").exists()


def test_what_other_software_writes_late_is_neither_uploaded_nor_kept(spool, tmp_path):
    spool.erase([TEN_MINUTES])

    plant(tmp_path, "late", batch().line() + b"secret")
    offered = waiting(spool)
    dropped = spool.erase([])

    assert (offered, dropped, files(tmp_path)) == ([], 1, [])


def test_remembers_across_restarts_what_the_policy_names_no_more(spool, state):
    spool.erase([OF_SLACK])
    spool.erase([])

    again = Spool.on_state(state.path)

    assert again.add(batch(), b"x") is None
    assert again.add(batch(application="github"), b"x")


@pytest.mark.parametrize(
    "line",
    [b"", b"{}\n", b"secret", b'{"application":"slack"}\n', b"x" * 5000 + b"\n"],
)
def test_a_batch_that_does_not_say_what_it_holds_goes_with_every_erasure(spool, tmp_path, line):
    plant(tmp_path, "unclear", line)

    untouched = spool.erase([]), files(tmp_path)
    offered = waiting(spool)
    dropped = spool.erase([Erase("e-3", NOON, NOON + MINUTE, frozenset({"github"}))])

    assert untouched == (0, ["unclear"])
    assert (offered, dropped, files(tmp_path)) == ([], 1, [])


def test_what_a_crash_left_half_written_is_not_offered_and_goes_too(spool, tmp_path):
    plant(tmp_path, ".abc.0a1b2c3d", batch().line() + b"sec")

    offered = waiting(spool)
    spool.erase([TEN_MINUTES])

    assert (offered, files(tmp_path)) == ([], [])


def test_a_batch_that_cannot_be_removed_is_a_failure(spool, tmp_path):
    (tmp_path / "state" / "spool" / "folder").mkdir(parents=True)

    with pytest.raises(StateRefused, match="cannot be removed"):
        spool.erase([TEN_MINUTES])


def test_a_memory_that_cannot_be_read_lets_nothing_through_and_is_begun_again(spool, tmp_path):
    spool.erase([OF_SLACK])
    spool.add(batch(application="github"), b"x")
    (tmp_path / "state" / "erasures.json").write_bytes(b"x" * 100)

    for ask in (lambda: spool.add(batch(), b"x"), lambda: waiting(spool)):
        with pytest.raises(StateRefused):
            ask()
    dropped = spool.erase([TEN_MINUTES])

    assert (dropped, files(tmp_path)) == (1, [])
    assert spool.add(batch(), b"x") is None
    assert spool.add(batch(10, 11), b"x")


def test_remembers_the_latest_so_many(spool, monkeypatch, state):
    monkeypatch.setattr(spool_module, "MOST_REMEMBERED", 2)
    erasures = [
        Erase(f"e-{number}", NOON, NOON + (number + 1) * MINUTE, None) for number in range(3)
    ]

    spool.erase(erasures[:1])
    spool.erase(erasures[1:])
    spool.erase(erasures)

    assert state.read_erasures() == frozenset(erasures[1:])


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_only_its_owner_can_open_a_batch(spool, tmp_path):
    spool.add(batch(), b"x")

    (path,) = (tmp_path / "state" / "spool").iterdir()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_device_that_is_not_enrolled_has_no_spool(tmp_path):
    with pytest.raises(NotEnrolled):
        Spool.on_state(tmp_path / "elsewhere")


APPLICATIONS = st.sampled_from(["slack", "github", "figma"])
MINUTES = st.integers(-30, 30)
ERASURES = st.builds(
    lambda start, length, applications: Erase(
        "e", NOON + start * MINUTE, NOON + (start + length) * MINUTE, applications
    ),
    MINUTES,
    st.integers(1, 30),
    st.none() | st.frozensets(APPLICATIONS, min_size=1),
)
BATCHES = st.builds(
    lambda start, length, application: batch(start, start + length, application=application),
    MINUTES,
    st.integers(0, 10),
    APPLICATIONS,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(BATCHES, max_size=5), st.lists(ERASURES, max_size=3))
def test_no_moment_of_what_was_erased_is_left(make_state, batches, erasures):
    """Minute by minute: whatever order it is written, erased and written again in."""
    spool = Spool(make_state())
    for one in batches:
        spool.add(one, b"x")

    spool.erase(erasures)
    for one in batches:
        spool.add(one, b"x")

    for left in waiting(spool):
        for erase in erasures:
            if erase.applications is None or left.application in erase.applications:
                assert not (left.starts_at < erase.ends_at and erase.starts_at <= left.ends_at)
    assert {one for one in batches if not any(map(one.is_covered, erasures))} == {*waiting(spool)}


@given(ERASURES)
def test_an_erasure_is_read_back_as_it_was_written(erase):
    assert Erase.from_members(Members(erase.entry())) == erase
