"""Starts the embedded PostgreSQL and Valkey before Django reads its settings.

Loaded with `-p tests.services`. The tests own the tables; servers that browser tests start get the
role that serves requests (`tests/browser`). Tests that run side by side (pytest-xdist) have servers
of their own, one pair for each of its workers: roles and the broker belong to a whole server.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from portal.embedded import embedded_services

FOLDER = Path(
    os.environ.get("TEST_VAR_DIR") or Path(__file__).resolve().parents[1] / "var" / "test"
)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
MOST_WORKERS = 4
# What takes longest begins first, so that no worker ends alone.
LONGEST = (
    "tests/portal/test_demo_run.py",
    "tests/browser/",
    "tests/test_differential.py",
    "tests/test_access.py",
    "tests/exemptions/test_killed_workers.py",
    "tests/exemptions/test_my_requests.py",
    "tests/portal/test_poll_process.py",
    "agent/conformance/test_documents.py",
)
# One test of each takes so long that a worker may take it alone.
SPREAD = ("tests/test_access.py", "tests/test_differential.py")
stack = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    if early_config.known_args_namespace.numprocesses and not WORKER:
        return (yield)  # only hands out tests, and runs none
    folder = FOLDER / WORKER
    os.environ["VAR_DIR"] = str(folder)
    os.environ.setdefault("DATABASE_POOL_SIZE", "0")
    stack.enter_context(embedded_services(folder, broker=True, durable=False))
    # The serving role's own address, for servers that tests start.
    os.environ.setdefault("TEST_PORTAL_ROLE_URL", os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_OWNER_URL", os.environ["DATABASE_URL"])
    return (yield)


@pytest.hookimpl(tryfirst=True)  # else pytest-xdist answers first
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: many tests wait for a browser, a device or a clock."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


class ByFile(LoadScopeScheduling):
    """Keeps the tests of a file on one worker, in their order, but those that take minutes each."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(SPREAD) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    found = (place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start))
    return next(found, len(LONGEST))


def pytest_unconfigure() -> None:
    stack.close()
