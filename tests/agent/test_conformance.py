"""The conformance suite finds each of the broken agents; that ours passes, it shows by itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.broken import BROKEN, CAUGHT_BY

SUITE = Path(__file__).parents[2] / "agent" / "conformance"
HARMLESS = "test_gate.py::test_what_nothing_takes_away_is_allowed[keystrokes]"


def run_suite(broken: str, *cases: str) -> tuple[int, list[str]]:
    """Run cases by themselves, as a vendor would; return the status and which of them failed."""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"),
        f"--agent={sys.executable} -m conformance.our_agent --broken {broken}",
        *(str(SUITE / case) for case in cases),
    ]
    done = subprocess.run(
        command,
        # Nothing but pytest itself: no plugin of ours may be needed.
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(SUITE.parent)},
        cwd=SUITE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^FAILED (?:conformance/)?(\S+::.+?)(?: - |$)", done.stdout, re.MULTILINE)
    assert "ContractBroken" not in done.stdout, "it crashed, and was not found out"
    return done.returncode, failed


def test_says_of_each_broken_agent_which_case_finds_it():
    assert CAUGHT_BY.keys() == BROKEN.keys()
    assert len(BROKEN) >= 12


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_finds_a_broken_agent(name):
    status, failed = run_suite(name, CAUGHT_BY[name], HARMLESS)

    assert (status, failed) == (1, [CAUGHT_BY[name]])
