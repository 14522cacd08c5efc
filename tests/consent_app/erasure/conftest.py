"""Stores that answer as a test wants, orders, and confirmations as a store signs them."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest
from django.utils import timezone

from consent_app.devices.queries import all_devices_of
from consent_app.erasure import webhooks
from consent_app.erasure.actions import add_store, order_erasure
from consent_app.erasure.models import DataStore, StoreErasure
from consent_app.erasure.rules import KnownDevice, Scope
from consent_app.people.queries import system_user

PATH = "/erasure/confirmations"
numbers = count(1)


@dataclass
class Registered:
    """A store as the portal knows it, with the key that it was given."""

    store: DataStore
    key: str

    def headers(self, body: bytes, *, at=None, message_id=None, key=None) -> dict[str, str]:
        return webhooks.signed_headers(
            body,
            message_id=message_id or f"msg_{next(numbers)}",
            at=at or timezone.now(),
            keys=[webhooks.read_key(key or self.key)],
        )

    def word(self, order, /, **changes) -> bytes:
        data = {
            "order": str(order.pk),
            "store": str(self.store.pk),
            "erased_at": timezone.now().isoformat(),
            "used_in_training": "no",
            "records": 3,
        } | changes
        data = {name: value for name, value in data.items() if value is not ...}
        now = timezone.now().isoformat()
        message = {"type": "erasure.confirmed", "timestamp": now, "data": data}
        return json.dumps(message).encode()


@pytest.fixture
def make_store(keys) -> Callable:
    def make(name: str = "Archive", *, endpoint: str = "http://127.0.0.1:1/") -> Registered:
        store, key = add_store(
            name=name, holds="Recordings of all kinds", endpoint=endpoint, by=system_user()
        )
        return Registered(store, key)

    return make


@pytest.fixture
def confirm(client):
    """Send a store's word about an order as the store does; `sent` takes the place of the body."""

    def send(registered, order, /, *, sent=None, headers=None, kind="application/json", **changes):
        body = registered.word(order, **changes) if sent is None else sent
        signed = registered.headers(body) if headers is None else headers
        return client.post(PATH, data=body, content_type=kind, headers=signed)

    return send


@pytest.fixture
def order(ceilings):
    """Order that the last minutes are forgotten, on the devices that the person has by now."""

    def make(person, *, minutes: int = 15, applications=None, ends_at=None):
        ends_at = ends_at or timezone.now()
        scope = Scope(
            ends_at - timedelta(minutes=minutes),
            ends_at,
            None if applications is None else frozenset(applications),
        )
        devices = [
            KnownDevice(device.pk, device.hostname, device.revoked_at is None)
            for device in all_devices_of(person)
        ]
        return order_erasure(employee=person, by=person, scope=scope, devices=devices)

    return make


@pytest.fixture
def sent_to():
    """Return the row of an order at a store, as it is now."""

    def find(order, registered) -> StoreErasure:
        return StoreErasure.objects.get(order=order, store=registered.store)

    return find


@dataclass
class Endpoint:
    """What a store's server does: it keeps what it was sent and answers as it is told."""

    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    answer: Callable | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def endpoint():
    told = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            told.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            time.sleep(told.delay)
            answer, headers = told.answer(body) if told.answer else (told.body, told.headers)
            self.send_response(told.status)
            for name, value in {"content-length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/orders?of=portal"
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def dripping():
    """Start a store that answers byte by byte, each in time, and is done after two seconds."""
    begins = {
        "header": b"HTTP/1.1 202 Accepted\r\nx-slow: ",
        "body": b"HTTP/1.1 202 Accepted\r\ncontent-length: 40\r\n\r\n",
    }
    ends = {"header": b"\r\ncontent-length: 0\r\n\r\n", "body": b""}

    def drip(listener: socket.socket, part: str) -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.recv(65_536)
            connection.sendall(begins[part])
            for _ in range(40):
                time.sleep(0.05)
                connection.sendall(b"x")
            connection.sendall(ends[part])
            connection.recv(65_536)  # what is unread at its end resets a connection

    with ExitStack() as listeners:

        def start(part: str) -> str:
            listener = listeners.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=drip, args=(listener, part), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield start
