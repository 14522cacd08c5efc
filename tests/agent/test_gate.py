"""The gate fails private: clocks, stops, pauses (T17, T23, S16, S20)."""

from datetime import timedelta

import pytest

from consent_agent.gate import Gate
from consent_agent.protocol.decision import Reason
from consent_agent.state import LocalPause
from tests.agent.simulated_portal import NOON, deny

PAUSE_OF_TEN_MINUTES = {"deny": [deny(until="2026-11-23T12:10:00Z")]}


def reason(gate: Gate, **subject: object) -> Reason:
    verdict = gate.may_capture(**({"application": "github", "kind": "keystrokes"} | subject))
    assert verdict.allowed is (verdict.reason is Reason.ALLOWED)
    return verdict.reason


def test_allows_what_a_fresh_policy_allows(make_gate):
    gate = make_gate()

    assert reason(gate) is Reason.ALLOWED
    assert reason(gate, application="1password") is Reason.EXCLUDED


def test_is_closed_before_the_first_policy(clock):
    verdict = Gate(clock).may_capture(application="github", kind="keystrokes")

    assert (verdict.reason, verdict.rule) == (Reason.NO_POLICY, "none_received")


def test_is_closed_again_once_told_so(make_gate):
    gate = make_gate()
    gate.close("device_revoked")

    verdict = gate.may_capture(application="github", kind="keystrokes")

    assert (verdict.reason, verdict.rule) == (Reason.NO_POLICY, "device_revoked")


def test_stops_within_the_freshness_window_when_cut_off(make_gate, clock):
    gate = make_gate()

    clock.pass_time(minutes=15, microseconds=-1)
    just_before = reason(gate)
    clock.pass_time(microseconds=1)

    assert (just_before, reason(gate)) == (Reason.ALLOWED, Reason.NOT_FRESH)


@pytest.mark.parametrize(
    "move",
    [
        lambda clock: clock.set_wall(minutes=15),
        lambda clock: clock.set_wall(minutes=90),
        lambda clock: clock.set_wall(days=3650),
        lambda clock: clock.set_wall(seconds=-1),
        lambda clock: clock.set_wall(minutes=-90),
        lambda clock: clock.set_wall(days=-3650),
        lambda clock: clock.set_steady(minutes=15),
        lambda clock: clock.set_steady(seconds=-1),
        lambda clock: clock.reboot(),
        lambda clock: clock.reboot(up_seconds=1000.0),
    ],
)
def test_a_clock_that_was_set_makes_nothing_fresh(make_gate, clock, move):
    gate = make_gate()

    move(clock)

    assert reason(gate) is Reason.NOT_FRESH


def test_setting_the_clock_back_does_not_prolong_collection(make_gate, clock):
    gate = make_gate()

    clock.pass_time(minutes=14)
    clock.set_wall(minutes=-10)
    clock.pass_time(minutes=2)

    assert reason(gate) is Reason.NOT_FRESH


def test_setting_the_clock_forward_does_not_end_a_pause(make_gate, clock):
    gate = make_gate(policy=PAUSE_OF_TEN_MINUTES)

    clock.set_wall(minutes=12)

    assert reason(gate) is Reason.PAUSE


def test_a_clock_that_runs_ahead_of_the_portal_does_not_shorten_a_pause(make_gate, clock):
    clock.set_wall(minutes=11)

    gate = make_gate(policy=PAUSE_OF_TEN_MINUTES)

    assert reason(gate) is Reason.PAUSE


@pytest.mark.parametrize("seconds", [0.001, 0.5, 5])
def test_a_clock_that_runs_behind_the_portal_does_not_put_off_a_pause(make_gate, clock, seconds):
    clock.set_wall(seconds=-seconds)

    gate = make_gate(policy=PAUSE_OF_TEN_MINUTES)

    assert reason(gate) is Reason.PAUSE
    assert not gate.held.collects_anything(clock.now())


def test_setting_the_clock_back_does_not_put_off_a_quiet_time(make_gate, clock):
    gate = make_gate(policy={"deny": [deny(**{"from": "2026-11-23T12:05:00Z"})]})

    clock.pass_time(minutes=6)
    clock.set_wall(minutes=-5)

    assert reason(gate) is Reason.PAUSE


def test_a_pause_ends_and_a_quiet_time_begins_without_network(make_gate, clock):
    gate = make_gate(
        policy={
            "deny": [
                deny(until="2026-11-23T12:05:00Z"),
                deny(**{"from": "2026-11-23T12:10:00Z", "source": "preference"}),
            ]
        }
    )

    reasons = []
    for _ in range(3):
        reasons.append(reason(gate))
        clock.pass_time(minutes=5)

    assert reasons == [Reason.PAUSE, Reason.ALLOWED, Reason.PREFERENCE]


@pytest.mark.parametrize("programme", ["stopped", "STOPPED", "winding_down"])
def test_a_programme_that_does_not_run_stops_everything(make_gate, programme):
    assert reason(make_gate(freshness={"programme": programme})) is Reason.PROGRAMME_STOPPED


def test_a_stop_for_many_comes_with_the_freshness(make_gate):
    gate = make_gate(
        freshness={"deny": [deny(applications=["github"], source="programme")]},
    )

    assert reason(gate) is Reason.PROGRAMME
    assert reason(gate, application="slack") is Reason.ALLOWED


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOON + timedelta(minutes=4), Reason.ALLOWED),
        (NOON, Reason.ALLOWED),
        (NOON - timedelta(microseconds=1), Reason.NOT_FRESH),
        (NOON + timedelta(minutes=15), Reason.NOT_FRESH),
    ],
)
def test_answers_for_events_since_the_policy_came_only(make_gate, clock, at, expected):
    gate = make_gate()

    clock.pass_time(minutes=5)

    assert reason(gate, at=at) is expected


def test_the_persons_own_pause_counts_at_once(make_gate, clock):
    gate = make_gate()
    gate.set_local_pause(LocalPause(10, clock.now(), "key"))
    during = reason(gate)

    gate.set_local_pause(None)

    assert (during, reason(gate)) == (Reason.LOCAL_PAUSE, Reason.ALLOWED)


@pytest.mark.parametrize(
    ("minutes_passed", "set_wall_by", "expected"),
    [
        (9.99, 0, Reason.LOCAL_PAUSE),
        (10, 0, Reason.ALLOWED),
        (9, 4, Reason.LOCAL_PAUSE),
        (10, -5, Reason.ALLOWED),
    ],
)
def test_the_persons_own_pause_lasts_its_minutes_whatever_the_wall_clock(
    make_gate, clock, minutes_passed, set_wall_by, expected
):
    gate = make_gate()
    gate.set_local_pause(LocalPause(10, clock.now(), "key"))

    clock.pass_time(minutes=minutes_passed)
    clock.set_wall(minutes=set_wall_by)

    assert reason(gate) is expected


@pytest.mark.parametrize(
    ("set_wall_by", "expected"), [(9, True), (10, False), (-5, True), (3650 * 24 * 60, False)]
)
def test_after_a_reboot_the_wall_clock_measures_the_pause(clock, set_wall_by, expected):
    pause = LocalPause(10, clock.now(), "key")

    clock.reboot()
    clock.set_wall(minutes=set_wall_by)

    assert pause.is_in_force(clock.now()) is expected
    assert pause.remaining(clock.now()) <= timedelta(minutes=10)


def test_says_whether_anything_at_all_is_collected(make_gate, clock):
    nothing = make_gate(policy={"deny": [deny()]})
    something = make_gate(policy={"deny": [deny(applications=["github"])]})

    assert not nothing.held.collects_anything(clock.now())
    assert something.held.collects_anything(clock.now())


def test_a_gate_without_a_folder_cannot_reload(make_gate):
    with pytest.raises(ValueError, match="state folder"):
        make_gate().reload()
