"""Documents as no portal signs them: any header, any payload, any key."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from conformance.documents import (
    DEVICE,
    SigningDesk,
    ceiling_members,
    freshness_members,
    policy_members,
)
from consent_agent.acceptance import SignedDocuments
from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.jws import SigningKey, encode_base64url

NEXT_VERSION = 18
OTHER_DEVICE = DEVICE[:-1] + "0"


class Forge:
    """Makes documents that are wrong in one way, and would else open everything.

    The policy is the next version and denies nothing; the rest belongs to it.
    """

    def __init__(self, desk: SigningDesk, now: datetime) -> None:
        self.desk = desk
        self.now = now
        self.stranger = desk.make_key("policy")

    @staticmethod
    def jws(
        payload: Mapping[str, Any] | bytes,
        key: SigningKey,
        typ: str,
        *,
        header: Mapping[str, Any] | bytes | None = None,
    ) -> str:
        """Sign anything; a member of `header` that is None is left out."""
        if not isinstance(header, bytes):
            members = {"alg": "Ed25519", "kid": key.kid, "typ": typ} | dict(header or {})
            header = canonical_json({n: value for n, value in members.items() if value is not None})
        body = payload if isinstance(payload, bytes) else canonical_json(payload)
        signed = f"{encode_base64url(header)}.{encode_base64url(body)}"
        return f"{signed}.{encode_base64url(key.private.sign(signed.encode()))}"

    def policy(self, *, key: SigningKey | None = None, header: Any = None, **changes: Any) -> str:
        members = policy_members(**{"version": NEXT_VERSION} | changes)
        return self.jws(members, key or self.desk.policy, "device-policy+jws", header=header)

    def policy_bytes(self, payload: bytes) -> str:
        return self.jws(payload, self.desk.policy, "device-policy+jws")

    def ceiling(self, *, key: SigningKey | None = None, header: Any = None, **changes: Any) -> str:
        members = ceiling_members(**changes)
        return self.jws(members, key or self.desk.programme, "ceiling+jws", header=header)

    def bind(
        self,
        device: str | None = None,
        ceiling: str | None = None,
        /,
        *,
        key: SigningKey | None = None,
        header: Any = None,
        **freshness: Any,
    ) -> SignedDocuments:
        """Sign the freshness of two documents, with any differences, and return all three."""
        device = self.policy() if device is None else device
        ceiling = self.ceiling() if ceiling is None else ceiling
        usual: dict[str, Any] = {"device_version": NEXT_VERSION, "issued_at": self.now}
        members = freshness_members(device, ceiling, **usual | freshness)
        jws = self.jws(members, key or self.desk.policy, "freshness+jws", header=header)
        return SignedDocuments(device, ceiling, jws)

    def altered(self, name: str, change: Any) -> SignedDocuments:
        """Return right documents of which one was changed after it was signed."""
        signed = self.bind()
        return replace(signed, **{name: change(getattr(signed, name))})

    def policy_with(self, old: str, new: str) -> SignedDocuments:
        """Sign a policy whose JSON has `new` where canonical JSON has `old`."""
        payload = canonical_json(policy_members(version=NEXT_VERSION)).decode()
        assert old in payload
        return self.bind(self.policy_bytes(payload.replace(old, new, 1).encode()))

    def confused(self) -> SignedDocuments:
        """Return a policy under the key's public bytes, taken for a secret (HS256)."""
        key = self.desk.policy
        right = self.policy(header={"alg": "HS256"}).rpartition(".")[0]
        secret = key.private.public_key().public_bytes_raw()
        return self.bind(
            f"{right}.{encode_base64url(hmac.digest(secret, right.encode(), 'sha256'))}"
        )
