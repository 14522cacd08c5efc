"""Between agent and portal: takes TLS on loopback, and counts what passes on the wire."""

import contextlib
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.agent.tls import make_certificate, server_context

CHUNK = 65_536


@dataclass
class Traffic:
    """Bytes both ways: on the wire of the agent (TLS included), and of HTTP alone."""

    on_wire: int = 0
    http: int = 0
    connections: int = 0
    asked_at: list[float] = field(default_factory=list)


class Relay:
    """Listens on `port`; each connection has a thread, of which an agent needs two or three."""

    def __init__(self, folder: Path, target: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, key = make_certificate(folder)
        self.traffic = Traffic()
        self._context = server_context(self.certificate, key)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                agent, _ = self._listener.accept()
                portal = socket.create_connection(("127.0.0.1", self._target))
                self._open += (agent, portal)
                self.traffic.connections += 1
                threading.Thread(target=self._pass_on, args=(agent, portal), daemon=True).start()

    def _pass_on(self, agent: socket.socket, portal: socket.socket) -> None:
        """Pass on until one side ends; TLS records go through memory and are counted."""
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(received, sent, server_side=True)
        waiting = selectors.DefaultSelector()
        waiting.register(agent, selectors.EVENT_READ)
        waiting.register(portal, selectors.EVENT_READ)
        with agent, portal, waiting, contextlib.suppress(OSError):
            while True:
                for key, _ in waiting.select():
                    data = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is agent:
                        self.traffic.on_wire += len(data)
                        received.write(data)
                        self._hand_in(tls, portal)
                    else:
                        self.traffic.http += len(data)
                        tls.write(data)
                    if out := sent.read():
                        self.traffic.on_wire += len(out)
                        agent.sendall(out)

    def _hand_in(self, tls: ssl.SSLObject, portal: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            while data := tls.read(CHUNK):
                self.traffic.http += len(data)
                if data.startswith(b"GET /agent/v1/policy"):
                    self.traffic.asked_at.append(time.monotonic())
                portal.sendall(data)
