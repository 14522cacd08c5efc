"""Production's poll: four granian processes on one port, real HTTP, the role that serves."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection

from consent_agent.protocol.documents import DevicePolicy
from consent_agent.protocol.jws import KeySet, verify
from consent_app.devices.actions import revoke_device
from consent_app.restrictions.actions import start_pause
from portal.lib.keys import create_keys, published_keys
from portal.management.commands.prepare_database import grant_serving_role
from tests.browser.live_portal import LivePoll, LonePoll, serving_role_url

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/agent/v1/policy"
# Enough connections that all four processes take part.
CONNECTIONS = 16


@pytest.fixture(scope="module")
def poll_process(django_db_setup, django_db_blocker, tmp_path_factory):
    """Start the four once; `live_poll` gives them to a test with an empty database."""
    with django_db_blocker.unblock():
        grant_serving_role(urlsplit(os.environ["TEST_PORTAL_ROLE_URL"]).username)
        poll = LivePoll(tmp_path_factory.mktemp("poll"), database_url=serving_role_url())
        create_keys(poll.folder / "keys")
        poll.start()
    yield poll
    poll.stop()


@pytest.fixture
def keys(poll_process, settings):
    """Let the tests and the four sign with the same keys."""
    settings.KEYS_DIR = poll_process.folder / "keys"
    return settings.KEYS_DIR


@pytest.fixture
def live_poll(transactional_db, keys, poll_process):
    until_healthy(poll_process)
    return poll_process


@pytest.fixture
def clients():
    """Return as many connections as it takes to reach all four."""
    with ExitStack() as stack:
        yield [stack.enter_context(httpx.Client()) for _ in range(CONNECTIONS)]


def until_healthy(poll):
    """Wait until each process listens; one that does not answers 503."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if all(httpx.get(f"{poll.url}/health").status_code == 200 for _ in range(CONNECTIONS)):
            return
        time.sleep(0.1)
    pytest.fail("not all processes listen")


def ask(poll, token, client=None, **headers):
    get = client.get if client else httpx.get
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return get(f"{poll.url}{PATH}", headers={"Authorization": f"Bearer {token}"} | headers,
               timeout=60)  # fmt: skip


def state_of(answer):
    keys = KeySet.from_jwks(published_keys())
    payload = verify(answer.json()["device"], typ="device-policy+jws", keys=keys)
    return DevicePolicy.from_payload(payload).state


def test_answers_as_the_contract_says(live_poll, make_device):
    enrolled = make_device()

    first = ask(live_poll, enrolled.token)
    again = ask(live_poll, enrolled.token, If_None_Match=first.headers["etag"])

    assert (first.status_code, state_of(first)) == (200, "collecting")
    assert first.headers["content-type"] == "application/json"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["policy-freshness"].count(".") == 2
    assert again.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", PATH, 405, "method_not_allowed"),
        ("GET", "/agent/v1/policy/", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/health", 404, "not_found"),
    ],
)
def test_answers_what_is_not_its_business_by_a_problem(live_poll, method, path, status, code):
    answer = httpx.request(method, f"{live_poll.url}{path}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: Bearer \xc3\xa9",
        b"Authorization: " + b"Bearer a" * 2000,
        b"X-Forwarded-For: \xff",
        b"Prefer: wait=\xff",
    ],
    ids=["no text", "not ascii", "long", "forwarded", "prefer"],
)
def test_bytes_that_no_agent_sends_are_refused_and_nothing_breaks(live_poll, line):
    with socket.create_connection(("127.0.0.1", live_poll.port), timeout=10) as sender:
        sender.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % (PATH.encode(), line))
        status_line = sender.recv(4096).split(b"\r\n")[0]

    assert status_line.split()[1] in (b"401", b"400", b"431")


def test_no_process_gives_the_old_policy_out_a_second_after_a_decision(
    live_poll, clients, make_device
):
    """T22: whatever was remembered by four processes."""
    enrolled = make_device()
    person = enrolled.device.employee
    etags = {ask(live_poll, enrolled.token, client).headers["etag"] for client in clients}
    (etag,) = etags

    start_pause(employee=person, by=person, minutes=15)
    time.sleep(1)
    answers = [ask(live_poll, enrolled.token, client, If_None_Match=etag) for client in clients]

    assert {answer.status_code for answer in answers} == {200}
    assert {state_of(answer) for answer in answers} == {"paused"}


def test_a_revoked_device_is_turned_away_by_every_process(live_poll, clients, make_device):
    enrolled = make_device()
    for client in clients:
        ask(live_poll, enrolled.token, client)

    revoke_device(device=enrolled.device, by=enrolled.device.employee)
    time.sleep(1)
    answers = [ask(live_poll, enrolled.token, client) for client in clients]

    assert {answer.status_code for answer in answers} == {403}


def test_who_waits_is_woken_and_who_goes_away_is_forgotten(live_poll, make_device):
    enrolled = make_device()
    person = enrolled.device.employee
    etag = ask(live_poll, enrolled.token).headers["etag"]
    with socket.create_connection(("127.0.0.1", live_poll.port)) as leaver:
        leaver.sendall(
            f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {enrolled.token}\r\n"
            f"If-None-Match: {etag}\r\nPrefer: wait=50\r\n\r\n".encode()
        )
        time.sleep(0.3)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(
            ask, live_poll, enrolled.token, If_None_Match=etag, Prefer="wait=50"
        )
        time.sleep(0.5)
        assert not waiting.done()
        start_pause(employee=person, by=person, minutes=15)
        woken = waiting.result(timeout=3)

    assert state_of(woken) == "paused"
    assert "Traceback" not in live_poll.log()


@pytest.fixture
def lone_poll(live_poll, tmp_path):
    poll = LonePoll(
        tmp_path, database_url=serving_role_url(), KEYS_DIR=str(live_poll.folder / "keys")
    )
    poll.start()
    until_healthy(poll)
    yield poll
    poll.stop()


def test_a_deploy_cuts_nobody_off_who_waits(lone_poll, make_device):
    """SIGHUP: a new process takes over the port, the old one lets those who wait come to an end.

    A connection that nobody had accepted yet may be lost: its agent, or nginx, makes another.
    """
    fleet = [make_device() for _ in range(8)]
    etags = {one.token: ask(lone_poll, one.token).headers["etag"] for one in fleet}
    statuses, stopped = [], threading.Event()

    def live(one, wait):
        while not stopped.is_set():
            asked = time.monotonic()
            try:
                answer = ask(lone_poll, one.token, If_None_Match=etags[one.token], Prefer=wait)
            except httpx.TransportError:
                held = time.monotonic() - asked >= 1
                statuses.append("cut" if held else "not accepted")
                time.sleep(0.2)
            else:
                statuses.append(answer.status_code)

    with ThreadPoolExecutor(len(fleet)) as threads:
        lives = [threads.submit(live, one, f"wait={n + 2}") for n, one in enumerate(fleet)]
        os.kill(lone_poll.process.pid, signal.SIGHUP)
        while "Stopped old worker-1" not in lone_poll.log():
            time.sleep(0.2)
        time.sleep(1)
        stopped.set()
        for one in lives:
            one.result(timeout=30)

    assert statuses.count(304) >= len(fleet)
    assert set(statuses) <= {304, "not accepted"}
    assert "Killing old worker" not in lone_poll.log()


def test_memory_is_believed_again_after_the_database_was_away(live_poll, make_device):
    enrolled = make_device()
    etag = ask(live_poll, enrolled.token).headers["etag"]

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'consent-portal poll %'"
        )
    deadline = time.monotonic() + 20
    while "not listening" not in live_poll.log() and time.monotonic() < deadline:
        time.sleep(0.1)
    until_healthy(live_poll)

    assert "not listening" in live_poll.log()
    assert ask(live_poll, enrolled.token, If_None_Match=etag).status_code == 304
