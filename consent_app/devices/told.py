"""What one answer to a device's poll is made of."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from consent_agent.protocol.canonical import canonical_json
from consent_app.devices.policy import RestrictionFact, deny_entry, in_order


@dataclass(frozen=True, slots=True)
class SignedCeiling:
    """A cohort's ceiling in force; `next_at` is when another one takes its place by itself.

    A policy from before `needs_policies_since` does not know that its owner was asked again.
    """

    version: int
    jws: str
    digest: str
    next_at: datetime | None = None
    needs_policies_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ForMany:
    """What is taken from a cohort or from everybody; `mark` differs whenever that does."""

    facts: tuple[RestrictionFact, ...]
    mark: str

    @classmethod
    def of(cls, facts: tuple[RestrictionFact, ...]) -> Self:
        return cls(facts, _mark(facts))


@dataclass(slots=True)
class Known:
    """A device as it was read; `last_seen_at` and `is_delivered` are kept up here."""

    device: str
    jurisdiction: str
    version: int
    jws: str
    digest: str
    requested_at: datetime
    revoked: bool
    is_delivered: bool
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """All that one answer to a device is made of."""

    known: Known
    ceiling: SignedCeiling | None
    for_many: ForMany

    @property
    def device(self) -> str:
        return self.known.device

    @property
    def version(self) -> int:
        return self.known.version

    @property
    def jws(self) -> str:
        return self.known.jws

    @property
    def digest(self) -> str:
        return self.known.digest

    @property
    def revoked(self) -> bool:
        return self.known.revoked

    @property
    def etag(self) -> str:
        ceiling = self.ceiling.version if self.ceiling else 0
        return f'"{self.version}-{ceiling}-{self.for_many.mark}"'

    def denied_to_many(self, at: datetime) -> list[dict[str, object]]:
        return [deny_entry(fact) for fact in in_order(self.for_many.facts, at=at)]

    def is_stopped(self, at: datetime) -> bool:
        """Whether all is stopped at `at`: for the cohort, or since the policy is too old for it."""
        since = self.ceiling.needs_policies_since if self.ceiling else None
        if since is not None and self.known.requested_at < since:
            return True
        return any(fact.covers_everything and fact.is_in_force(at) for fact in self.for_many.facts)


def _mark(facts: tuple[RestrictionFact, ...]) -> str:
    """Return a short name of what is taken from many, for the ETag."""
    if not facts:
        return "0"
    entries = [deny_entry(fact) for fact in in_order(facts, at=datetime.min.replace(tzinfo=UTC))]
    return hashlib.sha256(canonical_json(entries)).hexdigest()[:12]
