"""Starts the embedded PostgreSQL and Valkey before Django reads its settings.

Loaded with `-p tests.services`. The tests own the tables; servers that browser tests start get the
role that serves requests (`tests/browser`).
"""

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.embedded import embedded_services

FOLDER = Path(
    os.environ.get("TEST_VAR_DIR") or Path(__file__).resolve().parents[1] / "var" / "test"
)
stack = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    os.environ["VAR_DIR"] = str(FOLDER)
    os.environ.setdefault("DATABASE_POOL_SIZE", "0")
    stack.enter_context(embedded_services(FOLDER, broker=True, durable=False))
    # The serving role's own address, for servers that tests start.
    os.environ.setdefault("TEST_PORTAL_ROLE_URL", os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_OWNER_URL", os.environ["DATABASE_URL"])
    return (yield)


def pytest_unconfigure() -> None:
    stack.close()
