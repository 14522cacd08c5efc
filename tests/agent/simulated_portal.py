"""A portal small enough to lie: signs right and wrong documents and serves them over real HTTP.

`SigningDesk` holds the keys and makes documents with good defaults; a test states what differs.
`SimulatedPortal` serves them on loopback, remembers what it was asked, and gives a wrong answer
where a test put one.
"""

import csv
import hmac
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.acceptance import SignedDocuments
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.counterparties import normalise_entry
from consent_agent.protocol.documents import format_time
from consent_agent.protocol.jws import SigningKey, encode_base64url, sign
from consent_agent.protocol.keys import key_set_payload

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEVICE = "5f0c1c1e-5f6e-4d4e-9b53-3a4b8a0c7a11"
KINDS = ["keystrokes", "mouse_click", "mouse_movement"]
DATA = Path(__file__).parents[2] / "consent_app" / "register" / "data"


def read_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split(cell: str) -> list[str]:
    return [value for value in cell.split(";") if value]


def register_application(row: Mapping[str, str]) -> dict[str, Any]:
    excluded = row["default_scope"] != "captured"
    return {
        "slug": row["slug"],
        "name": row["name"],
        "vendor": row["vendor"],
        "category": row["category"],
        "kinds": [] if excluded else KINDS,
        "match": {
            "macos_bundle_ids": split(row["macos_bundle_id"]),
            "windows_executables": split(row["windows_executable"]),
            "linux_executables": split(row["linux_executable"]),
            "domains": split(row["domains"]),
        },
        "communication": row["is_communication"] == "true",
        "excluded": excluded,
        "reason": row["default_exclusion_reason"] or None,
    }


SAFEGUARD_MEMBERS = (
    "id",
    "class",
    "detector",
    "pattern",
    "validator",
    "action",
    "explanation",
)


def register_members(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "register/1",
        "version": 1,
        "published_at": format_time(NOON),
        "applications": [register_application(row) for row in read_rows("applications.csv")],
        "safeguards": [
            {name: row[name] for name in SAFEGUARD_MEMBERS}
            for row in read_rows("protected_content.csv")
        ],
    } | changes


REGISTER_DOCUMENT = canonical_json(register_members())
REGISTER_DIGEST = content_digest(REGISTER_DOCUMENT)


def deny(**changes: Any) -> dict[str, Any]:
    return {
        "id": "11111111-0000-4000-8000-000000000001",
        "from": format_time(NOON),
        "until": None,
        "source": "pause",
    } | changes


def policy_members(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "device-policy/1",
        "device": DEVICE,
        "cohort": "us-ny",
        "version": 17,
        "issued_at": format_time(NOON),
        "state": "collecting",
        "deny": [],
        "conditions": {},
        "erase": [],
    } | changes


def ceiling_members(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "ceiling/1",
        "cohort": "us-ny",
        "version": 3,
        "issued_at": format_time(NOON),
        "collection": "allowed",
        "register": REGISTER_DIGEST,
        "counterparties": None,
        "deny": [],
        "max_pause_minutes": 30,
        "budget": {"upload_bytes_per_day": 1, "cpu_percent": 1, "battery_floor_percent": 30},
    } | changes


def filter_members(*entries: str, bits: int = 1024, hashes: int = 7) -> dict[str, Any]:
    """Return a counterparty filter, built by the written rule and not by the reader's code."""
    key, filled = bytes(range(32)), bytearray(bits // 8)
    for entry in entries:
        digest = hmac.digest(key, (normalise_entry(entry) or entry).encode(), "sha256")
        first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16]) | 1
        for number in range(hashes):
            place = (first + number * step) % bits
            filled[place >> 3] |= 1 << (place & 7)
    return {
        "schema": "counterparties/1",
        "key": encode_base64url(key),
        "hash": "hmac-sha256",
        "bits": bits,
        "hashes": hashes,
        "filter": encode_base64url(filled),
    }


def filter_document(
    *entries: str, replaced: Mapping[str, Any] | None = None, **changes: Any
) -> bytes:
    return canonical_json({**(replaced or filter_members(*entries)), **changes})


class SigningDesk:
    """The portal's keys, and documents signed with them."""

    def __init__(self) -> None:
        self.programme = self.make_key("programme")
        self.policy = self.make_key("policy")
        self.checkpoint = self.make_key("checkpoint")

    @staticmethod
    def make_key(role: str) -> SigningKey:
        return SigningKey.from_private(Ed25519PrivateKey.generate(), role=role)

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [k.public_jwk() for k in (self.programme, self.policy, self.checkpoint)]}

    def sign_keys(
        self,
        *policy: SigningKey,
        version: int = 1,
        by: SigningKey | None = None,
        also: Sequence[SigningKey] = (),
        days: float = 30,
        **changes: Any,
    ) -> str:
        """Sign a key set of these policy keys and the checkpoint key; `also` adds any others."""
        payload = key_set_payload(
            [key.public_jwk() for key in (*policy, self.checkpoint, *also)],
            version=version,
            issued_at=NOON,
            expires_at=datetime.now(UTC) + timedelta(days=days),
        )
        return sign(payload | changes, typ="keys+jws", key=by or self.programme)

    def sign_policy(self, **changes: Any) -> str:
        return sign(policy_members(**changes), typ="device-policy+jws", key=self.policy)

    def sign_ceiling(self, **changes: Any) -> str:
        return sign(ceiling_members(**changes), typ="ceiling+jws", key=self.programme)

    def sign_freshness(
        self,
        device: str,
        ceiling: str,
        /,
        *,
        issued_at: datetime = NOON,
        minutes: float = 15,
        **changes: Any,
    ) -> str:
        members = {
            "schema": "freshness/1",
            "device": DEVICE,
            "device_version": 17,
            "device_digest": content_digest(device.encode()),
            "ceiling_version": 3,
            "ceiling_digest": content_digest(ceiling.encode()),
            "programme": "running",
            "deny": [],
            "issued_at": format_time(issued_at),
            "expires_at": format_time(issued_at + timedelta(minutes=minutes)),
            "checkpoint": {"size": 1, "root": "sha256:00"},
        }
        return sign(members | changes, typ="freshness+jws", key=self.policy)

    def sign_documents(
        self,
        *,
        policy: Mapping[str, Any] | None = None,
        ceiling: Mapping[str, Any] | None = None,
        freshness: Mapping[str, Any] | None = None,
    ) -> SignedDocuments:
        """Sign three documents that belong together, but for the changes."""
        device_jws = self.sign_policy(**(policy or {}))
        ceiling_jws = self.sign_ceiling(**(ceiling or {}))
        named = {
            "device_version": policy_members(**(policy or {}))["version"],
            "ceiling_version": ceiling_members(**(ceiling or {}))["version"],
        }
        freshness_jws = self.sign_freshness(
            device_jws, ceiling_jws, **(named | dict(freshness or {}))
        )
        return SignedDocuments(device_jws, ceiling_jws, freshness_jws)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "SimulatedPortal"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.removeprefix("/agent/v1/")
        self.server.requests.append((self.command, path, body))
        try:
            if path in self.server.wrong_answers:
                self.server.wrong_answers[path](self)
            else:
                self.server.answer(self, path, body)
        except OSError:
            self.close_connection = True  # the agent hung up

    def send(
        self, status: int, content: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        problem = status >= 400
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        body = b"" if status == 304 else body
        fields = {
            "Content-Type": "application/problem+json" if problem else "application/json",
            "Content-Length": str(len(body)),
        }
        self.send_response(status)
        for name, value in (fields | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


Handler = _Handler
WrongAnswer = Callable[[_Handler], None]


class SimulatedPortal(ThreadingHTTPServer):
    """Serves one device; its clock is the machine's, so that a real agent process can use it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, desk: SigningDesk, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.desk = desk
        self.requests: list[tuple[str, str, Any]] = []
        self.wrong_answers: dict[str, WrongAnswer] = {}
        self.filters: dict[str, bytes] = {}
        self.key_set: str | None = None
        self.policy_changes: dict[str, Any] = {}
        self.ceiling_changes: dict[str, Any] = {}
        self.freshness_changes: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._hurried = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def publish(self, **policy_changes: Any) -> None:
        """Change the policy and wake the polls that wait for it."""
        with self._changed:
            self.policy_changes = policy_changes
            self._changed.notify_all()

    def hurry(self) -> None:
        """Answer the polls that wait now, without news, as when another process takes over."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()

    def publish_filter(self, *entries: str, **changes: Any) -> str:
        """Offer a counterparty filter, have the next ceiling name it, and return its digest."""
        document = filter_document(*entries, **changes)
        digest = content_digest(document)
        self.filters[f"filters/{digest}"] = document
        self.ceiling_changes = {"version": 4, "counterparties": digest}
        return digest

    def bodies(self, method: str, path: str) -> list[Any]:
        return [entry[2] for entry in self.requests if entry[:2] == (method, path)]

    def sign_current(self) -> SignedDocuments:
        return self.desk.sign_documents(
            policy=self.policy_changes,
            ceiling=self.ceiling_changes,
            freshness={"issued_at": datetime.now(UTC)} | self.freshness_changes,
        )

    def answer(self, handler: _Handler, path: str, body: Any) -> None:
        match handler.command, path:
            case "GET", "policy":
                self._answer_poll(handler)
            case "POST", "enrolments":
                handler.send(201, self._enrolment())
            case "GET", "keys" if self.key_set is not None:
                handler.send(200, {"keys": self.key_set})
            case "POST", "acknowledgements":
                handler.send(202, {})
            case "POST", "ledger":
                handler.send(202, {"reports": len(body["reports"]), "cost": len(body["cost"])})
            case "POST", "pauses":
                handler.send(201, {})
            case "DELETE", "pauses/current":
                handler.send(200, {})
            case "GET", _ if path == f"registers/{REGISTER_DIGEST}":
                handler.send(200, REGISTER_DOCUMENT)
            case "GET", _ if path in self.filters:
                handler.send(200, self.filters[path])
            case _:
                handler.send(404, {"code": "not_found"})

    def _enrolment(self) -> dict[str, Any]:
        return {
            "device_id": DEVICE,
            "token": "token-1",
            "jwks": self.desk.jwks,
            "policy_url": f"{self.url}/agent/v1/policy",
        } | ({"keys": self.key_set} if self.key_set is not None else {})

    def _answer_poll(self, handler: _Handler) -> None:
        asked = handler.headers.get("If-None-Match")
        wait = handler.headers.get("Prefer", "wait=0").removeprefix("wait=")
        with self._changed:
            hurried = self._hurried
            self._changed.wait_for(
                lambda: self._closing or self._etag() != asked or self._hurried != hurried,
                timeout=float(wait),
            )
        if self._closing:
            handler.close_connection = True
            return
        signed = self.sign_current()
        headers = {"ETag": self._etag(), "Policy-Freshness": signed.freshness}
        if asked == self._etag():
            handler.send(304, headers=headers)
        else:
            handler.send(200, vars(signed), headers)

    def _etag(self) -> str:
        return f'"{content_digest(canonical_json(self.policy_changes))[7:23]}"'
