"""`consent-agent verify-history`: whether the portal's log only grew, found without the portal."""

import json

import pytest
from django.db import connection

from consent_agent.cli import main
from consent_app.audit.actions import record
from consent_app.audit.histories import checkpoint_of, head_now, history_since
from consent_app.audit.models import Leaf
from consent_app.audit.queries import tree_size
from consent_app.audit.receipts import receipt_for
from portal.lib.keys import create_keys, published_keys
from tests.conftest import NOON


@pytest.fixture
def keys(tmp_path, settings):
    """The portal's own signing keys, where the agent's tests have those of a desk."""
    settings.KEYS_DIR = tmp_path / "keys"
    settings.KEYS_DIR.mkdir()
    create_keys(settings.KEYS_DIR)


@pytest.fixture
def grow(keys, make_employee):
    """Return a function that adds entries to the log."""
    mira = make_employee()

    def add(count: int, event: str = "test.happened") -> None:
        for number in range(count):
            record(event, actor=mira, subject=mira, at=NOON, details={"number": number})

    return add


@pytest.fixture
def kept(grow, tmp_path):
    """A checkpoint that an auditor kept when the log had seven entries."""
    grow(7)
    path = tmp_path / "kept.jws"
    path.write_text(f"{checkpoint_of(head_now())}\n")
    return path


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a history as the auditor downloads it."""

    def write(*sizes: int, name: str = "history.json"):
        path = tmp_path / name
        path.write_bytes(history_since(sizes))
        return path

    return write


@pytest.fixture
def verify(tmp_path, capsys, keys):
    """Run the command with the portal's keys; give status, output and errors."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(published_keys()))

    def run(*arguments: object, with_keys: bool = True) -> tuple[int, str, str]:
        trusted = ["--keys", str(jwks)] if with_keys else []
        state = ["--state", str(tmp_path / "state")]
        status = main(["verify-history", *map(str, arguments), *trusted, *state])
        return status, *capsys.readouterr()

    return run


def past_the_triggers(statement: str) -> None:
    """Do what only whoever owns the database server can."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_log_that_only_grew_is_found_whole(verify, kept, grow, save):
    grow(6)

    status, output, errors = verify(save(7), kept)

    assert (status, errors) == (0, "")
    assert f"Nothing was altered since {kept}: its 7 entries are the first of the 13" in output


@pytest.mark.parametrize("more", [0, 1, 2, 9])
def test_receipts_and_earlier_histories_are_kept_heads_too(verify, kept, grow, save, more):
    receipt = kept.with_name("receipt.json")
    receipt.write_bytes(receipt_for(Leaf.objects.get(pk=3)))
    earlier = save(7, name="earlier.json")
    grow(more)

    status, output, _ = verify(save(7), kept, receipt, earlier)

    assert status == 0
    assert output.count("Nothing was altered since") == 3


def test_a_history_written_anew_is_found_with_its_evidence(verify, kept, grow, save):
    """The insider has the database and the checkpoint key, and signs what they like."""
    past_the_triggers("DELETE FROM audit_details; DELETE FROM audit_node; DELETE FROM audit_leaf")
    grow(9, event="test.happened_otherwise")

    status, output, errors = verify(save(7), kept)

    assert (status, output) == (1, "")
    assert "THE LOG WAS REWRITTEN" in errors
    assert "Keep both files" in errors


def test_a_log_that_was_cut_off_is_found(frozen_time, verify, kept, save):
    frozen_time.shift(3_600)
    past_the_triggers(
        "DELETE FROM audit_details WHERE leaf_id > 4; DELETE FROM audit_leaf WHERE index > 4"
    )
    assert tree_size() == 5

    status, _, errors = verify(save(5), kept)

    assert status == 1
    assert "THE LOG WAS REWRITTEN: 7 entries became 5" in errors


def test_two_views_of_the_same_length_contradict_each_other(verify, kept, grow, save):
    ours = save(7, name="shown-to-us.json")
    past_the_triggers("DELETE FROM audit_details; DELETE FROM audit_node; DELETE FROM audit_leaf")
    grow(7, event="test.happened_otherwise")

    status, _, errors = verify(save(7), ours)

    assert status == 1
    assert "the first 7 entries are others" in errors


def test_a_history_that_begins_elsewhere_accuses_nobody(verify, kept, grow, save):
    grow(3)

    status, output, errors = verify(save(8), kept)

    assert (status, output) == (1, "")
    assert "Ask the portal for one since 7 entries" in errors


def test_an_older_history_accuses_nobody(verify, kept, grow, save):
    older = save(7, name="older.json")
    grow(2)
    newer = save(7, name="newer.json")

    status, _, errors = verify(older, newer)

    assert status == 1
    assert "REWRITTEN" not in errors


def test_one_changed_byte_proves_nothing(verify, kept, grow, save):
    grow(6)
    history = save(7)
    content = history.read_bytes()

    for place in range(0, len(content), 53):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        history.write_bytes(spoilt)
        status, output, errors = verify(history, kept)
        assert (status, output) == (1, ""), place
        assert "proves nothing (" in errors, place


def test_a_changed_checkpoint_proves_nothing(verify, kept, save):
    content = kept.read_bytes()
    kept.write_bytes(content.replace(content[60:61], b"A" if content[60:61] != b"A" else b"B"))

    status, output, errors = verify(save(7), kept)

    assert (status, output) == (1, "")
    assert f"{kept} proves nothing" in errors


def test_without_keys_a_checkpoint_is_not_believed(verify, kept, save):
    status, _, errors = verify(save(7), kept, with_keys=False)

    assert status == 1
    assert f"{kept} proves nothing (key_needed)" in errors
