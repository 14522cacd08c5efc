"""A real Celery worker on the real broker: hints are followed, forged tasks do nothing."""

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from consent_app.notifications.actions import owe
from consent_app.notifications.models import Notification
from portal.celery import app
from portal.management.commands.prepare_database import grant_serving_role
from portal.service import Queue, health
from tests.browser.live_portal import serving_role_url

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 20


def until(is_true):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def worker(tmp_path, broker, transactional_db):
    """Start a worker as production does, on the role that serves requests."""
    grant_serving_role("portal")
    command = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency=1"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--loglevel=INFO"],
            env=os.environ | {"DATABASE_URL": serving_role_url(), "VAR_DIR": str(tmp_path)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    until(lambda: b" ready." in (tmp_path / "worker.log").read_bytes())
    yield process
    process.terminate()
    process.wait(30)


@pytest.fixture
def broker():
    """Empty the broker, as if its disk had been lost."""
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as server:
        server.flushall()
        yield server
        server.flushall()


@pytest.fixture
def mira(make_employee):
    return make_employee(email="mira@example.com")


def mails(tmp_path):
    return [path.read_text() for path in (tmp_path / "mail").glob("*.log")]


def test_the_page_about_the_service_hears_of_it(worker):
    assert health().queue == Queue(waiting=0, has_worker=True, is_reached=True)


def test_worker_mails_what_a_commit_hinted_at(mira, worker, tmp_path):
    owed = owe("device_removed", to=mira, context={"hostname": "LAPTOP-1"})

    until(lambda: Notification.objects.get().mailed_at)

    [text] = mails(tmp_path)
    assert "To: mira@example.com" in text
    assert f"Message-ID: <{owed.pk}@" in text


def test_sweep_finds_what_the_broker_lost(mira, broker, worker, tmp_path):
    owe("device_removed", to=mira, context={"hostname": "LAPTOP-1"})
    until(lambda: Notification.objects.get().mailed_at)
    Notification.objects.update(
        mailed_at=None, claimed_until=None, owed_at=timezone.now() - timedelta(minutes=1)
    )

    app.send_task("notifications.sweep")

    until(lambda: Notification.objects.get().mailed_at)
    assert Notification.objects.get().attempts == 2


def test_forged_and_unknown_tasks_change_nothing(mira, worker, tmp_path):
    app.send_task("notifications.deliver", args=[str(uuid.uuid4())])
    app.send_task("notifications.deliver", args=["' OR 1=1 --"])
    app.send_task("os.system", args=["true"])

    owe("device_removed", to=mira, context={"hostname": "LAPTOP-1"})

    until(lambda: Notification.objects.get().mailed_at)
    assert len(mails(tmp_path)) == 1


def test_tasks_carry_ids_and_nothing_of_the_person(mira, broker):
    owe("device_removed", to=mira, context={"hostname": "CANARY-LAPTOP"})

    [message] = broker.lrange("celery", 0, -1)
    body = base64.b64decode(json.loads(message)["body"])
    assert json.loads(body)[0] == [str(Notification.objects.get().pk)]
    for text in (message, body):
        assert b"CANARY" not in text
        assert b"mira" not in text
