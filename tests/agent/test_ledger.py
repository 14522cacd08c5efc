"""Counting what was captured and held back, across processes and restarts, within bounds."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from consent_agent import ledger as ledger_module
from consent_agent.errors import StateRefused
from consent_agent.ledger import KEPT, MAX_COUNT, Counted, Counter, Ledger, hour_of
from consent_agent.protocol.decision import Reason, Verdict
from consent_agent.state import LocalPause
from tests.agent.simulated_portal import NOON, deny

HOUR = "2026-11-23T12:00:00Z"
ALLOWED = Verdict(allowed=True, reason=Reason.ALLOWED, rule="slack", application="slack")
PAUSED = Verdict.refusal(Reason.PAUSE, "id", "slack")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state")


@pytest.fixture
def counter(ledger, time_machine):
    time_machine.move_to(NOON, tick=False)
    return Counter(ledger)


def add(ledger: Ledger, count: int = 1, *, hour: str = HOUR, application: str = "slack") -> None:
    ledger.add({Counted(hour, application, "keystrokes", "allowed"): count})


def reports(ledger: Ledger) -> list[dict]:
    return ledger.unsent(most=1000).members()["reports"]


def test_counts_what_was_captured_and_why_the_rest_was_not(counter, ledger):
    for verdict in (ALLOWED, ALLOWED, PAUSED):
        counter.record(verdict, kind="keystrokes")
    counter.record(ALLOWED, kind="mouse_click")

    counter.flush()

    row = {"hour": HOUR, "application": "slack", "suppressed": {}}
    assert reports(ledger) == [
        row | {"kind": "keystrokes", "captured": 2, "suppressed": {"pause": 1}},
        row | {"kind": "mouse_click", "captured": 1},
    ]


def test_counts_each_hour_for_itself(counter, ledger, time_machine):
    counter.record(ALLOWED, kind="keystrokes")
    time_machine.shift(timedelta(hours=1))
    counter.record(ALLOWED, kind="keystrokes")

    counter.flush()

    assert [row["hour"] for row in reports(ledger)] == [HOUR, "2026-11-23T13:00:00Z"]


@pytest.mark.parametrize(
    "event",
    [
        {"application": "1password"},
        {"application": "unknown.exe"},
        {"application": "slack", "kind": "screen"},
        {"url": ""},
        {},
    ],
)
@pytest.mark.parametrize("is_paused", [False, True])
def test_what_is_never_captured_leaves_no_number(
    make_gate, counter, ledger, clock, event, is_paused
):
    gate = make_gate()
    if is_paused:
        gate.set_local_pause(LocalPause(10, clock.now(), "key"))

    event = {"kind": "keystrokes"} | event
    counter.record(gate.may_capture(**event), kind=event["kind"])
    counter.flush()

    assert reports(ledger) == []


@pytest.mark.parametrize("state", ["unacknowledged", "opted_out", "out_of_scope", "revoked", "x"])
def test_of_a_person_from_whom_nothing_may_be_collected_nothing_is_counted(
    make_gate, counter, ledger, clock, state
):
    gate = make_gate(policy={"state": state})

    for _ in range(2):
        verdict = gate.may_capture(application="slack", kind="keystrokes")
        counter.record(verdict, kind="keystrokes")
        clock.pass_time(minutes=15)
    counter.flush()

    assert verdict.reason is Reason.NOT_FRESH
    assert reports(ledger) == []


def test_what_the_gate_holds_back_is_counted_with_its_reason(make_gate, counter, ledger, clock):
    stopped = make_gate(freshness={"programme": "stopped"})
    paused = make_gate()
    paused.set_local_pause(LocalPause(10, clock.now(), "key"))
    denied = make_gate(policy={"deny": [deny(source="preference")]})
    unknown = make_gate(protected=["mira@example.com"])

    for gate in (stopped, paused, denied, unknown):
        verdict = gate.may_capture(application="com.tinyspeck.slackmacgap", kind="keystrokes")
        counter.record(verdict, kind="keystrokes")
    counter.flush()

    (report,) = reports(ledger)
    assert (report["application"], report["captured"]) == ("slack", 0)
    assert report["suppressed"] == {
        "programme_stopped": 1,
        "local_pause": 1,
        "preference": 1,
        "counterparties_unknown": 1,
    }


def test_processes_and_threads_add_to_the_same_totals(tmp_path, ledger, time_machine):
    time_machine.move_to(NOON, tick=False)

    def capture():
        counter = Counter.on_state(tmp_path / "state")
        for _ in range(20):
            counter.record(ALLOWED, kind="keystrokes")
            counter.flush()

    threads = [threading.Thread(target=capture) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row["captured"] for row in reports(ledger)] == [80]


def test_what_could_not_be_written_is_kept_for_the_next_time(tmp_path, counter, ledger):
    (tmp_path / "state").write_text("not a folder")
    counter.record(ALLOWED, kind="keystrokes")
    with pytest.raises(StateRefused):
        counter.flush()

    (tmp_path / "state").unlink()
    counter.record(ALLOWED, kind="keystrokes")
    counter.flush()

    assert [row["captured"] for row in reports(ledger)] == [2]


def test_a_total_that_was_sent_is_sent_again_only_when_it_grew(ledger):
    add(ledger, 3)
    add(ledger, 1, application="github")
    ledger.mark_sent(ledger.unsent(most=1000))
    after_sending = reports(ledger)

    add(ledger, 2)

    assert after_sending == []
    assert [(row["application"], row["captured"]) for row in reports(ledger)] == [("slack", 5)]


def test_what_was_counted_while_a_report_was_on_its_way_is_not_lost(ledger):
    add(ledger, 3)
    ledger.add_cost(cpu_seconds=1.0, bytes_exchanged=10, at=NOON)
    on_its_way = ledger.unsent(most=1000)

    add(ledger, 1)
    ledger.add_cost(cpu_seconds=0.5, bytes_exchanged=5, at=NOON)
    ledger.mark_sent(on_its_way)

    left = ledger.unsent(most=1000).members()
    assert [row["captured"] for row in left["reports"]] == [4]
    assert [(row["cpu_seconds"], row["bytes"]) for row in left["cost"]] == [(1.5, 15)]


def test_a_row_goes_with_all_its_outcomes(ledger):
    add(ledger, 3)
    ledger.mark_sent(ledger.unsent(most=1000))

    ledger.add({Counted(HOUR, "slack", "keystrokes", "pause"): 2})

    assert [(row["captured"], row["suppressed"]) for row in reports(ledger)] == [(3, {"pause": 2})]


def test_says_that_nobody_measured_the_battery(ledger):
    ledger.add_cost(cpu_seconds=1.23456, bytes_exchanged=5300, at=NOON + timedelta(minutes=59))

    (cost,) = ledger.unsent(most=1000).members()["cost"]

    assert cost == {"hour": HOUR, "cpu_seconds": 1.235, "bytes": 5300, "battery_mwh": None}


def test_hands_out_no_more_than_it_is_asked_for_and_the_oldest_first(ledger):
    for number in range(5):
        add(ledger, hour=hour_of(NOON + timedelta(hours=4 - number)))

    first = ledger.unsent(most=2)

    assert [row.hour for row in first.reports] == [HOUR, "2026-11-23T13:00:00Z"]


def test_forgets_what_the_portal_would_not_take_any_more(ledger):
    for age in (timedelta(0), KEPT, KEPT + timedelta(hours=1)):
        add(ledger, hour=hour_of(NOON - age))
        ledger.add_cost(cpu_seconds=1, bytes_exchanged=1, at=NOON - age)

    ledger.prune(now=NOON)

    left = ledger.unsent(most=1000)
    assert [row.hour for row in left.reports] == [hour_of(NOON - KEPT), HOUR]
    assert [row.hour for row in left.costs] == [hour_of(NOON - KEPT), HOUR]


def test_keeps_no_more_rows_than_its_bound(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "MAX_ROWS", 3)
    for number in range(5):
        add(ledger, hour=hour_of(NOON - timedelta(hours=number)))

    ledger.prune(now=NOON)

    assert [row["hour"] for row in reports(ledger)] == [
        "2026-11-23T10:00:00Z",
        "2026-11-23T11:00:00Z",
        HOUR,
    ]


def test_no_number_is_larger_than_the_portal_takes(ledger):
    add(ledger, MAX_COUNT + 1)
    add(ledger, MAX_COUNT)
    ledger.add_cost(cpu_seconds=1, bytes_exchanged=MAX_COUNT, at=NOON)
    ledger.add_cost(cpu_seconds=1, bytes_exchanged=MAX_COUNT, at=NOON)

    members = ledger.unsent(most=1000).members()

    assert members["reports"][0]["captured"] == members["cost"][0]["bytes"] == MAX_COUNT


@pytest.mark.parametrize("content", [b"x" * 4096, b"SQLite format 3\x00" + b"x" * 4096])
def test_a_damaged_file_is_removed_and_counting_begins_again(tmp_path, ledger, content):
    add(ledger)
    (tmp_path / "state" / "ledger.sqlite3").write_bytes(content)
    with pytest.raises(StateRefused, match="begins again"):
        add(ledger)

    add(ledger, 2)

    assert [row["captured"] for row in reports(ledger)] == [2]


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_only_its_owner_can_open_the_file(tmp_path, ledger):
    add(ledger)

    mode = (tmp_path / "state" / "ledger.sqlite3").stat().st_mode

    assert stat.S_IMODE(mode) == 0o600


def test_names_an_hour_in_utc():
    assert hour_of(datetime(2026, 11, 23, 12, 59, 59, 999, tzinfo=UTC)) == HOUR
