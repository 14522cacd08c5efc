"""The page about the service: each figure is real; what can't be known is said to be unknown."""

import os
import time
from contextlib import ExitStack
from datetime import timedelta

import psycopg
import pytest
import redis
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from consent_app.notifications.actions import owe
from consent_app.people.roles import Role
from portal import service
from portal.celery import app
from portal.environment import process_name
from portal.lib.key_ages import key_ages
from portal.lib.key_rotation import put_next_to_use
from portal.lib.keys import SEALING_KEYS
from portal.schedule import PULSE, note_pulse
from tests.exemption_fixtures import give_role

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def samuel(make_employee):
    return give_role(make_employee("Samuel Adeyemi"), Role.IT_ADMINISTRATOR)


@pytest.fixture
def page(sign_in, samuel, keys):
    def open_page():
        answer = sign_in(samuel).get("/fleet/service")
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    return open_page


@pytest.fixture
def broker():
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as server:
        server.flushall()
        yield server
        server.flushall()


@pytest.fixture
def broker_away(monkeypatch):
    monkeypatch.setattr(app.conf, "broker_read_url", NOWHERE)
    monkeypatch.setattr(app.conf, "broker_url", NOWHERE)


def test_others_have_no_such_page(sign_in, make_employee):
    assert sign_in(make_employee()).get("/fleet/service").status_code == 404


def test_counts_the_tasks_that_wait(page, broker):
    for _ in range(3):
        note_pulse.delay()

    assert service.health().queue == service.Queue(waiting=3, has_worker=False, is_reached=True)
    assert "<dt>Tasks that wait</dt><dd>3</dd>" in page()
    assert "No worker answered" in page()


def test_a_queue_that_the_broker_does_not_have_is_empty(page, broker):
    assert service.health().queue.waiting == 0


def test_a_broker_that_is_away_is_said_and_breaks_nothing(page, broker_away):
    began = time.monotonic()

    shown = page()

    assert "The broker can&#x27;t be reached." in shown
    assert "<dt>Tasks that wait</dt><dd>not known</dd>" in shown
    assert "<dt>A worker answers</dt><dd>not known</dd>" in shown
    assert time.monotonic() - began < 10


def test_the_pulse_is_unknown_until_there_is_one(page, broker):
    cache.delete(PULSE)

    assert "<dt>Schedule last ran</dt><dd>not known</dd>" in page()
    note_pulse()
    assert "just now" in page()


def test_a_schedule_that_stands_still_is_said(page, broker):
    cache.set(PULSE, timezone.now() - timedelta(minutes=2), timeout=None)

    assert "what is scheduled for more than 90 seconds" in page()


def test_says_since_when_the_oldest_message_waits(page, broker, samuel, frozen_time):
    owe("device_removed", to=samuel, context={"hostname": "LAPTOP-1"})
    assert "none is late" in page()
    frozen_time.shift(timedelta(minutes=6))

    mails = service.health().mails

    assert mails == service.Mails(1, timezone.now() - timedelta(minutes=6))
    assert "has waited to be mailed for more than five minutes" in page()


@pytest.fixture
def session_named():
    """Open one more session with the database, under the name of a process."""
    where = connection.settings_dict
    with ExitStack() as opened:

        def open_session(name, statement="SELECT 1"):
            session = psycopg.connect(
                host=where["HOST"], port=where["PORT"], dbname=where["NAME"], user=where["USER"],
                password=where["PASSWORD"], application_name=name, autocommit=True,
            )  # fmt: skip
            opened.enter_context(session).execute(statement)

        yield open_session


def test_counts_processes_by_their_sessions(page, broker, session_named):
    session_named("consent-portal pages 101")
    session_named("consent-portal poll 101", "LISTEN consent_policy")
    session_named("consent-portal poll 102", "SELECT 2")
    session_named("consent-portal worker 103")
    session_named("somebody else 104")

    found = service.health().processes

    assert (found.polling, found.listening) == (2, 1)
    assert found.servers >= 2
    assert "does not hear of changes" in page()


def test_without_a_process_for_devices_it_says_so(page, broker):
    assert "No process answers devices." in page()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["/x/granian", "portal.asgi:application"], "pages"),
        (["/x/celery", "--app", "portal", "worker"], "worker"),
        (["/x/celery", "--app", "portal", "beat"], "beat"),
        (["manage.py", "sign_ceilings"], "command"),
    ],
)
def test_a_process_names_its_part(monkeypatch, arguments, part):
    monkeypatch.setattr("sys.argv", arguments)

    assert process_name() == f"consent-portal {part} {os.getpid()}"


def since_of(name):
    return {age.name: age.since for age in key_ages()}[name]


def test_says_since_when_keys_are_in_use(page, broker, keys, frozen_time):
    """By the list: the programme key is elsewhere, and a file may have been copied or renamed."""
    (keys / "programme.key").unlink()
    made = since_of("Programme key, in use")
    frozen_time.shift(timedelta(days=30))
    put_next_to_use(keys, "policy", at=timezone.now())
    os.utime(keys / "policy.key", (1_700_000_000, 1_700_000_000))
    os.utime(keys / SEALING_KEYS, (1_700_000_000, 1_700_000_000))

    assert made is not None
    assert since_of("Programme key, in use") == made
    assert abs(since_of("Policy key, in use") - timezone.now()) <= timedelta(seconds=1)
    assert since_of("Sealing keys").year == 2023
    assert "14 November 2023" in page()


def test_says_of_keys_that_no_list_names_what_their_files_tell(page, broker, keys):
    (keys / "jwks.json").unlink()
    (keys / "programme.key").unlink()
    os.utime(keys / "policy.key", (1_700_000_000, 1_700_000_000))

    assert since_of("Policy key, in use").year == 2023
    assert since_of("Programme key, in use") is None
    assert "not known here" in page()


def test_asks_again_for_its_figures_alone(sign_in, samuel, keys, broker):
    answer = sign_in(samuel).get("/fleet/service", HTTP_HX_REQUEST="true")

    assert answer.content.decode().strip().startswith('<div class="stack stack-loose" id="service')
