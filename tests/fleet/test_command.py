"""The command: its bounds, its file, and how it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consent_fleet.cli import main
from consent_fleet.devices import Device, read_devices

ROOT = Path(__file__).resolve().parents[2]
each = pytest.mark.parametrize


@each(
    "arguments",
    [
        ["--minutes", "61"],
        ["--minutes", "0"],
        ["--minutes", "nan"],
        ["--devices", "200001"],
        ["--devices", "0"],
        ["--devices", "100000", "--period", "4"],
        ["--connections", "5000"],
        ["--period", "0.5"],
        ["--wait-seconds", "56"],
        ["--press-every", "1", "--mode", "poll"],
        ["--press-every", "-1", "--mode", "wait"],
        ["--check-one-in", "0"],
        ["--mode", "enrol"],
        ["--codes", "codes.txt"],
    ],
)
def test_what_would_be_too_much_is_refused(make_file, portal, arguments):
    file = make_file()

    with pytest.raises(SystemExit) as ended:
        main(["--url", portal.url, "--file", str(file), *arguments])

    assert ended.value.code == 2
    assert portal.requests == []


def test_another_machine_is_refused(make_file, capsys):
    status = main(["--url", "http://192.0.2.1:8000", "--file", str(make_file())])

    assert status == 2
    assert "not (only) this machine" in capsys.readouterr().err


def test_a_portal_that_is_away_ends_it(make_file, capsys):
    status = main(["--url", "http://127.0.0.1:9", "--file", str(make_file())])

    assert status == 2
    assert "can't be read" in capsys.readouterr().err


def test_a_file_that_others_can_read_is_refused(make_file, portal, capsys):
    file = make_file()
    file.chmod(0o644)

    status = main(["--url", portal.url, "--file", str(file)])

    assert status == 2
    assert "chmod 600" in capsys.readouterr().err


@each(
    "line",
    [
        "{}",
        "no json",
        '{"device": "d", "token": "t\\r\\nHost: elsewhere"}',
        '{"device": "d", "token": 1}',
    ],
)
def test_a_line_that_is_no_device_is_refused(make_file, portal, capsys, line):
    file = make_file()
    file.write_text(line + "\n")

    status = main(["--url", portal.url, "--file", str(file)])

    assert status == 2
    assert "line 1" in capsys.readouterr().err


def test_devices_come_back_from_the_file_as_they_went(make_file):
    devices = read_devices(make_file(3, confirming=1), most=2)

    assert [bool(device.key) for device in devices] == [True, False]
    assert isinstance(devices[0], Device)
    assert devices[0].signing_key.role == "device"


def test_it_ends_early_when_it_is_told_to_and_still_reports(make_file, portal):
    command = [sys.executable, "-m", "consent_fleet", "--url", portal.url, "--minutes", "5"]
    command += ["--file", str(make_file()), "--start-within", "0", "--connections", "2", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while len(portal.requests) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=30)

    assert json.loads(printed)["times"]["poll, 200"]["count"] == 4


def test_people_read_lines(make_file, portal, capsys):
    given = ["--url", portal.url, "--file", str(make_file()), "--connections", "2"]

    main([*given, "--minutes", "0.01", "--start-within", "0"])

    printed = capsys.readouterr().out
    assert "4 devices, poll" in printed
    assert "poll, 200: 4 (" in printed


def test_devices_enrol_by_codes_and_are_written_down(make_file, portal, tmp_path, capsys):
    file, codes = tmp_path / "enrolled.jsonl", tmp_path / "codes.txt"
    codes.write_text("ABCD2345\nROLLOUT1 mira@example.com\n")
    given = ["--url", portal.url, "--file", str(file), "--codes", str(codes), "--mode", "enrol"]

    status = main([*given, "--connections", "2", "--minutes", "0.2"])

    bodies = sorted(portal.bodies("POST", "enrolments"), key=lambda body: body["code"])
    assert status == 0
    assert [body["code"] for body in bodies] == ["ABCD2345", "ROLLOUT1"]
    assert [body.get("employee_email") for body in bodies] == [None, "mira@example.com"]
    devices = read_devices(file, most=9)
    keys = {device.signing_key.public_jwk()["x"] for device in devices}
    assert keys == {body["public_key"]["x"] for body in bodies}
    assert "enrolment: 2 (" in capsys.readouterr().out
