"""A program that holds recordings and forgets when the portal says so. Standard library alone.

    STORE_KEY=whsec_... python examples/data_store.py --database recordings.sqlite --port 8900

It takes orders at `POST /`, as docs/data-stores.md describes: verifies the signature, answers 202
at once, erases, and confirms with a signed call of its own. With `--in-answer` it erases first and
confirms in its answer instead, which suits a store that is quick.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOLERANCE_SECONDS = 300
MOST_BYTES = 64 * 1024
RETRY_SECONDS = (1, 5, 30, 120, 600, 3_600)

TABLE = """
CREATE TABLE IF NOT EXISTS recording (
    person TEXT NOT NULL,
    device TEXT NOT NULL,
    application TEXT NOT NULL,
    captured_at REAL NOT NULL,  -- Unix time
    used_in_training INTEGER NOT NULL DEFAULT 0
)
"""


# Standard Webhooks: github.com/standard-webhooks


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures is right, and the message of now."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = sign(key, message_id, int(timestamp), body).encode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, signature.encode()) for signature in given)


def signed_headers(key: bytes, body: bytes) -> dict[str, str]:
    message_id, timestamp = f"msg_{uuid.uuid4().hex}", int(time.time())
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key, message_id, timestamp, body),
    }


# Recordings


def erase(database: Path, order: Mapping[str, Any]) -> dict[str, object]:
    """Delete what the order is about and return what is to be confirmed.

    An order that comes again finds nothing more, so what was found the first time is kept and
    confirmed again: the portal takes one answer to an order.
    """
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute(TABLE)
        connection.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, words TEXT)")
        known = connection.execute("SELECT words FROM done WHERE id = ?", [order["order"]])
        if found := known.fetchone():
            words: dict[str, object] = json.loads(found[0])
            return words
        words = _erase(connection, order)
        connection.execute("INSERT INTO done VALUES (?, ?)", [order["order"], json.dumps(words)])
    return words


def _erase(connection: sqlite3.Connection, order: Mapping[str, Any]) -> dict[str, object]:
    # Devices as well as the person: a device's recordings may not name whose they are.
    devices = order["devices"]
    where = f"(person = ? OR device IN ({', '.join('?' * len(devices))}))"
    where += " AND captured_at >= ? AND captured_at < ?"
    period = [datetime.fromisoformat(order[end]).timestamp() for end in ("from", "until")]
    values = [order["person"], *devices, *period]
    if order["applications"] is not None:
        where += f" AND application IN ({', '.join('?' * len(order['applications']))})"
        values += order["applications"]
    trained = connection.execute(
        f"SELECT count(*) FROM recording WHERE {where} AND used_in_training",  # noqa: S608
        values,
    ).fetchone()[0]
    deleted = connection.execute(f"DELETE FROM recording WHERE {where}", values)  # noqa: S608
    return {
        "order": order["order"],
        "store": order["store"],
        "erased_at": _now(),
        "used_in_training": "yes" if trained else "no",
        "records": deleted.rowcount,
    }


def confirmation(words: Mapping[str, object]) -> bytes:
    message = {"type": "erasure.confirmed", "timestamp": _now(), "data": words}
    return json.dumps(message).encode()


def confirm(key: bytes, address: str, words: Mapping[str, object]) -> None:
    """Call the portal until it has taken the confirmation, signed anew each time."""
    for seconds in (*RETRY_SECONDS, None):
        body = confirmation(words)
        request = urllib.request.Request(  # noqa: S310 (the portal's own address)
            address, data=body, headers=signed_headers(key, body), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                print(f"confirmed {words['order']}", flush=True)
                return
        except urllib.error.HTTPError as refused:
            print(f"refused {words['order']}: {refused.code} {refused.read(2_000)!r}", flush=True)
            if refused.code not in {401, 429} and refused.code < 500:
                return
        except OSError as error:
            print(f"the portal does not answer: {error}", flush=True)
        if seconds is not None:
            time.sleep(seconds)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat() + "Z"


# The server


class Store(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, *, key: bytes, database: Path, in_answer: bool) -> None:
        super().__init__(("127.0.0.1", port), Orders)
        self.key = key
        self.database = database
        self.in_answer = in_answer


class Orders(BaseHTTPRequestHandler):
    server: Store

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_signed(self.server.key, headers, body):
            self._answer(401)
            return
        message = json.loads(body)
        if message["type"] != "erasure.ordered":
            self._answer(204)  # what we don't know we need not do
            return
        order = message["data"]
        if self.server.in_answer:
            self._confirm_in_answer(order)
            return
        # Long work comes after the answer: the portal waits ten seconds.
        threading.Thread(target=self._erase_and_confirm, args=(order,)).start()
        self._answer(202)

    def _confirm_in_answer(self, order: Mapping[str, Any]) -> None:
        body = confirmation(erase(self.server.database, order))
        self._answer(200, body, signed_headers(self.server.key, body))

    def _erase_and_confirm(self, order: Mapping[str, Any]) -> None:
        words = erase(self.server.database, order)
        print(f"erased {words['records']} recordings for {words['order']}", flush=True)
        confirm(self.server.key, order["reply_to"], words)

    def _answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8900, help="0 for any that is free")
    parser.add_argument("--in-answer", action="store_true", help="confirm in the answer")
    options = parser.parse_args()
    written = os.environ.get("STORE_KEY", "").removeprefix("whsec_")
    if not written:
        print("STORE_KEY is missing: `manage.py data_store add` prints it.", file=sys.stderr)
        return 2
    key = base64.b64decode(written)
    with Store(
        options.port, key=key, database=options.database, in_answer=options.in_answer
    ) as store:
        print(f"listening on {store.server_port}", flush=True)
        store.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
