"""What an administrator installs: the wheel, and the files that start the agent on each system."""

import configparser
import os
import plistlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import consent_agent

AGENT = Path(__file__).parents[2] / "agent"
PACKAGING = AGENT / "packaging"
UNIT = PACKAGING / "systemd/consent-agent.service"
PLIST = PACKAGING / "macos/com.example.consent-agent.plist"
TASK = PACKAGING / "windows/consent-agent.xml"
TASK_NAMES = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT, encoding="utf-8")
    return unit


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel from a copy, with the pinned back end and nothing fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(
        AGENT, folder / "agent", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = (folder / "dist").iterdir()
    with zipfile.ZipFile(built) as wheel:
        yield wheel


def test_the_version_stands_in_one_place(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    version = consent_agent.__version__

    assert f"\nVersion: {version}\n" in wheel.read(metadata).decode()
    assert Path(wheel.filename).name == f"consent_agent-{version}-py3-none-any.whl"
    said = [
        path
        for path in AGENT.rglob("*")
        if path.suffix in {".py", ".toml", ".service", ".plist", ".xml"}
        and f'"{version}"' in path.read_text(encoding="utf-8")
    ]
    assert said == [AGENT / "consent_agent/__init__.py"]


def test_the_wheel_has_the_agent_and_nothing_else(wheel):
    folders = {name.partition("/")[0] for name in wheel.namelist()}

    assert folders == {"consent_agent", f"consent_agent-{consent_agent.__version__}.dist-info"}
    assert "consent_agent/py.typed" in wheel.namelist()
    assert "consent_agent/protocol/jws.py" in wheel.namelist()


def test_the_wheel_asks_for_all_that_the_agent_imports():
    settings = tomllib.loads((AGENT / "pyproject.toml").read_text(encoding="utf-8"))
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (AGENT / "consent_agent").rglob("*.py")
    )
    imported = set(re.findall(r"^(?:from|import) ([a-z_0-9]+)", text, re.MULTILINE))
    named = {"python-stdnum": "stdnum"}

    needed = {named.get(name, name) for name in settings["project"]["dependencies"]}
    assert imported - set(sys.stdlib_module_names) - {"consent_agent"} == needed


# Linux


def test_the_unit_runs_as_the_person_and_only_what_it_needs(unit):
    service = dict(unit["Service"])

    assert service["ExecStart"] == "/usr/bin/consent-agent run --spread 30"
    assert not {"User", "DynamicUser", "AmbientCapabilities"} & set(service)
    assert service["NoNewPrivileges"] == service["MemoryDenyWriteExecute"] == "yes"
    assert service["UMask"] == "0077"
    assert unit["Install"]["WantedBy"] == "default.target"


def test_the_unit_does_not_start_again_what_a_start_does_not_mend(unit):
    text = (AGENT / "consent_agent/errors.py").read_text(encoding="utf-8")
    statuses = set(re.findall(r"exit_status = (\d)", text)) - {"1", "5"}

    assert set(unit["Service"]["RestartPreventExitStatus"].split()) == statuses


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_accepts_the_unit(tmp_path):
    """Its command is not installed here; another one stands in."""
    tmp_path.chmod(0o700)
    copy = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    copy.write_text(text.replace("/usr/bin/consent-agent", "/usr/bin/env"), encoding="utf-8")

    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", "--man=no", copy],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


# macOS and Windows: read, not run


def test_launchd_is_told_to_run_it_in_each_persons_session():
    job = plistlib.loads(PLIST.read_bytes())

    assert f"{job['Label']}.plist" == PLIST.name
    assert job["ProgramArguments"][1:] == ["run", "--spread", "30", "--log"]
    assert job["KeepAlive"] == {"SuccessfulExit": False}
    assert job["LimitLoadToSessionType"] == "Aqua"
    assert job["Umask"] == 0o077
    assert not {"UserName", "GroupName"} & set(job)


def test_the_windows_task_runs_without_elevation_on_batteries_too():
    task = ET.parse(TASK).getroot()  # noqa: S314  # our own file

    def text(path: str) -> str | None:
        return task.findtext(path, namespaces=TASK_NAMES)

    assert text(".//task:RunLevel") == "LeastPrivilege"
    assert text(".//task:GroupId") == "S-1-5-32-545"  # BUILTIN\Users
    assert text(".//task:Arguments") == "run --spread 30 --log"
    assert text(".//task:DisallowStartIfOnBatteries") == "false"
    assert text(".//task:ExecutionTimeLimit") == "PT0S"


# Without privileges

_AS_NOBODY = """
import os, sys
from consent_agent.cli import main
# What is imported on first use is imported now: this Python may stand where nobody may look.
for line in (["enrol", sys.argv[1], "WARMUP22"], ["pause", "5"], ["status"], ["report"]):
    main([*line, "--state", sys.argv[2] + "/root"])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    os.setuid(0)
except PermissionError:
    pass
else:
    sys.exit("still root")
state = sys.argv[2] + "/home/nobody/.local/state/consent-agent"
for line in (["enrol", sys.argv[1], "ABCD2345"], ["pause", "5"], ["status"], ["resume"],
             ["report"], ["run", "--log"], ["forget", "--yes"]):
    if (status := main([*line, "--state", state])) != 0:
        sys.exit(f"{line} ended with {status}")
    print("did", line[0], flush=True)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="these tests run unprivileged anyway"
)
def test_everything_runs_as_a_user_without_privileges(portal, tmp_path):
    home = tmp_path / "home" / "nobody"
    home.mkdir(parents=True)
    os.chown(home, 65_534, 65_534)
    home.chmod(0o700)
    temporary = Path(tempfile.gettempdir()).resolve()
    for above in home.resolve().parents:  # pytest keeps its folders from others
        if temporary in above.parents:
            above.chmod(0o711)

    process = subprocess.Popen(
        [sys.executable, "-c", _AS_NOBODY, portal.url, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PYTHONPATH": str(AGENT), "PATH": os.defpath},
    )
    lines = []
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.append(line)
            if line == "did report\n":
                portal.wrong_answers["policy"] = lambda handler: process.terminate()
    process.wait(30)

    assert process.returncode == 0, "".join(lines)
    assert [line.split()[1] for line in lines if line.startswith("did ")] == [
        "enrol", "pause", "status", "resume", "report", "run", "forget",
    ]  # fmt: skip
    assert not (home / ".local/state/consent-agent").exists()
