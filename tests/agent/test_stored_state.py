"""Files of the agent: owner only, whole, and checked at each load (T16, T28)."""

import os
import stat
import threading
import time
from dataclasses import replace

import pytest

from consent_agent import storage
from consent_agent.acceptance import Floors, accept
from consent_agent.errors import NotEnrolled, StateRefused
from consent_agent.gate import Gate
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.decision import Reason
from consent_agent.state import LocalPause, State
from consent_agent.storage import Seal
from tests.agent.simulated_portal import (
    COHORT,
    DEVICE,
    NOON,
    REGISTER_DIGEST,
    deny,
    filter_document,
)


@pytest.fixture
def open_gate(tmp_path, clock):
    """Open a gate as another process would."""
    return lambda: Gate.from_state(tmp_path / "state", clock)


def reason(gate: Gate) -> Reason:
    return gate.may_capture(application="visual-studio-code", kind="keystrokes").reason


def collects(gate: Gate) -> bool:
    return gate.may_capture(application="visual-studio-code", kind="keystrokes").allowed


def test_another_process_finds_the_policy_in_force(make_stored_policy, open_gate):
    make_stored_policy()

    assert collects(open_gate())


def test_files_belong_to_their_owner_only(make_stored_policy, tmp_path, clock):
    state = make_stored_policy()
    state.write_pause(LocalPause(5, clock.now(), "key"))
    paths = [tmp_path / "state", *(tmp_path / "state").rglob("*")]

    def modes(of):
        return {stat.S_IMODE(path.stat().st_mode) for path in of}

    assert modes(path for path in paths if path.is_file()) == {0o600}
    assert modes(path for path in paths if path.is_dir()) == {0o700}


def test_leaves_no_temporary_files(make_stored_policy, tmp_path):
    make_stored_policy()

    assert not list((tmp_path / "state").rglob(".*"))


@pytest.mark.parametrize("name", ["enrolment.json", "policy.json", "floors.json", "place.json"])
def test_a_flipped_bit_in_any_byte_of_a_file_stops_collection(
    make_stored_policy, open_gate, tmp_path, name
):
    make_stored_policy()
    path = tmp_path / "state" / name
    content = path.read_bytes()
    gate = open_gate()

    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        gate.reload()
        assert not collects(gate), position

    path.write_bytes(content)
    gate.reload()
    assert collects(gate)


def test_without_the_file_the_only_cohort_of_the_floors_is_the_place(
    make_stored_policy, open_gate, tmp_path
):
    """So did version 0.1.0 leave it; with two cohorts nobody can tell which."""
    state = make_stored_policy()
    (tmp_path / "state" / "place.json").unlink()
    policy, floors = state.read_policy(), state.read_floors()
    state.write_policy(policy, replace(floors, has_place=False))
    with_one = open_gate()
    two = {**floors.ceilings, "us-ca": floors.ceilings[COHORT]}
    state.write_policy(policy, replace(floors, has_place=False, ceilings=two))

    assert collects(with_one)
    assert reason(open_gate()) is Reason.COHORT_UNCONFIRMED


def test_where_the_file_was_and_is_lost_nobody_knows_the_place(
    make_stored_policy, open_gate, tmp_path
):
    """The floors may know one that the owner never confirmed."""
    make_stored_policy()

    (tmp_path / "state" / "place.json").unlink()

    assert reason(open_gate()) is Reason.COHORT_UNCONFIRMED


def test_a_gate_goes_by_the_owners_word_at_its_next_look(make_stored_policy, open_gate, clock):
    state = make_stored_policy()
    gate = open_gate()

    state.say_place("us-ca")
    clock.pass_time(seconds=0.1)
    moved = reason(gate)
    state.say_place(COHORT)
    clock.pass_time(seconds=0.1)

    assert moved is Reason.COHORT_UNCONFIRMED
    assert collects(gate)


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_the_sealed_line_counts(make_stored_policy, open_gate, tmp_path, bit):
    make_stored_policy()
    path = tmp_path / "state" / "policy.json"
    content = path.read_bytes()
    gate = open_gate()

    for position in range(66):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        gate.reload()
        assert not collects(gate), position


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_in_the_register_stops_collection(make_stored_policy, open_gate, tmp_path):
    make_stored_policy()

    flip_a_bit(next((tmp_path / "state" / "registers").iterdir()))

    assert not collects(open_gate())


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), flip_a_bit])
def test_a_filter_that_is_missing_or_altered_stops_collection(
    make_stored_policy, open_gate, desk, tmp_path, spoil
):
    document = filter_document("mira@example.com")
    digest = content_digest(document)
    signed = desk.sign_documents(ceiling={"counterparties": digest})
    make_stored_policy(signed).write_filter(digest, document)
    gate = open_gate()
    assert collects(gate)

    spoil(next((tmp_path / "state" / "filters").iterdir()))
    gate.reload()

    assert not collects(gate)


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-1], lambda c: c[: len(c) // 2], lambda c: b"", lambda c: c + b"\n"]
)
def test_a_file_cut_short_or_longer_stops_collection(
    make_stored_policy, open_gate, tmp_path, spoil
):
    make_stored_policy()
    path = tmp_path / "state" / "policy.json"
    path.write_bytes(spoil(path.read_bytes()))

    assert not collects(open_gate())


@pytest.mark.parametrize("name", ["enrolment.json", "policy.json", "floors.json"])
def test_a_deleted_file_stops_collection(make_stored_policy, open_gate, tmp_path, name):
    make_stored_policy()
    (tmp_path / "state" / name).unlink()

    assert not collects(open_gate())


def test_the_files_of_another_device_are_refused(make_stored_policy, open_gate, tmp_path):
    make_stored_policy()
    theirs = (tmp_path / "state" / "policy.json").read_bytes()
    make_stored_policy()
    (tmp_path / "state" / "policy.json").write_bytes(theirs)

    assert not collects(open_gate())


def test_one_sealed_file_does_not_pass_for_another(make_state):
    seal = Seal(make_state().enrolment.private)

    with pytest.raises(StateRefused):
        seal.open("floors.json", seal.close("policy.json", b"{}"))


def test_signatures_are_checked_again_at_each_load(
    make_stored_policy, open_gate, desk, tmp_path, clock
):
    """The owner of the key could seal anything; it would still not be signed."""
    state = make_stored_policy()
    stranger = type(desk)()
    forged = stranger.sign_documents()
    content = {
        "device": forged.device,
        "ceiling": forged.ceiling,
        "freshness": forged.freshness,
        "etag": '"1"',
        "received": {"wall": "2026-11-23T12:00:00Z", "steady": 1000, "boot": "boot-1"},
    }
    sealed = Seal(state.enrolment.private).close("policy.json", canonical_json(content))
    (tmp_path / "state" / "policy.json").write_bytes(sealed)

    verdict = open_gate().may_capture(application="github", kind="keystrokes")

    assert (verdict.reason, verdict.rule) == (Reason.NO_POLICY, "unknown_key")


def test_an_older_policy_file_put_back_is_below_the_floor(
    make_stored_policy, open_gate, desk, keys, tmp_path
):
    state = make_stored_policy()
    older = (tmp_path / "state" / "policy.json").read_bytes()
    signed = desk.sign_documents(policy={"version": 18, "deny": [deny()]})
    floors = state.read_floors()
    newer = accept(signed, keys=keys, device=DEVICE, floors=floors, now=NOON)
    state.write_policy(replace(state.read_policy(), signed=signed), newer.raise_floors(floors))
    (tmp_path / "state" / "policy.json").write_bytes(older)

    verdict = open_gate().may_capture(application="github", kind="keystrokes")

    assert (verdict.reason, verdict.rule) == (Reason.NO_POLICY, "rollback")


def test_a_policy_of_another_boot_is_not_fresh(make_stored_policy, open_gate, clock):
    make_stored_policy()
    clock.reboot()

    verdict = open_gate().may_capture(application="github", kind="keystrokes")

    assert verdict.reason is Reason.NOT_FRESH


def test_a_stored_policy_goes_stale_like_any_other(make_stored_policy, open_gate, clock):
    make_stored_policy()
    clock.pass_time(minutes=15)

    assert not collects(open_gate())


def test_the_persons_own_pause_reaches_other_processes(make_stored_policy, open_gate, clock):
    state = make_stored_policy()
    gate = open_gate()
    state.write_pause(LocalPause(5, clock.now(), "key"))
    gate.reload()
    paused = gate.may_capture(application="github", kind="keystrokes").reason

    state.remove_pause()
    gate.reload()

    assert paused is Reason.LOCAL_PAUSE
    assert collects(gate)


def test_the_persons_own_pause_is_noticed_by_a_gate_that_nobody_reloads(
    make_stored_policy, open_gate, clock
):
    state = make_stored_policy()
    gate = open_gate()
    assert collects(gate)

    state.write_pause(LocalPause(5, clock.now(), "key"))
    clock.pass_time(seconds=0.2)

    assert gate.may_capture(application="github", kind="keystrokes").reason is Reason.LOCAL_PAUSE
    state.remove_pause()
    clock.pass_time(seconds=0.2)
    assert collects(gate)


class HeldUpGate(Gate):
    """Lets one thread wait between what it has read and putting that in force."""

    def hold_up(self) -> None:
        self.is_there, self.may_go_on = threading.Event(), threading.Event()

    def swap(self, held) -> None:
        if hasattr(self, "is_there") and not self.is_there.is_set():
            self.is_there.set()
            assert self.may_go_on.wait(10)
        super().swap(held)


def test_of_threads_that_reload_at_once_none_puts_back_what_was_before(
    make_stored_policy, desk, keys, tmp_path, clock, settled
):
    state = make_stored_policy()
    gate = HeldUpGate.from_state(tmp_path / "state", clock)

    def keep(version):
        signed = desk.sign_documents(policy={"version": version})
        floors = state.read_floors()
        accepted = accept(signed, keys=keys, device=DEVICE, floors=floors, now=NOON)
        state.write_policy(
            replace(state.read_policy(), signed=signed), accepted.raise_floors(floors)
        )

    threads = [threading.Thread(target=gate.reload) for _ in range(2)]
    gate.hold_up()
    keep(18)
    threads[0].start()
    assert gate.is_there.wait(10)
    keep(19)
    threads[1].start()
    threads[1].join(0.5)  # it comes to an end here only if nobody waits for the other
    gate.may_go_on.set()
    for thread in threads:
        thread.join(10)
    gate.reload()

    assert gate.held.accepted.policy.version == 19


@pytest.fixture
def settled(monkeypatch):
    """Take files for settled at once: what is written in a test is a moment old."""
    monkeypatch.setattr(storage, "SETTLED_NS", -(10**18))


def test_reloading_reads_nothing_while_nothing_changed(make_stored_policy, open_gate, settled):
    make_stored_policy()
    gate = open_gate()
    gate.reload()
    held = gate.held

    gate.reload()

    assert gate.held is held


def test_files_written_a_moment_ago_are_read_again(make_stored_policy, open_gate):
    """Within one tick of the file system two contents may look alike."""
    make_stored_policy()
    gate = open_gate()
    held = gate.held

    gate.reload()

    assert gate.held is not held


def test_a_renewed_policy_does_not_read_the_register_again(
    make_stored_policy, open_gate, desk, settled
):
    state = make_stored_policy()
    gate = open_gate()
    gate.reload()
    register = gate.held.register

    state.renew_policy(replace(state.read_policy(), signed=desk.sign_documents()))
    held = gate.held
    gate.reload()

    assert gate.held is not held
    assert gate.held.register is register


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: flip_a_bit(folder / "policy.json"),
        lambda folder: flip_a_bit(folder / "enrolment.json"),
        lambda folder: (folder / "keys.json").write_bytes(b"{}"),
        lambda folder: (folder / "floors.json").unlink(),
        lambda folder: (folder / "policy.json").chmod(0o644),
        lambda folder: flip_a_bit(next((folder / "registers").iterdir())),
        lambda folder: next((folder / "registers").iterdir()).unlink(),
        lambda folder: folder.chmod(0o777),
    ],
    ids=[
        "policy",
        "enrolment",
        "keys",
        "floors gone",
        "mode",
        "register",
        "register gone",
        "folder",
    ],
)
def test_a_gate_that_has_settled_sees_every_change(
    make_stored_policy, open_gate, tmp_path, settled, spoil
):
    make_stored_policy()
    gate = open_gate()
    gate.reload()
    held = gate.held
    time.sleep(0.02)  # the file system's clock

    spoil(tmp_path / "state")
    gate.reload()

    assert gate.held is not held


def test_a_damaged_pause_closes_the_gate(make_stored_policy, open_gate, clock, tmp_path):
    make_stored_policy().write_pause(LocalPause(5, clock.now(), "key"))
    (tmp_path / "state" / "pause.json").write_bytes(b"{}")

    assert not collects(open_gate())


def pipe(folder):
    (folder / "pause.json").unlink(missing_ok=True)
    os.mkfifo(folder / "pause.json", 0o600)


def link(folder):
    (folder / "floors.json").rename(folder.parent / "floors.json")
    (folder / "floors.json").symlink_to(folder.parent / "floors.json")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
@pytest.mark.parametrize(
    "plant",
    [lambda folder: folder.chmod(0o777), lambda folder: folder.chmod(0o770), pipe, link],
    ids=["in a folder for all", "in a folder for a group", "pipe", "link"],
)
def test_what_others_may_have_put_there_is_not_read(make_stored_policy, open_gate, tmp_path, plant):
    make_stored_policy()
    assert collects(open_gate())

    plant(tmp_path / "state")

    assert not collects(open_gate())


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_credentials_open_to_others_are_refused(make_state, tmp_path):
    make_state()
    (tmp_path / "state" / "enrolment.json").chmod(0o640)

    with pytest.raises(StateRefused, match="other users"):
        State.load(tmp_path / "state")


def test_an_empty_folder_is_not_enrolled(tmp_path):
    with pytest.raises(NotEnrolled):
        State.load(tmp_path)


def test_forgetting_leaves_nothing(make_stored_policy, tmp_path, clock):
    state = make_stored_policy()
    state.write_pause(LocalPause(5, clock.now(), "key"))
    (tmp_path / "state" / ".enrolment.json.0a1b2c3d").write_bytes(b"left by a crash")

    state.forget()

    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file()]


def test_reads_back_what_it_wrote(make_stored_policy, desk, clock):
    state = make_stored_policy()
    pause = LocalPause(5, clock.now(), "key")
    state.write_pause(pause)
    state.mark_reported(pause)

    assert state.read_pause() == pause
    assert state.is_reported(pause)
    assert [floor.version for floor in state.read_floors().device.values()] == [17]
    assert state.read_floors() != Floors()
    assert state.read_policy().received == clock.now()


def test_keeps_one_register_only(make_stored_policy):
    state = make_stored_policy()

    state.write_register("sha256:" + "0" * 64, b"{}")

    assert state.read_register(REGISTER_DIGEST) is None
