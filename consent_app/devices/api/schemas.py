"""The bodies that agents send: exact types, and unknown members refused."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from consent_agent.protocol.decision import Reason
from consent_app.people.rules import invisible_character
from consent_app.register.models import KIND, SLUG
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES, SHORTEST_PAUSE_MINUTES


def _plain(text: str) -> str:
    """Accept a name that people can see whole: it stands in pages, mails and the log."""
    if not text.strip() or invisible_character(text):
        raise ValueError("must be visible characters only")
    return text


def _whole_hour(text: object) -> datetime:
    """Take 2026-11-24T10:00:00Z, and no other spelling of that hour."""
    hour = datetime.strptime(str(text), WHOLE_HOUR).replace(tzinfo=UTC)
    if hour.strftime(WHOLE_HOUR) != text:
        raise ValueError("must be a whole hour such as 2026-11-24T10:00:00Z")
    return hour


def _refusal(reason: str) -> str:
    if reason == Reason.ALLOWED or reason not in list(Reason):
        raise ValueError("must be a reason of a verdict that is a no")
    return reason


PlainText = AfterValidator(_plain)
WHOLE_HOUR = "%Y-%m-%dT%H:00:00Z"
WholeHour = Annotated[
    datetime,
    BeforeValidator(_whole_hour),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "T[0-9]{2}:00:00Z$"}),
]
Amount = Annotated[int, Field(ge=0, le=2**31 - 1)]


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
    # With the code of a roll-out, and only then.
    employee_email: Annotated[str, Field(min_length=3, max_length=254), PlainText] | None = None


class Acknowledgement(Body):
    """`jws` is signed with the device's key; docs/agent-protocol.md lists its payload."""

    jws: Annotated[str, Field(min_length=1, max_length=8192)]


class Pause(Body):
    minutes: Annotated[int, Field(ge=SHORTEST_PAUSE_MINUTES, le=LONGEST_PAUSE_MINUTES)]
    idempotency_key: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class HourlyReport(Body):
    """Running totals of one hour: what was captured, and by its reason what was not."""

    hour: WholeHour
    application: Annotated[str, Field(min_length=1, max_length=60, pattern=SLUG)]
    kind: Annotated[str, Field(min_length=1, max_length=40, pattern=KIND)]
    captured: Amount
    suppressed: dict[Annotated[str, AfterValidator(_refusal)], Amount] = {}


class HourlyCost(Body):
    """What the agent itself used in one hour; `battery_mwh` is null where it can't be measured."""

    hour: WholeHour
    cpu_seconds: Annotated[float, Field(ge=0, le=1_000_000)]
    bytes: Amount
    battery_mwh: Amount | None = None


class Ledger(Body):
    reports: list[HourlyReport] = []
    cost: list[HourlyCost] = []
