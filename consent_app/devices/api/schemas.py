"""The bodies that agents send: exact types, and unknown members refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES, SHORTEST_PAUSE_MINUTES

PlainText = StringConstraints(
    strip_whitespace=False, pattern=r"^[^\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]*$"
)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PublicKey(Body):
    """An Ed25519 public key as a JWK (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Annotated[str, Field(min_length=43, max_length=43)]


class Enrolment(Body):
    code: Annotated[str, Field(min_length=8, max_length=20)]
    public_key: PublicKey
    hostname: Annotated[str, Field(min_length=1, max_length=80), PlainText]
    platform: Literal["macos", "windows", "linux"]
    agent_version: Annotated[str, Field(min_length=1, max_length=40), PlainText]


class Acknowledgement(Body):
    """`jws` is signed with the device's key; docs/agent-protocol.md lists its payload."""

    jws: Annotated[str, Field(min_length=1, max_length=8192)]


class Pause(Body):
    minutes: Annotated[int, Field(ge=SHORTEST_PAUSE_MINUTES, le=LONGEST_PAUSE_MINUTES)]
    idempotency_key: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
