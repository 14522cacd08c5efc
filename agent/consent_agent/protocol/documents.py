"""The payloads of the signed documents, read strictly into immutable values.

Readers take bytes whose signature was verified. They ignore members they do not know and refuse
documents that lack one they need, or hold it with another type. Words that the portal may add to
later (`state`, `source`, `collection`, `programme`) stay text, and unknown conditions are named: a
new word must not make a document unreadable, and whoever decides on it treats what it does not
know as "no". Versions, times and digests are compared in the agent's `acceptance`. Source: design,
section 5.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.times import format_time

_WORDED_CONDITIONS: Final = ("metered_network", "private_window")
_OPEN_COLLECTIONS: Final = frozenset({"allowed", "opt_in"})


@dataclass(frozen=True, slots=True)
class Deny:
    """Something that may not be collected from `starts_at` until before `ends_at` (None: open).

    `applications` (slugs) or `kinds` None means all.
    """

    id: str
    starts_at: datetime
    ends_at: datetime | None
    applications: frozenset[str] | None
    kinds: frozenset[str] | None
    source: str

    @classmethod
    def from_members(cls, members: Members) -> Self:
        starts_at, ends_at = members.time("from"), members.time_or_none("until")
        if ends_at is not None and ends_at < starts_at:
            raise DocumentRefused("bad_field", "until")
        return cls(
            id=members.text("id"),
            starts_at=starts_at,
            ends_at=ends_at,
            applications=members.texts_or_all("applications"),
            kinds=members.texts_or_all("kinds"),
            source=members.text("source"),
        )

    @property
    def covers_everything(self) -> bool:
        return self.applications is None and self.kinds is None

    def covers(self, slug: str, kind: str) -> bool:
        return (self.applications is None or slug in self.applications) and (
            self.kinds is None or kind in self.kinds
        )

    def is_in_force(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Around which the person wishes the device to stop by itself.

    `unknown` names what this version cannot watch: a member that it does not know, or a word other
    than "deny". It is a wish to collect less all the same, so nothing may be collected then.
    """

    battery_below_percent: int | None = None
    denies_metered_network: bool = False
    denies_private_window: bool = False
    unknown: tuple[str, ...] = ()

    @classmethod
    def from_members(cls, members: Members) -> Self:
        words = {name: members.text_or_absent(name) for name in _WORDED_CONDITIONS}
        others = members.names() - {"battery_below_percent", *words}
        unclear = {name for name, word in words.items() if word not in (None, "deny")}
        return cls(
            battery_below_percent=members.integer_or_absent(
                "battery_below_percent", low=0, high=100
            ),
            denies_metered_network=words["metered_network"] == "deny",
            denies_private_window=words["private_window"] == "deny",
            unknown=tuple(sorted(others | unclear)),
        )


@dataclass(frozen=True, slots=True)
class Erase:
    """What the device must drop if it still holds it; `applications` None means all."""

    id: str
    starts_at: datetime
    ends_at: datetime
    applications: frozenset[str] | None

    @classmethod
    def from_members(cls, members: Members) -> Self:
        starts_at, ends_at = members.time("from"), members.time("until")
        if ends_at <= starts_at:
            raise DocumentRefused("bad_field", "until")
        return cls(
            id=members.text("id"),
            starts_at=starts_at,
            ends_at=ends_at,
            applications=members.texts_or_all("applications"),
        )

    def entry(self) -> dict[str, object]:
        """Return what `from_members` reads."""
        entry: dict[str, object] = {
            "id": self.id,
            "from": format_time(self.starts_at),
            "until": format_time(self.ends_at),
        }
        if self.applications is not None:
            entry["applications"] = sorted(self.applications)
        return entry


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """What one person's restrictions take away on one device."""

    device: str
    cohort: str
    version: int
    issued_at: datetime
    state: str
    deny: tuple[Deny, ...]
    conditions: Conditions
    erase: tuple[Erase, ...]

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read a device policy.

        Raises:
            DocumentRefused: `bad_json`, `wrong_schema`, `bad_version` or `bad_field`.
        """
        members = _document(payload, schema="device-policy/1")
        return cls(
            device=members.text("device"),
            cohort=members.text("cohort"),
            version=members.version("version"),
            issued_at=members.time("issued_at"),
            state=members.text("state"),
            deny=members.each("deny", Deny.from_members),
            conditions=Conditions.from_members(members.nested("conditions")),
            erase=members.each("erase", Erase.from_members),
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What the agent may cost the device."""

    upload_bytes_per_day: int
    cpu_percent: int
    battery_floor_percent: int

    @classmethod
    def from_members(cls, members: Members) -> Self:
        return cls(
            upload_bytes_per_day=members.integer("upload_bytes_per_day", low=0, high=MAX_VERSION),
            cpu_percent=members.integer("cpu_percent", low=0, high=100),
            battery_floor_percent=members.integer("battery_floor_percent", low=0, high=100),
        )


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that may be collected from anybody of one cohort."""

    cohort: str
    version: int
    issued_at: datetime
    collection: str
    register: str
    counterparties: str | None
    deny: tuple[Deny, ...]
    max_pause_minutes: int
    budget: Budget

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read a ceiling.

        Raises:
            DocumentRefused: `bad_json`, `wrong_schema`, `bad_version` or `bad_field`.
        """
        members = _document(payload, schema="ceiling/1")
        return cls(
            cohort=members.text("cohort"),
            version=members.version("version"),
            issued_at=members.time("issued_at"),
            collection=members.text("collection"),
            register=members.digest("register"),
            counterparties=members.digest_or_none("counterparties"),
            deny=members.each("deny", Deny.from_members),
            max_pause_minutes=members.integer("max_pause_minutes", low=0, high=30),
            budget=Budget.from_members(members.nested("budget")),
        )

    @property
    def is_open(self) -> bool:
        """Say whether anything may be collected from this cohort; an unknown word is a "no"."""
        return self.collection in _OPEN_COLLECTIONS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The audit log's tree head that the portal stood by at this time."""

    size: int
    root: str

    @classmethod
    def from_members(cls, members: Members) -> Self:
        return cls(size=members.integer("size", low=0, high=MAX_VERSION), root=members.text("root"))


@dataclass(frozen=True, slots=True)
class Freshness:
    """Binds one device's two documents to now, and carries what was stopped for many."""

    device: str
    device_version: int
    device_digest: str
    ceiling_version: int
    ceiling_digest: str
    programme: str
    deny: tuple[Deny, ...]
    issued_at: datetime
    expires_at: datetime
    checkpoint: Checkpoint | None

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read a freshness document; a null `checkpoint` means that the log has none yet.

        Raises:
            DocumentRefused: `bad_json`, `wrong_schema`, `bad_version` or `bad_field`.
        """
        members = _document(payload, schema="freshness/1")
        checkpoint = members.nested_or_none("checkpoint")
        return cls(
            device=members.text("device"),
            device_version=members.version("device_version"),
            device_digest=members.digest("device_digest"),
            ceiling_version=members.version("ceiling_version"),
            ceiling_digest=members.digest("ceiling_digest"),
            programme=members.text("programme"),
            deny=members.each("deny", Deny.from_members),
            issued_at=members.time("issued_at"),
            expires_at=members.time("expires_at"),
            checkpoint=Checkpoint.from_members(checkpoint) if checkpoint else None,
        )


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A device's signed word about what it applied."""

    device: str
    device_version: int
    device_digest: str
    ceiling_digest: str
    applied_at: datetime
    effect: str
    sequence: int

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read an acknowledgement.

        Raises:
            DocumentRefused: `bad_json`, `bad_version` or `bad_field`.
        """
        members = Members(parse_json(payload))
        return cls(
            device=members.text("device"),
            device_version=members.version("device_version"),
            device_digest=members.digest("device_digest"),
            ceiling_digest=members.digest("ceiling_digest"),
            applied_at=members.time("applied_at"),
            effect=members.text("effect"),
            sequence=members.integer("sequence", low=1, high=MAX_VERSION),
        )

    def to_payload(self) -> dict[str, object]:
        return {
            "device": self.device,
            "device_version": self.device_version,
            "device_digest": self.device_digest,
            "ceiling_digest": self.ceiling_digest,
            "applied_at": format_time(self.applied_at),
            "effect": self.effect,
            "sequence": self.sequence,
        }


def _document(payload: bytes, *, schema: str) -> Members:
    members = Members(parse_json(payload))
    if members.text_or_none("schema") != schema:
        raise DocumentRefused("wrong_schema", schema)
    return members
