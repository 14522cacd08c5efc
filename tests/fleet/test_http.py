"""What the fleet takes for an answer, and where it refuses to call."""

import socket

import pytest

from consent_fleet.addresses import NotLoopback, Target
from consent_fleet.http import Malformed, read_answer

UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nPolicy-Freshness: jws\r\n\r\n'
POLICY = b'HTTP/1.1 200 OK\r\netag: "2"\r\nCONTENT-LENGTH:4\r\n\r\nbody'

each = pytest.mark.parametrize


@each("whole", [UNCHANGED, POLICY])
def test_an_answer_is_read_when_its_last_byte_is_there(whole):
    before = [read_answer(whole[:length]) for length in range(len(whole))]

    answer = read_answer(whole)

    assert set(before) == {None}
    assert answer is not None
    assert (answer.status, answer.body) in {(304, b""), (200, b"body")}


def test_headers_are_found_whatever_their_case():
    answer = read_answer(POLICY)

    assert answer.header(b"ETag") == '"2"'
    assert answer.header(b"tag") is None


@each(
    ("received", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "no_length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", "too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no_length"),
        (POLICY + b"more", "too_long"),
        (UNCHANGED + UNCHANGED, "too_long"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no_http"),
        (b"a" * 70_000, "too_large"),
    ],
)
def test_what_no_agent_could_read_is_malformed(received, kind):
    with pytest.raises(Malformed) as malformed:
        read_answer(received)

    assert malformed.value.kind == kind


@each(("text", "seconds"), [("7", 7.0), ("soon", 0.0), ("", 0.0)])
def test_retry_after_counts_in_its_form_of_seconds(text, seconds):
    head = f"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n"

    answer = read_answer(head.encode())

    assert answer.retry_after == seconds


@each("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://127.9.9.9:8000"])
def test_loopback_is_called(url):
    target = Target.of(url)

    assert target.port == 8000
    assert target.host.startswith("127.") or target.host == "::1"


@each(
    "url",
    [
        "http://10.0.0.1:8000",
        "http://0.0.0.0:8000",
        "http://192.0.2.7",
        "https://127.0.0.1",
        "http://[fe80::1]:8000",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
        "127.0.0.1:8000",
    ],
)
def test_nothing_else_is_called(url):
    with pytest.raises(NotLoopback):
        Target.of(url)


def test_a_name_that_also_stands_for_another_machine_is_not_called(monkeypatch):
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80))
        for host in ("127.0.0.1", "10.1.1.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)

    with pytest.raises(NotLoopback):
        Target.of("http://portal.example")


def test_connections_come_from_several_addresses_of_this_machine():
    target = Target("127.0.0.1", 8000, sources=3)

    hosts = [target.source(number)[0] for number in range(4)]

    assert hosts == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]
