"""Right documents to start from, and the desk that signs them; a case states what differs.

Every `…_members` function returns the members of one document with good defaults. The defaults
belong together: `SigningDesk.sign_documents()` is a policy that any agent takes at NOON.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.acceptance import SignedDocuments
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.counterparties import normalise_entry
from consent_agent.protocol.jws import SigningKey, encode_base64url, sign
from consent_agent.protocol.keys import key_set_payload
from consent_agent.protocol.times import format_time

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEVICE = "5f0c1c1e-5f6e-4d4e-9b53-3a4b8a0c7a11"
COHORT = "us-ny"
KINDS = ["keystrokes", "mouse_click", "mouse_movement"]
POLICY_VERSION = 17
CEILING_VERSION = 3


def register_members(**changes: Any) -> dict[str, Any]:
    """Return a register of a few invented applications."""
    return {
        "schema": "register/1",
        "version": 1,
        "published_at": format_time(NOON),
        "applications": [
            application("editor", linux_executables=["editor"], windows_executables=["Editor.exe"]),
            application("browser", macos_bundle_ids=["com.example.Browser"]),
            application("wiki", domains=["wiki.example.com"]),
            application("chat", communication=True, domains=["chat.example.com"]),
            application("drawing", kinds=["mouse_movement"]),
            application("diary", category="health_notes"),
            application(
                "people-wiki", excluded=True, kinds=[], domains=["people.wiki.example.com"]
            ),
        ],
        "safeguards": [
            safeguard("password-field", "field_type", "(?:^|;)type=password(?:;|$)"),
            safeguard("sign-in-page", "url_pattern", "/sign-in(?:[/?#]|$)"),
            safeguard("private-browsing", "window_title", r"\bPrivate Browsing\b"),
            safeguard("health", "app_category", "health_notes"),
        ],
    } | changes


def application(
    slug: str,
    *,
    category: str = "work",
    kinds: list[str] = KINDS,
    communication: bool = False,
    excluded: bool = False,
    **match: list[str],
) -> dict[str, Any]:
    matches = ("macos_bundle_ids", "windows_executables", "linux_executables", "domains")
    return {
        "slug": slug,
        "name": slug.title(),
        "vendor": "Example",
        "category": category,
        "kinds": kinds,
        "match": {name: match.get(name, []) for name in matches},
        "communication": communication,
        "excluded": excluded,
        "reason": "about people" if excluded else None,
    }


def safeguard(id_: str, detector: str, pattern: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "class": "example",
        "detector": detector,
        "pattern": pattern,
        "explanation": "an example",
    } | changes


REGISTER = canonical_json(register_members())
REGISTER_DIGEST = content_digest(REGISTER)


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
        "cohort": COHORT,
        "version": POLICY_VERSION,
        "issued_at": format_time(NOON),
        "state": "collecting",
        "deny": [],
        "conditions": {},
        "erase": [],
    } | changes


def ceiling_members(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "ceiling/1",
        "cohort": COHORT,
        "version": CEILING_VERSION,
        "issued_at": format_time(NOON),
        "collection": "allowed",
        "register": REGISTER_DIGEST,
        "counterparties": None,
        "deny": [],
        "max_pause_minutes": 30,
        "budget": {"upload_bytes_per_day": 1, "cpu_percent": 1, "battery_floor_percent": 30},
    } | changes


def freshness_members(
    device: str, ceiling: str, /, *, issued_at: datetime = NOON, minutes: float = 15, **changes: Any
) -> dict[str, Any]:
    """Return the freshness of two signed documents with the usual versions."""
    return {
        "schema": "freshness/1",
        "device": DEVICE,
        "device_version": POLICY_VERSION,
        "device_digest": content_digest(device.encode()),
        "ceiling_version": CEILING_VERSION,
        "ceiling_digest": content_digest(ceiling.encode()),
        "programme": "running",
        "deny": [],
        "issued_at": format_time(issued_at),
        "expires_at": format_time(issued_at + timedelta(minutes=minutes)),
        "checkpoint": {"size": 1, "root": "sha256:00"},
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
        "filter": encode_base64url(bytes(filled)),
    }


def filter_document(
    *entries: str, replaced: Mapping[str, Any] | None = None, **changes: Any
) -> bytes:
    return canonical_json({**(replaced or filter_members(*entries)), **changes})


class SigningDesk:
    """The portal's keys, and documents signed with them; ceilings name `register` by default."""

    def __init__(self, *, register: bytes = REGISTER) -> None:
        self.register = register
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
        members = ceiling_members(**{"register": content_digest(self.register)} | changes)
        return sign(members, typ="ceiling+jws", key=self.programme)

    def sign_freshness(self, device: str, ceiling: str, /, **changes: Any) -> str:
        """Sign the freshness of two documents; members and `issued_at`, `minutes` may differ."""
        members = freshness_members(device, ceiling, **changes)
        return sign(members, typ="freshness+jws", key=self.policy)

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
