"""Single events: whom they are shared with, and what the device is in; unknown is a "no"."""

import pytest

from consent_agent.gate import Gate
from consent_agent.protocol.circumstances import Surroundings
from consent_agent.protocol.decision import Reason
from tests.agent.simulated_portal import deny

PROTECTED = ["mira@example.com", "@example.eu"]
CALM = Surroundings(on_battery=False, battery_percent=80.0, metered=False, private_window=False)
ALL_CONDITIONS = {
    "battery_below_percent": 30,
    "metered_network": "deny",
    "private_window": "deny",
}


def answer(gate: Gate, **event: object) -> tuple[Reason, str]:
    verdict = gate.may_capture(**({"application": "slack", "kind": "keystrokes"} | event))
    assert verdict.allowed is (verdict.reason is Reason.ALLOWED)
    return verdict.reason, verdict.rule


def reason(gate: Gate, **event: object) -> Reason:
    return answer(gate, **event)[0]


# Whom it is shared with


@pytest.mark.parametrize(
    ("counterparties", "expected"),
    [
        (None, Reason.COUNTERPARTIES_UNKNOWN),
        ([], Reason.ALLOWED),
        (["dana@example.com"], Reason.ALLOWED),
        (["Mira@Example.com"], Reason.COUNTERPARTY_PROTECTED),
        (["dana@example.com", "mira@example.com"], Reason.COUNTERPARTY_PROTECTED),
        (["someone@sales.example.eu"], Reason.COUNTERPARTY_PROTECTED),
        (["U024BE7LH"], Reason.COUNTERPARTIES_UNKNOWN),
        (["dana@example.com", "U024BE7LH"], Reason.COUNTERPARTIES_UNKNOWN),
        (["U024BE7LH", "mira@example.com"], Reason.COUNTERPARTY_PROTECTED),
        ("mira@example.com", Reason.COUNTERPARTIES_UNKNOWN),
    ],
)
def test_a_communication_with_somebody_protected_or_unknown_is_not_captured(
    make_gate, counterparties, expected
):
    assert reason(make_gate(protected=PROTECTED), counterparties=counterparties) is expected


def test_without_a_filter_nobody_asks_whom_it_is_shared_with(make_gate):
    assert reason(make_gate()) is Reason.ALLOWED


def test_what_is_no_communication_has_no_counterparties(make_gate):
    gate = make_gate(protected=PROTECTED)

    assert reason(gate, application="visual-studio-code") is Reason.ALLOWED


def test_a_page_counts_as_well_as_its_browser(make_gate):
    gate = make_gate(protected=PROTECTED)
    page = {"application": "com.google.Chrome", "url": "https://app.slack.com/client"}

    assert reason(gate, **page) is Reason.COUNTERPARTIES_UNKNOWN
    assert reason(gate, **page, counterparties=[]) is Reason.ALLOWED


def test_a_page_shown_in_a_communication_program_is_one(make_gate):
    gate = make_gate(protected=PROTECTED)

    assert reason(gate, url="https://github.com/") is Reason.COUNTERPARTIES_UNKNOWN


def test_the_last_conversation_is_not_taken_for_the_next(make_gate):
    gate = make_gate(protected=PROTECTED)
    conversations = [[], ["mira@example.com"], ["mira@example.com"], ["dana@example.com"]]

    asked = [reason(gate, counterparties=them) for them in conversations]

    assert asked == [
        Reason.ALLOWED,
        Reason.COUNTERPARTY_PROTECTED,
        Reason.COUNTERPARTY_PROTECTED,
        Reason.ALLOWED,
    ]


def test_a_verdict_does_not_say_who_is_protected(make_gate):
    verdict = make_gate(protected=PROTECTED).may_capture(
        application="slack", kind="keystrokes", counterparties=["mira@example.com"]
    )

    assert (verdict.rule, verdict.application) == ("counterparties", "slack")
    assert "mira" not in repr(verdict)


def test_a_policy_without_the_filter_that_its_ceiling_names_is_not_held(make_gate):
    with pytest.raises(ValueError, match="filter"):
        make_gate(ceiling={"counterparties": "sha256:" + "0" * 64})


# What the device is in


@pytest.mark.parametrize(
    ("surroundings", "expected"),
    [
        (CALM, Reason.ALLOWED),
        (Surroundings(on_battery=False), Reason.ALLOWED),
        (Surroundings(on_battery=False, battery_percent=5), Reason.ALLOWED),
        (Surroundings(on_battery=True, battery_percent=30), Reason.ALLOWED),
        (Surroundings(on_battery=True, battery_percent=29.9), Reason.CONDITION),
        (Surroundings(battery_percent=80), Reason.ALLOWED),
        (Surroundings(battery_percent=10), Reason.CONDITION_UNKNOWN),
        (Surroundings(on_battery=True), Reason.CONDITION_UNKNOWN),
        (Surroundings(on_battery=True, battery_percent=float("nan")), Reason.CONDITION),
        (Surroundings(), Reason.CONDITION_UNKNOWN),
    ],
)
def test_stops_on_a_battery_below_the_wish(make_gate, surroundings, expected):
    gate = make_gate(policy={"conditions": {"battery_below_percent": 30}})

    assert reason(gate, surroundings=surroundings) is expected


@pytest.mark.parametrize(
    ("condition", "member"), [("metered_network", "metered"), ("private_window", "private_window")]
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (False, Reason.ALLOWED),
        (True, Reason.CONDITION),
        (None, Reason.CONDITION_UNKNOWN),
        (0, Reason.CONDITION_UNKNOWN),
        ("no", Reason.CONDITION),
    ],
)
def test_stops_on_a_metered_network_and_in_a_private_window(
    make_gate, condition, member, value, expected
):
    gate = make_gate(policy={"conditions": {condition: "deny"}})

    found = answer(gate, surroundings=Surroundings(**{member: value}))

    assert found == (expected, "slack" if expected is Reason.ALLOWED else condition)


def test_all_conditions_at_once_leave_what_meets_none(make_gate):
    gate = make_gate(policy={"conditions": ALL_CONDITIONS})

    assert reason(gate, surroundings=CALM) is Reason.ALLOWED
    assert reason(gate) is Reason.CONDITION_UNKNOWN


def test_without_conditions_the_surroundings_do_not_matter(make_gate):
    assert reason(make_gate(), surroundings=Surroundings(metered=True)) is Reason.ALLOWED


@pytest.mark.parametrize("conditions", [{"meeting": "deny"}, {"metered_network": "ask"}])
def test_a_condition_that_it_does_not_know_stops_everything(make_gate, clock, conditions):
    gate = make_gate(policy={"conditions": conditions})

    found = answer(gate, application="github", surroundings=CALM)

    assert found == (Reason.CONDITION_UNKNOWN, next(iter(conditions)))
    assert not gate.held.collects_anything(clock.now())


# Both, and the rest


def test_who_is_concerned_comes_before_what_the_owner_wishes(make_gate):
    gate = make_gate(protected=PROTECTED, policy={"conditions": ALL_CONDITIONS})

    assert reason(gate) is Reason.COUNTERPARTIES_UNKNOWN
    assert reason(gate, counterparties=[]) is Reason.CONDITION_UNKNOWN


def test_they_allow_nothing_that_was_refused(make_gate):
    gate = make_gate(protected=PROTECTED, policy={"deny": [deny()]})

    assert reason(gate, counterparties=[], surroundings=CALM) is Reason.PAUSE


def test_a_device_that_could_collect_says_so_whatever_it_is_in(make_gate, clock):
    gate = make_gate(protected=PROTECTED, policy={"conditions": ALL_CONDITIONS})

    assert gate.held.collects_anything(clock.now())
