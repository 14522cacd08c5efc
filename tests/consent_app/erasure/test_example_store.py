"""The program of docs/data-stores.md, as it is, against the portal as it is served."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from consent_app.erasure.actions import deliver, move_store
from consent_app.erasure.messages import order_message
from consent_app.people.queries import system_user
from examples import data_store

PROGRAM = Path(data_store.__file__)
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=False)


class Program:
    """The example store in a process of its own."""

    def __init__(self, database: Path, key: str, *options: str) -> None:
        self.database = database
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--port", "0", "--database", str(database), *options],
            env={**os.environ, "STORE_KEY": key},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        self.url = f"http://127.0.0.1:{re.fullmatch(r'listening on ([0-9]+)\n', line)[1]}/"

    def record(self, *rows) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(data_store.TABLE)
            connection.executemany("INSERT INTO recording VALUES (?, ?, ?, ?, ?)", rows)

    def held(self) -> set[str]:
        with closing(sqlite3.connect(self.database)) as connection:
            return {name for (name,) in connection.execute("SELECT application FROM recording")}

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture
def start(tmp_path, make_store):
    running = []

    def start(*options):
        registered = make_store()
        program = Program(tmp_path / "recordings.sqlite", registered.key, *options)
        running.append(program)
        move_store(name="Archive", endpoint=program.url, by=system_user())
        return registered, program

    yield start
    for program in running:
        program.stop()


@pytest.fixture
def mira(make_employee):
    return make_employee()


@pytest.fixture
def served(live_server, settings):
    """Let stores reply to the portal that this test serves."""
    settings.PORTAL_ORIGIN = live_server.url


def wait_for(order):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and order.closed_at is None:
        time.sleep(0.05)
        order.refresh_from_db()
    return order


@pytest.mark.parametrize("used", [0, 1])
def test_erases_what_was_ordered_and_no_more(served, start, mira, order, sent_to, used):
    registered, program = start()
    recent = (timezone.now() - timedelta(minutes=1)).timestamp()
    program.record(
        (str(mira.pseudonym), "d1", "wanted", recent, used),
        (str(mira.pseudonym), "d1", "older", recent - 3_600, 1),
        ("somebody else", "d2", "foreign", recent, 1),
    )
    made = order(mira, minutes=5)

    assert deliver(erasure_id=sent_to(made, registered).pk)

    assert wait_for(made).is_completed
    row = sent_to(made, registered)
    assert (row.records, row.used_in_training) == (1, ["no", "yes"][used])
    assert program.held() == {"older", "foreign"}


def test_confirms_in_its_answer(start, mira, order, sent_to):
    registered, _program = start("--in-answer")
    made = order(mira)

    assert deliver(erasure_id=sent_to(made, registered).pk)

    made.refresh_from_db()
    assert made.is_completed


def test_an_order_that_comes_twice_is_confirmed_alike(start, mira, order, sent_to):
    registered, program = start("--in-answer")
    program.record((str(mira.pseudonym), "d1", "a", time.time() - 60, 1))
    row = sent_to(order(mira), registered)
    body = json.loads(order_message(row))["data"]

    first = data_store.erase(program.database, body)
    second = data_store.erase(program.database, body)

    assert first == second
    assert first["records"] == 1


def test_takes_no_order_that_is_not_signed(start, mira, order, sent_to):
    registered, program = start("--in-answer")
    registered.key = "whsec_" + "A" * 44
    made = order(mira)
    row = sent_to(made, registered)
    row.store.refresh_from_db()
    program.stop()
    stranger = Program(program.database, registered.key)
    move_store(name="Archive", endpoint=stranger.url, by=system_user())

    delivered = deliver(erasure_id=row.pk)
    stranger.stop()

    assert not delivered
    assert sent_to(made, registered).last_failure == "status_401"
