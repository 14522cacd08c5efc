"""A portal small enough to lie: serves right and wrong answers over real HTTP, on loopback.

`SimulatedPortal` enrols devices, signs what a case published with the keys of its desk, remembers
what it was asked, and gives a wrong answer where a case put one (`wrong_answers`).
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from conformance.documents import DEVICE, SigningDesk, filter_document
from consent_agent.acceptance import SignedDocuments
from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.jws import decode_base64url
from consent_agent.protocol.times import format_time

FIRST_TOKEN = "token-1"  # noqa: S105  # of a portal that exists for one case


class Request(NamedTuple):
    """What the portal was asked; `path` below `/agent/v1/`, `body` read as JSON."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

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
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.command, path, body, headers))
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
        if problem and isinstance(content, dict):
            type_ = f"urn:consent-portal:problem:{content.get('code')}"
            content = {"type": type_, "status": status} | content
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        body = b"" if status in (204, 304) else body
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


WrongAnswer = Callable[[Handler], None]


class SimulatedPortal(ThreadingHTTPServer):
    """Serves the first device without asking, and others once they enrolled.

    `policy_changes`, `ceiling_changes` and `freshness_changes` are what differs from the usual
    documents. `clock` is the machine's by default, so that a real agent process can use it.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        desk: SigningDesk,
        port: int = 0,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.desk = desk
        self.clock = clock
        self.requests: list[Request] = []
        self.wrong_answers: dict[str, WrongAnswer] = {}
        self.documents: dict[str, bytes] = {}
        self.offer("registers", desk.register)
        self.devices = {FIRST_TOKEN: DEVICE}
        self.public_keys: dict[str, Mapping[str, object]] = {}
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

    def offer(self, below: str, document: bytes) -> str:
        """Serve a register or a filter by its digest, and return that."""
        digest = content_digest(document)
        self.documents[f"{below}/{digest}"] = document
        return digest

    def publish_filter(self, *entries: str, **changes: Any) -> str:
        """Offer a counterparty filter, have the next ceiling name it, and return its digest."""
        digest = self.offer("filters", filter_document(*entries, **changes))
        self.ceiling_changes = {"version": 4, "counterparties": digest}
        return digest

    def bodies(self, method: str, path: str) -> list[Any]:
        return [entry.body for entry in self.requests if entry[:2] == (method, path)]

    def sign_current(self, device: str = DEVICE) -> SignedDocuments:
        """Sign what is published now, for one device."""
        addressed = {"device": device}
        return self.desk.sign_documents(
            policy=addressed | self.policy_changes,
            ceiling=self.ceiling_changes,
            freshness=addressed | {"issued_at": self.clock()} | self.freshness_changes,
        )

    def answer(self, handler: Handler, path: str, body: Any) -> None:
        """Give the right answer."""
        match handler.command, path:
            case "GET", "policy":
                self.answer_poll(handler)
            case "POST", "enrolments":
                handler.send(201, self.enrol(body))
            case "GET", "keys" if self.key_set is not None:
                handler.send(200, {"keys": self.key_set})
            case "POST", "acknowledgements":
                handler.send(202, {"sequence": _sequence(body["jws"])})
            case "POST", "ledger":
                handler.send(202, {"reports": len(body["reports"]), "cost": len(body["cost"])})
            case "POST", "pauses":
                until = self.clock() + timedelta(minutes=body["minutes"])
                times = {"from": format_time(self.clock()), "until": format_time(until)}
                handler.send(201, {"id": str(uuid.uuid4())} | times)
            case "DELETE", "pauses/current":
                handler.send(204)
            case "GET", "/.well-known/jwks.json":
                handler.send(200, self.desk.jwks)
            case "GET", _ if path in self.documents:
                handler.send(200, self.documents[path])
            case _:
                handler.send(404, {"code": "not_found"})

    def enrol(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a right answer to an enrolment: the first is of DEVICE, later ones of others."""
        number = len(self.public_keys) + 1
        device = DEVICE if number == 1 else str(uuid.uuid4())
        token = f"token-{number}"
        self.devices[token] = device
        self.public_keys[device] = body["public_key"]
        return {
            "device_id": device,
            "token": token,
            "jwks": self.desk.jwks,
            "policy_url": f"{self.url}/agent/v1/policy",
        } | ({"keys": self.key_set} if self.key_set is not None else {})

    def answer_poll(self, handler: Handler) -> None:
        """Answer a poll as published, 200 or 304."""
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
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        device = self.devices.get(token)
        if device is None:
            handler.send(401, {"code": "unauthorized"})
            return
        signed = self.sign_current(device)
        headers = {"ETag": self._etag(), "Policy-Freshness": signed.freshness}
        if asked == self._etag():
            handler.send(304, headers=headers)
        else:
            handler.send(200, vars(signed), headers)

    def _etag(self) -> str:
        published = [self.policy_changes, self.ceiling_changes, self.desk.programme.kid]
        return f'"{content_digest(canonical_json(published))[7:23]}"'


def _sequence(jws: str) -> object:
    """Return the number of an acknowledgement; cases look at its signature."""
    payload = parse_json(decode_base64url(jws.split(".")[1]))
    return payload["sequence"] if isinstance(payload, dict) else None
