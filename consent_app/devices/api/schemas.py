"""The bodies that agents send: exact types, and unknown members refused."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from consent_app.people.rules import invisible_character
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES, SHORTEST_PAUSE_MINUTES


def _plain(text: str) -> str:
    """Accept a name that people can see whole: it stands in pages, mails and the log."""
    if not text.strip() or invisible_character(text):
        raise ValueError("must be visible characters only")
    return text


PlainText = AfterValidator(_plain)


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
