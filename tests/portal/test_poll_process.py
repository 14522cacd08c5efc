"""Production's poll: four granian processes on one port, real HTTP, the role that serves."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
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
# Who asks so often reaches each of the four processes, as good as surely.
CONNECTIONS, MOST_CONNECTIONS = 16, 200
PROCESSES = 4


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
def clients(live_poll):
    """Return connections of which each of the four processes holds one at least."""
    with ExitStack() as stack:
        held: dict[int, httpx.Client] = {}
        for _ in range(MOST_CONNECTIONS):
            client = stack.enter_context(httpx.Client())
            answer = client.get(f"{live_poll.url}/health")
            stream = answer.extensions["network_stream"]
            port = stream.get_extra_info("client_addr")[1]
            held.setdefault(holder_of(live_poll, port), client)
            if len(held) == PROCESSES:
                break
        assert len(held) == PROCESSES
        assert None not in held
        yield list(held.values())


def holder_of(poll, port):
    """Return the process that holds the connection from this port of a client; None if none does.

    As the kernel of Linux tells: /proc/net/tcp has the inode of each socket.
    """
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = f":{poll.port:04X}", f":{port:04X}"
    for row in sockets:
        if row[1].endswith(ends[0]) and row[2].endswith(ends[1]):
            found = f"socket:[{row[9]}]"
            for name in Path("/proc").glob("[0-9]*/fd/*"):
                with suppress(OSError):  # ended, or another user's
                    if name.readlink().name == found:
                        return int(name.parts[2])
    return None


def until(is_true, *, within=10.0):
    deadline = time.monotonic() + within
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
        port = leaver.getsockname()[1]
        until(lambda: holder_of(live_poll, port))
        time.sleep(0.3)
    until(lambda: holder_of(live_poll, port) is None)

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
        tmp_path,
        database_url=serving_role_url(),
        KEYS_DIR=str(live_poll.folder / "keys"),
        GRANIAN_HTTP1_HEADER_READ_TIMEOUT="1000",  # it is 30 seconds
    )
    poll.start()
    until_healthy(poll)
    yield poll
    poll.stop()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /agent/v1/pol", b"GET /agent/v1/policy HTTP/1.1\r\nHost: x\r\nAuthoriz"],
    ids=["nothing", "half a line", "half of the headers"],
)
def test_who_sends_nothing_more_is_dropped(lone_poll, sent):
    with socket.create_connection(("127.0.0.1", lone_poll.port), timeout=10) as sender:
        sender.sendall(sent)
        until(lambda: holder_of(lone_poll, sender.getsockname()[1]))

        assert sender.recv(4096) == b""


def test_who_sends_byte_by_byte_is_dropped_too(lone_poll):
    """Each byte in time, and the whole never."""
    with socket.create_connection(("127.0.0.1", lone_poll.port), timeout=10) as sender:
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 (a pipe that broke, or was reset)
            for byte in b"GET /agent/v1/policy HTTP/1.1\r\nX: " + b"a" * 200:
                sender.sendall(bytes([byte]))
                time.sleep(0.05)

        assert time.monotonic() - began < 6


def test_a_deploy_cuts_nobody_off_who_waits_and_sends_nobody_home_early(lone_poll, make_device):
    """SIGHUP: a new process takes over the port, the old one lets those who wait come to an end.

    All of them at once would be back at once. A connection that nobody had accepted yet may be
    lost: its agent, or nginx, makes another.
    """
    fleet = [make_device() for _ in range(8)]
    etags = {one.token: ask(lone_poll, one.token).headers["etag"] for one in fleet}
    statuses, early, stopped = [], [], threading.Event()

    def live(one, wait):
        while not stopped.is_set():
            asked = time.monotonic()
            prefer = f"wait={wait}"
            try:
                answer = ask(lone_poll, one.token, If_None_Match=etags[one.token], Prefer=prefer)
            except httpx.TransportError:
                held = time.monotonic() - asked >= 1
                statuses.append("cut" if held else "not accepted")
                time.sleep(0.2)
            else:
                statuses.append(answer.status_code)
                if time.monotonic() - asked < wait - 0.5:
                    early.append(time.monotonic() - asked)

    with ThreadPoolExecutor(len(fleet)) as threads:
        lives = [threads.submit(live, one, n + 2) for n, one in enumerate(fleet)]
        os.kill(lone_poll.process.pid, signal.SIGHUP)
        while "Stopped old worker-1" not in lone_poll.log():
            time.sleep(0.2)
        time.sleep(1)
        stopped.set()
        for one in lives:
            one.result(timeout=30)

    assert statuses.count(304) >= len(fleet)
    assert set(statuses) <= {304, "not accepted"}
    assert early == []
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
