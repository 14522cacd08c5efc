"""A load generator for machines without wrk: keep-alive, one request at a time per connection.

Python makes the requests, so it is slower than wrk and may be the limit itself; the table shows how
busy it was. Prints the same line of JSON as `load.lua`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import uvloop

from tests.bench.figures import percentile

GRACE_SECONDS = 5.0


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered, until it is time to stop."""

    def __init__(self, requests: Iterator[bytes], expected: int, until: float) -> None:
        self.requests = requests
        self.expected = b"HTTP/1.1 %d" % expected
        self.until = until
        self.latencies: list[float] = []
        self.errors = 0
        self.received = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        now = time.perf_counter()
        self.latencies.append(now - self.sent_at)
        self.errors += not head.startswith(self.expected)
        self.received = b""
        if now < self.until:
            self._send()
        else:
            self.ended.set_result(None)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.errors += 1
            self.ended.set_result(None)

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.requests))


def _content_length(head: bytes) -> int:
    """Return how long the body is; an answer without a length has none (a 304, say)."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    if b"transfer-encoding" in head.lower():
        raise ValueError("this generator reads no chunked answers")
    return 0


def requests_in(file: Path, *, path: str) -> list[bytes]:
    """Return the bytes of each request; a line of `file` holds a token and an ETag, or "-"."""
    requests = []
    for line in file.read_text(encoding="ascii").splitlines():
        token, etag = line.split()
        condition = "" if etag == "-" else f"If-None-Match: {etag}\r\n"
        requests.append(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {token}\r\n{condition}\r\n".encode()
        )
    return requests


async def run(
    port: int, path: str, *, connections: int, seconds: float, expected: int, file: Path
) -> dict[str, float]:
    """Load the server for `seconds`, and return what `load.lua` prints."""
    loop = asyncio.get_running_loop()
    requests = cycle(requests_in(file, path=path))
    began = time.perf_counter()
    made = [
        (await loop.create_connection(
            lambda: Connection(requests, expected, began + seconds), "127.0.0.1", port
        ))[1]
        for _ in range(connections)
    ]  # fmt: skip
    _, silent = await asyncio.wait([one.ended for one in made], timeout=seconds + GRACE_SECONDS)
    latencies = [latency for one in made for latency in one.latencies]
    return {
        "answers": len(latencies),
        "seconds": time.perf_counter() - began,
        "median": percentile(latencies, 50) if latencies else 0.0,
        "p99": percentile(latencies, 99) if latencies else 0.0,
        "errors": sum(one.errors for one in made) + len(silent),
    }


if __name__ == "__main__":
    port, path, connections, seconds, expected, file = sys.argv[1:]
    work = run(
        int(port), path, connections=int(connections), seconds=float(seconds),
        expected=int(expected), file=Path(file),
    )  # fmt: skip
    print(json.dumps(asyncio.run(work, loop_factory=uvloop.new_event_loop)))
