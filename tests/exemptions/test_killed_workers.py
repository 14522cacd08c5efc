"""500 decisions while their worker is killed 20 times: all is told and all is on the devices.

Real Celery workers on the real broker, ended by SIGKILL at random moments: mostly the process that
runs the tasks, sometimes the whole worker. What they left is found by the sweeper.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from consent_app.audit.verification import verify_log
from consent_app.devices.actions import sign_ceilings
from consent_app.notifications.models import Notification
from consent_app.people.queries import system_user
from consent_app.register.queries import application_slugs
from exemptions.actions import decisions, submission
from exemptions.actions.changes import new_request
from exemptions.models import ExemptionRequest, Message, MessageKind, State, Verdict
from exemptions.sealed import seal_text
from portal.celery import app
from portal.management.commands.prepare_database import grant_serving_role
from tests.browser.live_portal import serving_role_url
from tests.device_fixtures import enrol
from tests.exemption_fixtures import ORDINARY, fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(0)]
PEOPLE, EACH = 25, 10
KILLS, WHOLE_WORKERS = 20, 4
PATIENCE_SECONDS = 120
WORKER = (sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency=1")


def until(is_true):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Worker:
    """One worker in a process group of its own, on the role that serves requests."""

    def __init__(self, folder, address):
        self.log = folder / f"worker-{time.monotonic_ns()}.log"
        environment = os.environ | {"DATABASE_URL": address, "VAR_DIR": str(folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*WORKER, "--loglevel=INFO", "--without-gossip", "--without-mingle"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_ready(self):
        return b" ready." in self.log.read_bytes()

    def kill_child(self):
        """Kill the process that runs the tasks; the worker makes another."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        children = found.stdout.split()
        if children:
            os.kill(int(children[-1]), signal.SIGKILL)
        return bool(children)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture
def broker():
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as server:
        server.flushall()
        yield server
        server.flushall()


@pytest.fixture
def start_worker(tmp_path, broker, transactional_db):
    grant_serving_role("portal")
    with ExitStack() as stack:

        def start():
            worker = Worker(tmp_path, serving_role_url())
            stack.callback(worker.kill)
            until(lambda: worker.is_ready)
            return worker

        yield start


class Killer(threading.Thread):
    """Kills at random moments until it has done so KILLS times."""

    def __init__(self, start_worker, seed):
        super().__init__(daemon=True)
        self.start_worker, self.chance = start_worker, random.Random(seed)  # noqa: S311 (moments, no secrets)
        self.killed, self.fault = Counter(), None
        self.worker = start_worker()

    def run(self):
        try:
            while self.killed.total() < KILLS:
                time.sleep(self.chance.uniform(0.05, 1.5))
                self.kill_something()
        except Exception as fault:
            self.fault = fault
            raise

    def kill_something(self):
        if self.killed.total() % (KILLS // WHOLE_WORKERS) == WHOLE_WORKERS:
            self.worker.kill()
            self.worker = self.start_worker()
            self.killed["worker"] += 1
        elif self.worker.kill_child():
            self.killed["child"] += 1


@pytest.fixture
def waiting(grounds, organisation, make_employee):
    """Requests of many people with a device each, one for every application, all sent."""
    people = [make_employee(f"P {n}", line_manager=organisation.jonas) for n in range(PEOPLE)]
    sign_ceilings(by=system_user())
    devices = {person.pk: enrol(person) for person in people}
    slugs = sorted(application_slugs())[:EACH]
    return devices, [send(person, grounds[ORDINARY], slug) for slug in slugs for person in people]


def send(person, ground, slug):
    now = timezone.now()
    draft = new_request(
        requester=person, ground=ground, is_sensitive=False, created_at=now, applications=[slug],
        starts_on=now.date(), ends_on=now.date() + timedelta(days=60),
    )  # fmt: skip
    words = Message(request=draft, author=person, kind=MessageKind.STATEMENT, written_at=now)
    words.text = seal_text(draft, "Because.", purpose=words.purpose)
    words.save(force_insert=True)
    return submission.submit_request(request=draft, by=person)


def decide(request, by, *, is_approved=True):
    no = {"verdict": Verdict.DECLINE, "code": "ground_not_met", "text": "No."}
    words = {"verdict": Verdict.APPROVE} if is_approved else no
    decisions.decide(request=request, by=by, seen=fresh(request).version, **words)


def test_nothing_is_lost_when_workers_are_killed(
    waiting, organisation, start_worker, tmp_path, record_property
):
    devices, requests = waiting
    seed = random.SystemRandom().randrange(2**32)
    record_property("seed", seed)
    killer = Killer(start_worker, seed)
    killer.start()

    for request in requests:
        decide(request, organisation.jonas)
    for number, request in enumerate(requests):
        decide(request, organisation.hr[number % 2], is_approved=number % 5 != 0)
    killer.join(PATIENCE_SECONDS)

    assert (killer.fault, killer.killed.total()) == (None, KILLS), f"seed {seed}"
    assert ExemptionRequest.objects.filter(decisions__isnull=False).count() == 500
    deliver_what_was_left(killer.worker, start_worker)
    assert_all_were_told(requests, tmp_path)
    assert_devices_know(devices, requests)
    assert verify_log([]).is_intact


def deliver_what_was_left(worker, start_worker):
    """Sweep after two minutes, when what killed workers claimed is free again."""
    worker.kill()
    Notification.objects.unsent().update(
        claimed_until=None, owed_at=timezone.now() - timedelta(minutes=3)
    )
    start_worker()

    def is_all_sent():
        if Notification.objects.unsent().exists():
            app.send_task("notifications.sweep")
            time.sleep(1)
        return not Notification.objects.unsent().exists()

    until(is_all_sent)


def assert_all_were_told(requests, folder):
    """Each event once in the inbox of whoever it concerns, and mailed at least once."""
    rows = Counter(
        (row.event, row.context["request"], row.recipient_id)
        for row in Notification.objects.exclude(event="device_enrolled")
    )
    expected = {
        (event, str(request.pk), request.requester_id)
        for request in requests
        for event in ("request_submitted", "request_moved_on", "request_decided")
    }
    expected |= {
        ("review_waiting", str(request.pk), request.requester.line_manager_id)
        for request in requests
    }
    assert rows == dict.fromkeys(expected, 1)
    mails = "".join(path.read_text() for path in (folder / "mail").glob("*.log"))
    for notification in Notification.objects.all():
        assert notification.mailed_at
        assert f"Message-ID: <{notification.pk}@" in mails


def assert_devices_know(devices, requests):
    now = timezone.now()
    approved = {pk: set() for pk in devices}
    for request in requests:
        if fresh(request).state == State.APPROVED:
            approved[request.requester_id].update(request.applications)
    for pk, device in devices.items():
        in_force = [deny for deny in device.newest_document().deny if deny.is_in_force(now)]
        assert {deny.source for deny in in_force} <= {"exemption"}
        assert set().union(*(deny.applications for deny in in_force)) == approved[pk]
    assert sum(map(len, approved.values())) == len(requests) * 4 // 5
