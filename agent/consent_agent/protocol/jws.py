"""Signatures: compact JWS (RFC 7515) with Ed25519 (RFC 9864) and nothing else.

The bytes signed are the ASCII bytes of `header.payload`. The header holds exactly `alg`, `kid` and
`typ`; there is no negotiation, so there is nothing to confuse. A key works for one role only, and
each `typ` belongs to one role. `verify` looks at size, form, header, key, role, signature and type
in this order and returns the payload's bytes; their meaning, versions and times are left to
`documents` and to the agent's `acceptance`. Source: design, section 5.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consent_agent.protocol.canonical import canonical_json, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.members import Members

ALGORITHM: Final = "Ed25519"
MAX_TOKEN_BYTES: Final = 64 * 1024
DEVICE_ROLE: Final = "device"
PROGRAMME_ROLE: Final = "programme"
PUBLISHED_ROLES: Final = frozenset({PROGRAMME_ROLE, "policy", "checkpoint"})
WITHDRAWN: Final = "withdrawn"
ROLE_BY_TYP: Final[Mapping[str, str]] = {
    "ceiling+jws": PROGRAMME_ROLE,
    "keys+jws": PROGRAMME_ROLE,
    "device-policy+jws": "policy",
    "freshness+jws": "policy",
    "checkpoint+jws": "checkpoint",
    "receipt+jws": "checkpoint",
    "history+jws": "checkpoint",
    "acknowledgement+jws": DEVICE_ROLE,
}

# Points of order 1, 2, 4 and 8 (their y coordinates) sign anything: Ed25519 over 2**255 - 19.
_FIELD_PRIME: Final = 2**255 - 19
_ORDER_EIGHT_Y: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y: Final = frozenset(
    {0, 1, _FIELD_PRIME - 1, _ORDER_EIGHT_Y, _FIELD_PRIME - _ORDER_EIGHT_Y}
)


@dataclass(frozen=True)
class SigningKey:
    """A private key with the one role it may sign for."""

    kid: str
    role: str
    private: Ed25519PrivateKey

    @classmethod
    def from_private(cls, private: Ed25519PrivateKey, *, role: str) -> Self:
        """Name the key by its thumbprint."""
        return cls(kid=thumbprint(public_key_jwk(private.public_key())), role=role, private=private)

    def public_jwk(self) -> dict[str, str]:
        """Return the entry for the published key set."""
        return {
            **public_key_jwk(self.private.public_key()),
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
            "use_role": self.role,
        }


@dataclass(frozen=True)
class PublishedKey:
    """A public key with its role. What it signed after `until` is not believed."""

    role: str
    public: Ed25519PublicKey
    until: datetime | None = None
    is_withdrawn: bool = False


class KeySet:
    """The portal's published keys, by key id.

    `version` and `expires_at` are those of the signed set that they came in (`protocol.keys`),
    0 and None where they came in none.
    """

    def __init__(
        self,
        keys: Mapping[str, PublishedKey],
        *,
        version: int = 0,
        expires_at: datetime | None = None,
    ) -> None:
        self._keys = dict(keys)
        self.version = version
        self.expires_at = expires_at

    @classmethod
    def from_jwks(cls, document: Mapping[str, object]) -> Self:
        """Read a JWK Set (RFC 7517) whose keys carry `use_role`.

        Raises:
            DocumentRefused: `bad_jwks`: one key of another type, of unknown role, private, of small
                order, or there twice. A set is taken whole or not at all.
        """
        entries = document.get("keys")
        if not isinstance(entries, list) or not entries:
            raise DocumentRefused("bad_jwks", "keys")
        keys: dict[str, PublishedKey] = {}
        points: set[bytes] = set()
        for entry in entries:
            kid, key = _read_published_key(entry)
            point = key.public.public_bytes_raw()
            if kid in keys or point in points:
                raise DocumentRefused("bad_jwks", f"{kid} is there twice")
            keys[kid] = key
            points.add(point)
        return cls(keys)

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def find(self, kid: str) -> PublishedKey:
        """Return the key named `kid`.

        Raises:
            DocumentRefused: `unknown_key`.
        """
        try:
            return self._keys[kid]
        except KeyError:
            raise DocumentRefused("unknown_key", kid[:64]) from None

    def programme_only(self) -> Self:
        """Return the set without the keys that come and go."""
        return type(self)(self.of_role(PROGRAMME_ROLE))

    def of_role(self, role: str) -> dict[str, PublishedKey]:
        """Return the keys of one role, by key id."""
        return {kid: key for kid, key in self._keys.items() if key.role == role}


def public_key_jwk(public: Ed25519PublicKey) -> dict[str, str]:
    """Return the JWK of `public` (RFC 8037), required members only."""
    return {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(public.public_bytes_raw())}


def read_public_jwk(jwk: Mapping[str, object]) -> Ed25519PublicKey:
    """Read the public key of a JWK.

    Raises:
        DocumentRefused: `bad_key` for any other key type, a private key, a malformed point, a point
            of small order.
    """
    encoded = jwk.get("x")
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519") or "d" in jwk:
        raise DocumentRefused("bad_key", "not a public Ed25519 key")
    if not isinstance(encoded, str):
        raise DocumentRefused("bad_key", "x")
    try:
        point = decode_base64url(encoded)
    except ValueError:
        raise DocumentRefused("bad_key", "x") from None
    if len(point) != 32 or not _is_usable_point(point):
        raise DocumentRefused("bad_key", "x")
    return Ed25519PublicKey.from_public_bytes(point)


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the key's SHA-256 thumbprint. Source: RFC 7638 section 3, RFC 8037 section 2."""
    required = {name: jwk[name] for name in ("crv", "kty", "x")}
    return encode_base64url(hashlib.sha256(canonical_json(required)).digest())


def sign(payload: Mapping[str, object], *, typ: str, key: SigningKey) -> str:
    """Return the compact JWS over the canonical bytes of `payload`.

    Raises:
        ValueError: the key's role may not sign documents of this type.
    """
    if ROLE_BY_TYP.get(typ) != key.role:
        raise ValueError(f"a {key.role} key may not sign {typ}")
    signed = f"{encoded_header(key.kid, typ)}.{encode_base64url(canonical_json(payload))}"
    return f"{signed}.{encode_base64url(key.private.sign(signed.encode('ascii')))}"


def key_id(token: str) -> str:
    """Return which key a document says it is signed with; nothing is verified.

    Raises:
        DocumentRefused: `too_large`, `not_a_jws`, `bad_header`, `alg_not_accepted`, `wrong_typ`.
    """
    return _split(token).kid


def key_prefix(kid: str, typ: str) -> str:
    """Return how every document of this type begins that this key signed."""
    return f"{encoded_header(kid, typ)}."


def verify(token: str, *, typ: str, keys: KeySet) -> bytes:
    """Return the payload of a document signed by the published key that its type belongs to.

    Raises:
        DocumentRefused: `too_large`, `not_a_jws`, `bad_header`, `alg_not_accepted`, `wrong_typ`,
            `unknown_key`, `wrong_key_role` or `bad_signature`.
    """
    parts = _split(token)
    key = keys.find(parts.kid)
    if key.role != parts.role:
        raise DocumentRefused("wrong_key_role", f"{key.role} key, {parts.typ}")
    return _verified_payload(parts, typ=typ, public_key=key.public)


def verify_with_key(token: str, *, typ: str, public_key: Ed25519PublicKey) -> bytes:
    """Return the payload of a document signed by this device key.

    Raises:
        DocumentRefused: as `verify`.
    """
    parts = _split(token)
    if parts.kid != thumbprint(public_key_jwk(public_key)):
        raise DocumentRefused("unknown_key", parts.kid[:64])
    if parts.role != DEVICE_ROLE:
        raise DocumentRefused("wrong_key_role", parts.typ)
    return _verified_payload(parts, typ=typ, public_key=public_key)


def encode_base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Decode base64url, accepting only what `encode_base64url` would have written.

    Raises:
        ValueError: other characters, padding, or bits set that no byte uses.
    """
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


@dataclass(frozen=True)
class _Parts:
    kid: str
    typ: str
    role: str
    signed: bytes
    payload: bytes
    signature: bytes


def _split(token: str) -> _Parts:
    if len(token) > MAX_TOKEN_BYTES:
        raise DocumentRefused("too_large")
    try:
        header, payload, signature = map(decode_base64url, token.split(".", maxsplit=3))
    except ValueError:  # another number of parts, or a part that is not base64url
        raise DocumentRefused("not_a_jws") from None
    kid, typ = _read_header(header)
    if typ not in ROLE_BY_TYP:
        raise DocumentRefused("wrong_typ", typ[:64])
    signed = token.rpartition(".")[0].encode("ascii")
    return _Parts(kid, typ, ROLE_BY_TYP[typ], signed, payload, signature)


def _read_header(data: bytes) -> tuple[str, str]:
    header = parse_json(data)
    if not isinstance(header, dict):
        raise DocumentRefused("bad_header")
    if header.get("alg") != ALGORITHM:
        raise DocumentRefused("alg_not_accepted")
    kid, typ = header.get("kid"), header.get("typ")
    # Any further member (jku, jwk, x5u, crit, b64, ...) asks to be treated differently: refuse.
    if header.keys() != {"alg", "kid", "typ"} or not (
        isinstance(kid, str) and isinstance(typ, str)
    ):
        raise DocumentRefused("bad_header")
    return kid, typ


def _verified_payload(parts: _Parts, *, typ: str, public_key: Ed25519PublicKey) -> bytes:
    try:
        public_key.verify(parts.signature, parts.signed)
    except InvalidSignature:
        raise DocumentRefused("bad_signature") from None
    if parts.typ != typ:
        raise DocumentRefused("wrong_typ", parts.typ)
    return parts.payload


def _read_published_key(entry: object) -> tuple[str, PublishedKey]:
    if not isinstance(entry, dict):
        raise DocumentRefused("bad_jwks", "keys")
    kid, role = entry.get("kid"), entry.get("use_role")
    if not isinstance(kid, str) or not isinstance(role, str) or role not in PUBLISHED_ROLES:
        raise DocumentRefused("bad_jwks", "kid or use_role")
    if entry.get("alg", ALGORITHM) != ALGORITHM or entry.get("use", "sig") != "sig":
        raise DocumentRefused("bad_jwks", kid[:64])
    try:
        key = PublishedKey(
            role=role,
            public=read_public_jwk(entry),
            until=Members({"until": None} | entry).time_or_none("until"),
            is_withdrawn=entry.get("status") == WITHDRAWN,
        )
    except DocumentRefused as refusal:
        raise DocumentRefused("bad_jwks", f"{kid[:64]}: {refusal.detail}") from None
    return kid, key


def _is_usable_point(point: bytes) -> bool:
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y < _FIELD_PRIME and y not in _SMALL_ORDER_Y


@lru_cache(maxsize=64)
def encoded_header(kid: str, typ: str) -> str:
    """Return the first part of every compact JWS of this key and type."""
    return encode_base64url(canonical_json({"alg": ALGORITHM, "kid": kid, "typ": typ}))
