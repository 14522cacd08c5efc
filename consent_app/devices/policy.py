"""Compiles the signed documents from facts. Pure: no clock, no database, no settings.

`compile_device_policy` says what one person's restrictions take away; `compile_ceiling` says the
most that may be collected from a cohort. The same facts give the same bytes, in whatever order they
come; one more restriction never allows more. Source: design, section 5.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_agent.protocol.times import format_time
from consent_app.restrictions.rules import LONGEST_PAUSE_MINUTES

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# What the agent may cost a device. Source: docs/policy.md, section 5.
BUDGET = {"upload_bytes_per_day": 20_000_000, "cpu_percent": 2, "battery_floor_percent": 20}

# State that a restriction on everything gives, the strongest first.
STATE_OF_SOURCE = {
    "notice": "unacknowledged",
    "consent": "opted_out",
    "programme": "protected",
    "exemption": "exempt",
    "protection": "protected",
    "pause": "paused",
    "preference": "paused",
}


@dataclass(frozen=True)
class RestrictionFact:
    """A restriction as the compiler sees it; None for `applications` or `kinds` means all."""

    id: uuid.UUID
    source: str
    starts_at: datetime
    ends_at: datetime | None
    applications: frozenset[str] | None = None
    kinds: frozenset[str] | None = None

    @property
    def covers_everything(self) -> bool:
        return self.applications is None and self.kinds is None

    def is_in_force(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True)
class Conditions:
    """Around which the device pauses by itself, because its owner wishes so."""

    battery_below_percent: int | None = None
    denies_metered: bool = False
    denies_private_window: bool = False

    def entries(self) -> dict[str, object]:
        """Return `conditions` of the policy; what was not asked for is absent."""
        entries: dict[str, object] = {}
        if self.battery_below_percent is not None:
            entries["battery_below_percent"] = self.battery_below_percent
        if self.denies_metered:
            entries["metered_network"] = "deny"
        if self.denies_private_window:
            entries["private_window"] = "deny"
        return entries


@dataclass(frozen=True)
class EraseFact:
    """What the device must drop if it still holds it; None for `applications` means all."""

    id: uuid.UUID
    starts_at: datetime
    ends_at: datetime
    applications: frozenset[str] | None = None

    def entry(self) -> dict[str, object]:
        entry: dict[str, object] = {
            "id": str(self.id),
            "from": format_time(self.starts_at),
            "until": format_time(self.ends_at),
        }
        if self.applications is not None:
            entry["applications"] = sorted(self.applications)
        return entry


@dataclass(frozen=True)
class DeviceFacts:
    """All that decides one device's policy.

    `collection` is the cohort's: "allowed", "opt_in" or "out_of_scope"; any other word counts as
    "out_of_scope". `waits_for_owner` is set until somebody says that a device of a roll-out is
    theirs. The `…_lapses_at` say from when what was acknowledged, or consented to, no
    longer covers what is published: None while no such version is coming.
    """

    device: uuid.UUID
    cohort: str
    collection: str
    is_active: bool = True
    waits_for_owner: bool = False
    acknowledgement_missing: bool = False
    notice_lapses_at: datetime | None = None
    opted_in: bool = False
    consent_lapses_at: datetime | None = None
    restrictions: frozenset[RestrictionFact] = frozenset()
    conditions: Conditions = Conditions()
    erase: frozenset[EraseFact] = frozenset()


def compile_device_policy(
    facts: DeviceFacts, *, version: int, issued_at: datetime
) -> dict[str, object]:
    """Return the payload of a device policy (contract `device-policy/1`)."""
    standing = _standing_denial(facts)
    restrictions = [*facts.restrictions, *_lapsing(facts)]
    deny = [deny_entry(fact) for fact in in_order(restrictions, at=issued_at)]
    if standing:
        _, source = standing
        whole = RestrictionFact(_fixed_id(facts.device, source), source, BEGINNING, None)
        deny.insert(0, deny_entry(whole))
    return {
        "schema": "device-policy/1",
        "device": str(facts.device),
        "cohort": facts.cohort,
        "version": version,
        "issued_at": format_time(issued_at),
        "state": standing[0] if standing else _state(restrictions, at=issued_at),
        "deny": deny,
        "conditions": facts.conditions.entries(),
        "erase": [fact.entry() for fact in sorted(facts.erase, key=_order_of_erasure)],
    }


def compile_ceiling(
    *,
    cohort: str,
    collection: str,
    register_digest: str,
    excluded: Iterable[str],
    counterparties: str | None = None,
) -> dict[str, object]:
    """Return a ceiling's content (contract `ceiling/1`) without `version` and `issued_at`.

    `counterparties` is the digest of the filter of people whose communication is protected.
    """
    never = RestrictionFact(
        _fixed_id(cohort, "excluded"), "programme", BEGINNING, None, frozenset(excluded)
    )
    deny = [deny_entry(never)] if never.applications else []
    if collection not in {"allowed", "opt_in"}:
        whole = RestrictionFact(_fixed_id(cohort, "all"), "programme", BEGINNING, None)
        deny.insert(0, deny_entry(whole))
    return {
        "schema": "ceiling/1",
        "cohort": cohort,
        "collection": collection,
        "register": register_digest,
        "counterparties": counterparties,
        "deny": deny,
        "max_pause_minutes": LONGEST_PAUSE_MINUTES,
        "budget": BUDGET,
    }


def deny_entry(fact: RestrictionFact) -> dict[str, object]:
    """Return an entry of `deny`; `applications` or `kinds` absent means all."""
    entry: dict[str, object] = {
        "id": str(fact.id),
        "from": format_time(fact.starts_at),
        "until": format_time(fact.ends_at) if fact.ends_at else None,
        "source": fact.source,
    }
    if fact.applications is not None:
        entry["applications"] = sorted(fact.applications)
    if fact.kinds is not None:
        entry["kinds"] = sorted(fact.kinds)
    return entry


def in_order(facts: Iterable[RestrictionFact], *, at: datetime) -> list[RestrictionFact]:
    """Return those that are not over at `at`, in an order that depends on nothing but them."""
    still = [fact for fact in facts if fact.ends_at is None or fact.ends_at > at]
    return sorted(still, key=lambda fact: (fact.starts_at, str(fact.id)))


def _standing_denial(facts: DeviceFacts) -> tuple[str, str] | None:
    """Return (state, source) when this person's standing alone rules collection out."""
    if not facts.is_active:
        return "revoked", "programme"
    if facts.collection not in {"allowed", "opt_in"}:
        return "out_of_scope", "programme"
    # To a device it is the same: a person has to say something before it may collect.
    if facts.waits_for_owner or facts.acknowledgement_missing:
        return "unacknowledged", "notice"
    if facts.collection == "opt_in" and not facts.opted_in:
        return "opted_out", "consent"
    return None


def _lapsing(facts: DeviceFacts) -> list[RestrictionFact]:
    """Return what begins by itself when a published version asks this person again."""
    lapses = {"notice": facts.notice_lapses_at}
    if facts.collection == "opt_in":
        lapses["consent"] = facts.consent_lapses_at
    return [
        RestrictionFact(_fixed_id(facts.device, f"{source}-lapses"), source, at, None)
        for source, at in lapses.items()
        if at is not None
    ]


def _order_of_erasure(fact: EraseFact) -> tuple[datetime, str]:
    return fact.starts_at, str(fact.id)


def _state(restrictions: Iterable[RestrictionFact], *, at: datetime) -> str:
    whole = {
        fact.source for fact in restrictions if fact.covers_everything and fact.is_in_force(at)
    }
    for source, state in STATE_OF_SOURCE.items():
        if source in whole:
            return state
    return "protected" if whole else "collecting"


def _fixed_id(of: object, name: str) -> uuid.UUID:
    """Return an id for a denial that has no row of its own, the same each time."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:consent-portal:{of}:{name}")
