"""A newer agent goes on with the state that an older one left, and enrols nobody anew.

`data/state-0.1.0` was written by that version, with the documents of docs/agent-protocol.md.
Each release that writes another form adds a folder; none is ever taken away.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_agent.cli import main
from consent_agent.clock import Instant
from consent_agent.gate import Gate
from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.decision import Reason
from consent_agent.spool import Batch, Spool
from consent_agent.state import State
from consent_agent.storage import Seal

OLDER = sorted((Path(__file__).parent / "data").glob("state-*"))
RECEIVED = datetime(2026, 11, 23, 10, 2, 2, tzinfo=UTC)


@pytest.fixture(params=OLDER, ids=lambda folder: folder.name)
def folder(request, tmp_path) -> Path:
    """Return a copy with the rights that the agent gave it."""
    copy = shutil.copytree(request.param, tmp_path / "state")
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copy


@pytest.fixture
def gate(folder, clock) -> Gate:
    clock.reading = Instant(RECEIVED, 1000.0, "boot-1")
    return Gate.from_state(folder, clock)


def test_the_policy_is_still_in_force_and_the_pause_holds(gate, clock):
    paused = gate.may_capture(application="slack", kind="keystrokes")
    clock.pass_time(minutes=14)

    assert paused.reason is Reason.LOCAL_PAUSE
    assert gate.held.accepted.policy.version == 17
    assert gate.may_capture(application="slack", kind="keystrokes").reason is Reason.LOCAL_PAUSE


def test_what_was_counted_goes_on(folder):
    state = State.load(folder)

    assert state.read_acknowledgement().sequence == 42
    assert state.is_reported(state.read_pause())


def test_what_was_erased_stays_erased(folder):
    at = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)

    kept = Spool.on_state(folder).add(Batch("slack", "keystrokes", at, at), b"secret")

    assert kept is None


def test_its_floors_still_hold(folder, clock):
    """An older form that was not understood would let an older policy in again."""
    seal = Seal(State.load(folder).enrolment.private)
    path = folder / "floors.json"
    floors = json.loads(seal.open("floors.json", path.read_bytes()))
    floors["device"]["version"] = 18
    path.write_bytes(seal.close("floors.json", canonical_json(floors)))
    clock.reading = Instant(RECEIVED, 1000.0, "boot-1")

    gate = Gate.from_state(folder, clock)

    assert (gate.held, gate.closed_because) == (None, "rollback")


def test_it_need_not_enrol_again(folder, capsys):
    status = main(["status", "--json", "--state", str(folder)])

    assert status == 0
    assert json.loads(capsys.readouterr().out)["portal"] == "https://portal.example.com"
