"""The agent with nothing but what its package asks for, as it is installed on a device.

The environment of these measurements holds more, some of which the HTTP library loads when it is
there.
"""

import importlib.metadata
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.bench.processes import REPOSITORY

PACKAGE = "consent-agent"
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from consent_agent.cli import main; sys.exit(main())"
)


def link_packages(folder: Path) -> Path:
    """Fill `folder` with links to the agent and all that it needs, and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "consent_agent").symlink_to(REPOSITORY / "agent/consent_agent")
    for name in needed_by(PACKAGE) - {PACKAGE}:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def needed_by(package: str) -> set[str]:
    """Return the names of a distribution and of all that it needs here, without extras."""
    wanted, found = [package], set()
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return found


def command(packages: Path, *arguments: str | Path) -> list[str | Path]:
    """Return the command line of `consent-agent` in an interpreter that sees only `packages`."""
    return [sys.executable, "-I", "-S", "-c", _START, packages, *arguments]
