"""One more agent amid a load: polls now and then, and puts what it gets through every check."""

import socket
from collections.abc import Sequence
from itertools import cycle

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet
from consent_fleet.checking import Checker, Refused
from consent_fleet.http import Answer, Malformed, read_answer
from portal.lib.keys import published_keys
from tests.bench.fleet import Enrolled

TIMEOUT_SECONDS = 10


class Witness:
    """Is each of `fleet` in turn; call it, and it says how many errors it saw: 0 or 1."""

    def __init__(self, port: int, fleet: Sequence[Enrolled], *, conditional: bool) -> None:
        self._port = port
        self._checker = Checker(KeySet.from_jwks(published_keys()))
        self._devices = [one.device for one in fleet]
        self._conditional = conditional
        self._turn = cycle(self._devices)
        self._checker.choose(self._devices)

    def __call__(self) -> int:
        device = next(self._turn)
        if not self._conditional:
            device.etag = ""
        try:
            self._checker.take(device, self._ask(device.request()))
        except (Refused, Malformed, DocumentRefused, OSError):
            return 1
        return 0

    def _ask(self, request: bytes) -> Answer:
        with socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            received = b""
            while (answer := read_answer(received)) is None:
                data = connection.recv(65536)
                if not data:
                    raise Malformed("cut short")
                received += data
            return answer
