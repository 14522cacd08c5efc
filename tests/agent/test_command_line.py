"""The real command in real processes."""

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conformance.documents import CEILING_VERSION, COHORT
from consent_agent import service
from consent_agent.cli import main
from consent_agent.ledger import Counter, Ledger
from consent_agent.protocol.decision import Reason, Verdict
from consent_agent.service import LogFile

AGENT = Path(__file__).parents[2] / "agent"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def command(folder, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; give its status, output and errors."""

    def run(name: str, *arguments: str) -> tuple[int, str, str]:
        status = main([name, *arguments, "--state", str(folder)])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def enrolled(command, portal):
    assert command("enrol", portal.url, "ABCD2345", "--hostname", "LAPTOP-1")[0] == 0
    return command


@pytest.fixture
def start_run(folder) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "consent_agent", "run", "--state", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(AGENT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}: {process.communicate()}")


def wait_until(is_true: Callable[[], object], file: Path) -> None:
    deadline = time.monotonic() + 20
    while not (file.exists() and is_true()):
        assert time.monotonic() < deadline, file
        time.sleep(0.05)


def test_enrols_by_the_code_of_a_rollout(command, portal):
    status, output, _ = command(
        "enrol", portal.url, "ABCD-2345-EFGH-6789", "--employee-email", "mira.okafor@example.com"
    )

    assert status == 0
    assert portal.bodies("POST", "enrolments")[0]["employee_email"] == "mira.okafor@example.com"
    assert "nothing until mira.okafor@example.com says that it is theirs" in output


def test_enrols_once(enrolled, portal):
    status, _, errors = enrolled("enrol", portal.url, "ABCD2345")

    assert portal.bodies("POST", "enrolments")[0]["hostname"] == "LAPTOP-1"
    assert (status, len(portal.bodies("POST", "enrolments"))) == (1, 1)
    assert "enrolled already" in errors


@pytest.mark.parametrize("name", ["run", "status", "resume", "report", "moved"])
def test_says_when_the_device_is_not_enrolled(command, name):
    status, _, errors = command(name, *(["us-ny"] if name == "moved" else []))

    assert status == 3
    assert "consent-agent enrol" in errors


def test_says_when_the_portal_is_away(command, portal):
    portal.stop()

    status, _, errors = command("enrol", portal.url, "ABCD2345")

    assert status == 5
    assert errors.startswith("consent-agent: The portal cannot be reached")


def test_says_when_the_code_is_refused(command, portal, folder):
    portal.wrong_answers["enrolments"] = lambda handler: handler.send(409, {"code": "code_used"})

    status, _, errors = command("enrol", portal.url, "ABCD2345")

    assert status == 5
    assert "409 code_used" in errors
    assert not folder.exists()


def test_nothing_that_the_portal_says_moves_the_cursor(command, portal):
    portal.wrong_answers["enrolments"] = lambda handler: handler.send(409, {"code": "\x1b[2Jé"})

    _, _, errors = command("enrol", portal.url, "ABCD2345")

    assert "409 \\x1b[2J\\xe9" in errors


def test_says_when_a_file_was_altered(enrolled, folder):
    path = folder / "enrolment.json"
    path.write_bytes(path.read_bytes().replace(b"token-1", b"token-2"))

    status, _, errors = enrolled("status")

    assert status == 6
    assert "was altered" in errors


@pytest.mark.parametrize("minutes", ["0", "31", "-5", "5.5", "NaN", "1e1", "\u0665", "", "five"])
def test_a_pause_has_1_to_30_whole_minutes(enrolled, folder, minutes):
    with pytest.raises(SystemExit) as caught:
        enrolled("pause", minutes)

    assert caught.value.code == 2
    assert not (folder / "pause.json").exists()


def test_a_pause_holds_and_is_reported(enrolled, portal):
    status, output, _ = enrolled("pause", "15")
    report = portal.bodies("POST", "pauses")[0]

    assert status == 0
    assert output.startswith("Paused until ")
    assert report["minutes"] == 15
    assert re.fullmatch(r"[0-9a-f-]{36}", report["idempotency_key"])


def test_a_pause_without_network_holds_on_the_device(enrolled, portal, folder):
    portal.stop()

    status, _, errors = enrolled("pause", "15")

    assert status == 0
    assert "will report the pause" in errors
    assert (folder / "pause.json").exists()


def test_resuming_ends_the_pause_here_and_in_the_portal(enrolled, portal, folder):
    enrolled("pause", "15")

    status, _, _ = enrolled("resume")

    assert status == 0
    assert not (folder / "pause.json").exists()
    assert portal.bodies("DELETE", "pauses/current") == [None]


def test_moving_needs_the_word_of_whoever_sits_there(enrolled, start_run, portal, monkeypatch):
    process = start_run()
    read_until(process, "confirmed")
    portal.ceiling_changes = {"version": 9, "cohort": "us-ca"}
    portal.publish(version=18, cohort="us-ca")
    read_until(process, "cohort_unconfirmed)  confirmed")
    waiting, shown = enrolled("status")[1], json.loads(enrolled("status", "--json")[1])

    monkeypatch.setattr("sys.stdin", io.StringIO("no\nyes\n"))
    refused = enrolled("moved", "us-ca")[1]
    still = json.loads(enrolled("status", "--json")[1])
    said = enrolled("moved", "us-ca")[1]
    read_until(process, "collecting  denied: nothing  confirmed")
    after = json.loads(enrolled("status", "--json")[1])

    assert waiting.startswith(
        f"The portal says that you work in us-ca, and this computer knows {COHORT}. Nothing is"
        " collected until you say on it that the portal is right: consent-agent moved us-ca."
    )
    assert (shown["collecting"], shown["cohort"], shown["place"]) == (False, "us-ca", COHORT)
    assert refused.endswith("Nothing was changed.\n")
    assert not still["collecting"]
    assert said.endswith("This computer knows now that you work in us-ca.\n")
    assert (after["collecting"], after["place"]) == (True, "us-ca")


@pytest.mark.parametrize("place", ["", "US-CA", "us_ca", "-", "us-", "us ca", "ü"])
def test_a_place_is_its_short_name(enrolled, folder, place):
    before = (folder / "place.json").read_bytes()

    with pytest.raises(SystemExit) as caught:
        enrolled("moved", "--yes", place)

    assert caught.value.code == 2
    assert (folder / "place.json").read_bytes() == before


def test_a_computer_enrolled_for_a_place_collects_nowhere_else(command, portal, start_run):
    command("enrol", portal.url, "ABCD2345", "--place", "us-ca")
    read_until(start_run(), "confirmed")
    shown = json.loads(command("status", "--json")[1])

    assert (shown["collecting"], shown["cohort"], shown["place"]) == (False, COHORT, "us-ca")


def test_status_is_for_people_and_for_programs(enrolled, start_run):
    before = json.loads(enrolled("status", "--json")[1])
    read_until(start_run(), "confirmed")
    after = json.loads(enrolled("status", "--json")[1])
    enrolled("pause", "5")
    paused = json.loads(enrolled("status", "--json")[1])

    assert (before["collecting"], before["policy"]) == (False, "state_refused")
    assert (after["collecting"], after["policy"], after["version"]) == (True, "fresh", 17)
    assert (after["cohort"], after["ceiling_version"]) == (COHORT, CEILING_VERSION)
    assert after["place"] == COHORT
    assert (paused["collecting"], paused["local_pause_until"] is None) == (False, False)


def test_status_says_first_whether_anything_is_collected(enrolled, start_run, portal):
    def first_line() -> str:
        return enrolled("status")[1].splitlines()[0]

    before = enrolled("status")[1]
    process = start_run()
    read_until(process, "confirmed")
    collecting = enrolled("status")[1]
    enrolled("pause", "5")
    paused = first_line()
    enrolled("resume")

    assert before.startswith("Nothing is collected: there is no policy to go by")
    assert "Start it: consent-agent run" in before
    assert collecting.startswith("This computer is collecting.\n\nPortal   http://127.0.0.1")
    assert re.search(r"^Place    [a-z-]+, version \d+ of its ceiling$", collecting, re.MULTILINE)
    assert re.search(r"^Policy   version 17, collecting$", collecting, re.MULTILINE)
    assert re.fullmatch(
        r"Paused on this computer until \d\d:\d\d:\d\d \(5 minutes left\)\.", paused
    )
    assert first_line() == "This computer is collecting."


def test_status_says_that_the_policy_ran_out(enrolled, portal, start_run, folder, time_machine):
    process = start_run()
    read_until(process, "confirmed")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    time_machine.move_to(datetime.now(UTC) + timedelta(minutes=20))

    status, output, _ = enrolled("status")

    assert status == 0
    assert output.startswith("Nothing is collected: the portal has not been heard of since ")


def test_one_agent_at_a_time_works_on_a_state_folder(enrolled, start_run):
    read_until(start_run(), "confirmed")

    status, _, errors = enrolled("run")

    assert status == 7
    assert errors == "consent-agent: An agent runs on this state folder already.\n"
    assert json.loads(enrolled("status", "--json")[1])["running"] is True


def test_a_killed_agent_is_no_obstacle_to_the_next(enrolled, start_run):
    first = start_run()
    read_until(first, "confirmed")
    first.kill()
    first.wait()

    assert json.loads(enrolled("status", "--json")[1])["running"] is False
    assert read_until(start_run(), "confirmed")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("enrolment_code_invalid", "shows a new one"),
        ("enrolment_code_invalid", "--employee-email"),
        ("enrolment_code_spent", "Ask IT for another."),
        ("employee_unknown", "Compare it with the directory."),
        ("enrolment_code_used", "If it was not you who used it, tell IT."),
        ("too_many_requests", "Wait some minutes."),
    ],
)
def test_says_what_to_do_about_a_code_that_is_refused(command, portal, code, advice):
    portal.wrong_answers["enrolments"] = lambda handler: handler.send(409, {"code": code})

    _, _, errors = command("enrol", portal.url, "ABCD2345")

    assert advice in errors.splitlines()[1]


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_does_not_spend_a_code_where_it_could_not_keep_what_it_buys(command, portal, folder):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)

    status, _, errors = command("enrol", portal.url, "ABCD2345")

    assert status == 6
    assert f"can be written by other users: chmod go-w {folder}." in errors
    assert not portal.requests


@pytest.mark.parametrize(
    "arguments", [["--every", "4"], ["--every", "301"], ["--spread", "-1"], ["--every", "x"]]
)
def test_refuses_a_pace_that_makes_no_sense(enrolled, arguments):
    with pytest.raises(SystemExit) as caught:
        enrolled("run", *arguments)

    assert caught.value.code == 2


# Leaving


def test_forget_leaves_nothing(enrolled, folder, capsys):
    enrolled("pause", "5")
    Counter.on_state(folder)
    LogFile(folder)("a line")

    status, output, _ = enrolled("forget", "--yes")

    assert status == 0
    assert not folder.exists()
    assert "The portal still knows this device" in output
    assert enrolled("status")[0] == 3


def test_forget_works_on_a_damaged_folder_too(enrolled, folder):
    (folder / "enrolment.json").write_bytes(b"x")

    assert enrolled("forget", "--yes")[0] == 0
    assert not folder.exists()


def test_forget_may_be_said_twice(enrolled, folder):
    """A script that removes the agent need not ask whether it ever ran."""
    enrolled("forget", "--yes")

    assert enrolled("forget", "--yes")[0] == 0
    assert not folder.exists()


def test_forget_leaves_what_is_not_its_own(enrolled, folder):
    (folder / "letter.txt").write_text("mine")

    enrolled("forget", "--yes")

    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("answer", "is_kept"), [("yes\n", False), ("no\n", True), ("\n", True)])
def test_forget_asks_first(enrolled, folder, monkeypatch, answer, is_kept):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    enrolled("forget")

    assert folder.exists() is is_kept


def test_forget_refuses_while_an_agent_runs(enrolled, start_run, folder):
    read_until(start_run(), "confirmed")

    status, _, _ = enrolled("forget", "--yes")

    assert status == 7
    assert (folder / "enrolment.json").exists()


# The log of its own


def test_run_writes_a_log_that_only_its_owner_can_read(enrolled, start_run, folder):
    process = start_run("--log")
    wait_until(lambda: "confirmed" in (folder / "agent.log").read_text(), folder / "agent.log")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)

    assert output == ""
    assert stat.S_IMODE((folder / "agent.log").stat().st_mode) == 0o600
    lines = (folder / "agent.log").read_text().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  Device ", lines[0])
    assert lines[-1].endswith("  Stopped.")


def test_the_log_says_why_it_ended(enrolled, start_run, portal, folder):
    portal.wrong_answers["policy"] = lambda handler: handler.send(403, {"code": "device_revoked"})

    assert start_run("--log").wait(20) == 4

    assert "This device was revoked." in (folder / "agent.log").read_text().splitlines()[-1]


def test_the_log_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "LOG_BYTES", 1000)
    log = LogFile(tmp_path)

    for number in range(200):
        log(f"line {number} of some length, so that a file is soon full")

    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["agent.log", "agent.log.1", "agent.log.2"]
    assert max(sizes.values()) < 1100
    assert "line 199 " in (tmp_path / "agent.log").read_text()
    assert stat.S_IMODE((tmp_path / "agent.log.1").stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_goes_to_the_screen(tmp_path, capsys):
    (tmp_path / "agent.log").mkdir()

    LogFile(tmp_path)("a line")

    assert re.search(r"a line  \(not in the log: ", capsys.readouterr().err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_and_cleanly_inside_a_long_poll(enrolled, start_run, number):
    process = start_run()
    line = read_until(process, "confirmed")
    time.sleep(0.1)

    started = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)

    assert time.monotonic() - started < 1
    assert (process.returncode, errors) == (0, "")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  version 17  collecting", line)


def test_a_revoked_device_says_so_and_ends(enrolled, portal, start_run, folder):
    portal.wrong_answers["policy"] = lambda handler: handler.send(403, {"code": "device_revoked"})

    process = start_run()
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 4
    assert "This device was revoked" in errors
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_the_running_agent_sees_a_pause_of_the_command(enrolled, start_run):
    process = start_run()
    read_until(process, "confirmed")

    enrolled("pause", "5")

    assert read_until(process, "Paused on this device until")


def test_version_and_help_need_no_enrolment(capsys):
    with pytest.raises(SystemExit) as version:
        main(["--version"])
    with pytest.raises(SystemExit) as usage:
        main(["--help"])

    assert (version.value.code, usage.value.code) == (0, 0)
    assert "exit status:" in capsys.readouterr().out


def test_reports_what_was_counted(enrolled, portal, folder):
    counter = Counter.on_state(folder)
    counter.record(
        Verdict(allowed=True, reason=Reason.ALLOWED, rule="slack", application="slack"),
        kind="keystrokes",
    )
    counter.flush()

    first, again = enrolled("report"), enrolled("report")

    (body,) = portal.bodies("POST", "ledger")
    assert [row["application"] for row in body["reports"]] == ["slack"]
    assert (first[1], again[1]) == (
        "Rows that the portal took: 1.\n",
        "Rows that the portal took: 0.\n",
    )


def test_says_when_the_portal_does_not_take_a_report(enrolled, portal, folder):
    Ledger(folder).add_cost(cpu_seconds=1, bytes_exchanged=1, at=datetime.now(UTC))
    portal.wrong_answers["ledger"] = lambda handler: handler.send(503, {"code": "unavailable"})

    status, _, errors = enrolled("report")

    assert (status, "503 unavailable" in errors) == (5, True)
