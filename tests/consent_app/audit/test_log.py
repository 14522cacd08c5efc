"""Appending, proving, erasing and verifying, on a real database."""

import io
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from psycopg import errors

from consent_agent.protocol import merkle
from consent_agent.protocol.receipts import verify_receipt
from consent_app.audit import events, queries
from consent_app.audit.actions import erase_details, record
from consent_app.audit.models import Details, Leaf, Node
from consent_app.audit.queries import TreeHead
from consent_app.audit.verification import verify_log
from portal.management.commands import prepare_database
from portal.management.commands.prepare_database import grant_serving_role


@pytest.fixture
def make_entries(make_employee):
    """Append some entries about one person."""
    person = None

    def make(count: int = 1, event: str = "thing.done", **details):
        nonlocal person
        person = person or make_employee()
        with transaction.atomic():
            return [
                record(
                    event, actor=person, subject=person, at=timezone.now(), person=person,
                    details={"number": number, **details},
                )
                for number in range(count)
            ]  # fmt: skip

    return make


@contextmanager
def as_intruder():
    """Act as a superuser with the triggers off: nothing but verification can notice."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = origin")


def test_counts_entries_without_a_gap(make_entries):
    entries = make_entries(5)

    assert [entry.index for entry in entries] == [0, 1, 2, 3, 4]
    assert verify_log([]).is_intact


def test_refuses_to_record_outside_a_transaction(transactional_db, make_employee):
    person = make_employee()

    with pytest.raises(transaction.TransactionManagementError):
        record("thing.done", actor=person, subject=person, at=timezone.now())

    assert not Leaf.objects.exists()


def test_entry_disappears_with_its_transaction(make_entries, make_employee):
    make_entries(1)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        make_entries(1)
        raise ZeroDivisionError

    assert queries.tree_size() == 1
    assert verify_log([]).is_intact


def test_proves_each_entry_to_the_head(make_entries):
    entries = make_entries(11)
    head = queries.tree_head()

    for entry in entries:
        path = queries.inclusion_proof(entry.index, head.size)

        leaf = merkle.leaf_hash(Leaf.objects.get(pk=entry.index).content())
        assert merkle.is_included(
            leaf=leaf, index=entry.index, size=head.size, path=path, head=head.root
        )


def test_later_head_is_consistent_with_an_earlier_one(make_entries):
    make_entries(5)
    before = queries.tree_head()
    make_entries(6)

    now = queries.tree_head()

    path = queries.consistency_proof(before.size, now.size)
    assert merkle.is_consistent(
        first=before.size, first_head=before.root, second=now.size, second_head=now.root, path=path
    )


def test_same_details_give_different_commitments(make_entries):
    first, second = make_entries(1)[0], make_entries(1)[0]

    assert first.commitment != second.commitment


def test_leaf_holds_no_detail_and_no_name(make_entries):
    entry = make_entries(1, secret="CANARY")[0]

    content = Leaf.objects.get(pk=entry.index).content()

    assert b"CANARY" not in content
    assert b"Mira" not in content


@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_details"])
def test_triggers_refuse_changes_even_by_the_owner(make_entries, table):
    make_entries(2)
    column = {"audit_leaf": "event", "audit_node": "hash", "audit_details": "salt"}[table]

    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        connection.cursor().execute(f"UPDATE {table} SET {column} = {column}")

    assert verify_log([]).is_intact


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_details"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_serving_role_may_only_add_and_read(make_entries, table, change):
    make_entries(2)
    grant_serving_role("portal")
    column = {"audit_leaf": "event", "audit_node": "hash", "audit_details": "salt"}[table]
    address = os.environ["TEST_PORTAL_ROLE_URL"].rsplit("/", 1)[0]

    with psycopg.connect(f"{address}/{connection.settings_dict['NAME']}") as serving:
        assert serving.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        with pytest.raises(errors.InsufficientPrivilege):
            serving.execute(change.format(table, column, column))

    assert queries.tree_size() == 2


@pytest.mark.django_db(transaction=True)
def test_serving_role_can_not_erase_while_grants_are_renewed(make_entries, monkeypatch):
    make_entries(2)
    grant_serving_role("portal")
    address = os.environ["TEST_PORTAL_ROLE_URL"].rsplit("/", 1)[0]
    cut_off = (*prepare_database.GRANTS[:2], "GRANT nothing TO {role}")
    monkeypatch.setattr(prepare_database, "GRANTS", cut_off)

    with pytest.raises(ProgrammingError):
        grant_serving_role("portal")

    name = connection.settings_dict["NAME"]
    with (
        psycopg.connect(f"{address}/{name}") as serving,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        serving.execute("DELETE FROM audit_details")


INTRUSIONS = {
    "edited leaf": ("UPDATE audit_leaf SET event = 'other.thing' WHERE index = 3", 3),
    "back-dated leaf": ("UPDATE audit_leaf SET at = at - interval '1 day' WHERE index = 4", 4),
    "swapped actor": ("UPDATE audit_leaf SET actor = gen_random_uuid() WHERE index = 2", 2),
    "deleted leaf": (
        "DELETE FROM audit_details WHERE leaf_id = 5; DELETE FROM audit_leaf WHERE index = 5", 5,
    ),
    "edited details": ("UPDATE audit_details SET content = '{}' WHERE leaf_id = 6", 6),
    "deleted details": ("DELETE FROM audit_details WHERE leaf_id = 7", 7),
    "edited node": (r"UPDATE audit_node SET hash = '\x00' WHERE level = 1 AND index = 2", 4),
    "deleted node": ("DELETE FROM audit_node WHERE level = 2 AND index = 0", 0),
    "swapped leaves": (
        (
            "UPDATE audit_leaf SET index = index + 1000 WHERE index IN (3, 4);"
            "UPDATE audit_leaf SET index = 1007 - index WHERE index > 999"
        ), 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_verification_names_the_first_altered_entry(make_entries, intrusion):
    make_entries(9)
    statements, first = INTRUSIONS[intrusion]

    with as_intruder() as cursor:
        cursor.execute(statements)

    findings = verify_log([]).findings
    assert findings
    assert findings[0].index == first


FORGED_LEAF = """
    INSERT INTO audit_leaf (index, event, actor, subject, at, commitment, leaf_hash)
    VALUES (%s, %s, gen_random_uuid(), %s, now(), '', '')
"""


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (FORGED_LEAF, [5, events.DETAILS_ERASED, "leaf:all of them"]),
        (FORGED_LEAF, [2**60, "thing.done", "thing:1"]),
        ("INSERT INTO audit_node (level, index, hash) VALUES (%s, %s, '')", [32_000, 1]),
        ("INSERT INTO audit_node (level, index, hash) VALUES (%s, %s, '')", [1, -1]),
    ],
    ids=["erasure of nothing", "far-off entry", "node above every tree", "node before every tree"],
)
def test_verification_outlives_what_the_serving_role_could_add(make_entries, statement, values):
    make_entries(5)

    with connection.cursor() as cursor:
        cursor.execute(statement, values)

    assert not verify_log([]).is_intact


def test_details_of_another_form_are_named(make_entries):
    make_entries(2)

    with as_intruder() as cursor:
        cursor.execute("UPDATE audit_details SET content = '[1]' WHERE leaf_id = 1")

    assert [finding.index for finding in verify_log([]).findings] == [1]


def test_node_that_stands_elsewhere_does_not_count(make_entries):
    make_entries(2)

    with as_intruder() as cursor:
        cursor.execute("UPDATE audit_node SET index = -1")

    assert not verify_log([]).is_intact


def test_kept_checkpoint_reveals_a_truncated_tail(make_entries):
    make_entries(9)
    kept = queries.tree_head()

    with as_intruder() as cursor:
        cursor.execute(
            "DELETE FROM audit_details WHERE leaf_id > 7; DELETE FROM audit_leaf WHERE index > 7"
        )
        cursor.execute("DELETE FROM audit_node WHERE (index + 1) << level > 8")

    assert verify_log([]).is_intact
    assert [finding.index for finding in verify_log([kept]).findings] == [8]


def test_kept_checkpoint_reveals_a_history_written_anew(make_entries):
    make_entries(9)
    kept = queries.tree_head()

    with as_intruder() as cursor:
        cursor.execute("DELETE FROM audit_details; DELETE FROM audit_node; DELETE FROM audit_leaf")
    make_entries(9, event="kinder.thing")

    assert verify_log([]).is_intact
    assert not verify_log([kept]).is_intact


def test_erased_details_are_gone_and_the_log_still_verifies(make_entries, make_employee):
    entry = make_entries(3, secret="CANARY")[1]
    officer = make_employee("Data Officer")

    erasure = erase_details(index=entry.index, actor=officer, reason="article 17")

    assert not Details.objects.filter(pk=entry.index).exists()
    report = verify_log([])
    assert report.is_intact
    assert report.erased == 1
    assert erasure.subject == f"leaf:{entry.index}"


@pytest.mark.django_db(transaction=True)
def test_simultaneous_appends_share_no_index(make_entries, make_employee):
    person = make_employee()
    start = threading.Barrier(8)

    def append():
        start.wait()
        for _ in range(5):
            with transaction.atomic():
                record("thing.done", actor=person, subject=person, at=timezone.now())
        connection.close()

    threads = [threading.Thread(target=append) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert queries.tree_size() == 40
    assert verify_log([]).is_intact


@pytest.mark.django_db(transaction=True)
def test_verification_of_a_log_in_use_raises_no_alarm(make_entries):
    make_entries(50)
    done = threading.Event()

    def go_on():
        try:
            while not done.is_set():
                make_entries(1)
        finally:
            connection.close()

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        findings = [finding for _ in range(20) for finding in verify_log([]).findings]
    finally:
        done.set()
        writer.join()

    assert findings == []


def test_command_says_that_nothing_was_altered(make_entries):
    make_entries(4)
    out = io.StringIO()

    call_command("audit", "verify", stdout=out)

    assert (
        f"The log fits together: 4 entries, root {queries.tree_head().root.hex()}" in out.getvalue()
    )


def test_command_fails_on_an_altered_log(make_entries):
    make_entries(4)
    with as_intruder() as cursor:
        cursor.execute("UPDATE audit_leaf SET event = 'other.thing' WHERE index = 1")

    with pytest.raises(CommandError, match="first at entry 1"):
        call_command("audit", "verify", stdout=io.StringIO(), stderr=io.StringIO())


def test_signed_checkpoint_is_taken_back_as_evidence(make_entries, keys, tmp_path):
    make_entries(4)
    out = io.StringIO()
    call_command("audit", "checkpoint", stdout=out)
    kept = tmp_path / "checkpoint"
    kept.write_text(out.getvalue())
    make_entries(3)

    out = io.StringIO()
    call_command("audit", "verify", against=[kept], stdout=out)

    assert "Nothing was altered since the kept checkpoint" in out.getvalue()
    with as_intruder() as cursor:
        cursor.execute("UPDATE audit_details SET salt = salt")
        cursor.execute("DELETE FROM audit_details; DELETE FROM audit_node; DELETE FROM audit_leaf")
    make_entries(7, event="kinder.thing")
    with pytest.raises(CommandError, match="was altered"):
        call_command("audit", "verify", against=[kept], stdout=io.StringIO(), stderr=io.StringIO())


def test_forged_checkpoint_is_refused(make_entries, keys, tmp_path):
    make_entries(1)
    forged = tmp_path / "checkpoint"
    forged.write_text("eyJhbGciOiJub25lIn0.e30.")

    with pytest.raises(CommandError, match="no checkpoint of this portal"):
        call_command("audit", "verify", against=[forged])


def proof_of(index: int, folder) -> Path:
    """Return the file that `audit prove` prints."""
    out = io.StringIO()
    call_command("audit", "prove", index, stdout=out)
    path = folder / "receipt.json"
    path.write_text(out.getvalue())
    return path


def test_printed_proof_can_be_checked_by_anybody(make_entries, keys, tmp_path):
    make_entries(6)

    proof = verify_receipt(proof_of(3, tmp_path).read_bytes())

    assert proof.inclusion.index == 3
    assert TreeHead(proof.inclusion.size, proof.inclusion.root) == queries.tree_head()
    assert proof.entry.details is None


def test_a_printed_proof_is_checked_by_the_keys_of_this_portal(make_entries, keys, tmp_path):
    make_entries(6)
    out = io.StringIO()

    call_command("audit", "check", proof_of(3, tmp_path), stdout=out)

    assert "entry 3, " in out.getvalue()
    assert "without details, stood in the log of 6 entries" in out.getvalue()


def test_a_changed_proof_is_refused(make_entries, keys, tmp_path):
    make_entries(6)
    path = proof_of(3, tmp_path)
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(CommandError, match="no receipt of this portal: not_canonical"):
        call_command("audit", "check", path)
    with pytest.raises(CommandError, match="No such file"):
        call_command("audit", "check", tmp_path / "nowhere.json")
    with pytest.raises(CommandError, match="There is no entry 9; the log has 6"):
        call_command("audit", "prove", 9)


def test_stores_each_completed_subtree(make_entries):
    make_entries(8)

    assert set(Node.objects.values_list("level", "index")) == {
        (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (3, 0),
    }  # fmt: skip
