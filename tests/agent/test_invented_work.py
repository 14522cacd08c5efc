"""The demo's stand-in for capturing software asks about real rows and counts real answers."""

import runpy
from pathlib import Path

import pytest

from consent_agent.ledger import Counter
from consent_agent.protocol.decision import Reason

SCRIPT = Path(__file__).parents[2] / "agent" / "examples" / "invented_work.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_every_task_is_about_something_in_the_register(make_gate, script):
    gate = make_gate()

    reasons = {
        gate.may_capture(
            application=task.application, url=task.url, field=task.field, kind="keystrokes"
        ).reason
        for task in script["TASKS"]
    }

    assert reasons == {Reason.ALLOWED, Reason.EXCLUDED, Reason.SAFEGUARD}


def test_counts_what_the_gate_says_and_reports_it(portal, make_state, make_gate, script):
    state = make_state(portal.url)
    counter = Counter.on_state(state.path)
    gate = make_gate(protected=["sam@example.com"])

    for task in script["TASKS"]:
        script["ask_and_count"](gate, counter, task, kind="keystrokes")
    script["report"](state.path, counter)

    (body,) = portal.bodies("POST", "ledger")
    counted = {row["application"]: (row["captured"], row["suppressed"]) for row in body["reports"]}
    assert counted["visual-studio-code"] == (2, {})
    assert counted["slack"] == (0, {"counterparty_protected": 1, "counterparties_unknown": 1})
    assert "1password" not in counted
