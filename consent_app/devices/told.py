"""What one answer to a device's poll is made of, as a server process remembers it.

100,000 of `Known` are held by a process, so it has slots and no signed document.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from consent_agent.protocol.canonical import canonical_json
from consent_app.devices.policy import RestrictionFact, deny_entry, in_order

FOR_EVER = float("inf")
# How old what is noted of a device's last poll may get before the next one is noted.
SEEN_EVERY_SECONDS = 45


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
    """What is taken from a cohort or from everybody; `mark` differs whenever that does.

    `since` is the last time, within the hour before this was read, at which that changed.
    """

    facts: tuple[RestrictionFact, ...]
    mark: str
    since: datetime | None = None

    @classmethod
    def of(cls, facts: tuple[RestrictionFact, ...], *, since: datetime | None = None) -> Self:
        return cls(facts, _mark(facts), since)

    def denied(self, at: datetime) -> list[dict[str, object]]:
        return [deny_entry(fact) for fact in in_order(self.facts, at=at)]

    def is_stopped(self, at: datetime) -> bool:
        return any(fact.covers_everything and fact.is_in_force(at) for fact in self.facts)

    def moments(self) -> Iterable[datetime]:
        """Yield when something changed, and when something begins or ends by itself."""
        if self.since is not None:
            yield self.since
        for fact in self.facts:
            yield fact.starts_at
            if fact.ends_at is not None:
                yield fact.ends_at


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """What all devices of a cohort are told alike. `lapses_at` is a UNIX time, in seconds."""

    ceiling: SignedCeiling | None
    for_many: ForMany
    lapses_at: float = FOR_EVER

    @classmethod
    def of(cls, ceiling: SignedCeiling | None, for_many: ForMany) -> Self:
        next_at = ceiling.next_at if ceiling else None
        return cls(ceiling, for_many, next_at.timestamp() if next_at else FOR_EVER)


@dataclass(slots=True, eq=False)
class Known:
    """A device as it was read, and what this process noted of it since.

    `seen_at` is a UNIX time, 0 for never; `agent_run` is the run that began last, None where two
    programs are known to use the identity. The two after it belong to the limit of its polls,
    `freshness` to who makes the answers.
    """

    device: str
    jurisdiction: str
    version: int
    digest: str
    requested_at: datetime
    revoked: bool
    is_delivered: bool
    seen_at: float
    agent_run: str | None = ""
    polls_left: float = FOR_EVER
    polled_at: float = 0.0
    freshness: "tuple[object, str] | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """All that one answer to a device is made of, but its signed policy."""

    known: Known
    cohort: Cohort
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        ceiling = self.cohort.ceiling.version if self.cohort.ceiling else 0
        etag = f'"{self.known.version}-{ceiling}-{self.cohort.for_many.mark}"'
        object.__setattr__(self, "etag", etag)

    @property
    def device(self) -> str:
        return self.known.device

    @property
    def is_behind(self) -> bool:
        """Whether the policy is too old to know what the ceiling in force asks of its owner."""
        since = self.cohort.ceiling.needs_policies_since if self.cohort.ceiling else None
        return since is not None and self.known.requested_at < since


def _mark(facts: tuple[RestrictionFact, ...]) -> str:
    """Return a short name of what is taken from many, for the ETag."""
    if not facts:
        return "0"
    entries = [deny_entry(fact) for fact in in_order(facts, at=datetime.min.replace(tzinfo=UTC))]
    return hashlib.sha256(canonical_json(entries)).hexdigest()[:12]
