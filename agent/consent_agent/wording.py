"""Sentences for the person who reads the agent's output; decides nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime

from consent_agent.clock import Instant
from consent_agent.gate import HeldPolicy
from consent_agent.protocol.decision import standing_refusal
from consent_agent.protocol.documents import Deny

_NAMES_SHOWN = 3


def policy_line(held: HeldPolicy, now: Instant) -> str:
    """Return time, version, state and what is denied, in one line."""
    policy = held.accepted.policy
    return (
        f"{now.wall.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{now.wall.microsecond // 1000:03}Z"
        f"  version {policy.version}  {policy.state}  denied: {describe_denied(held, now)}"
    )


def describe_denied(held: HeldPolicy, now: Instant) -> str:
    """Name what is off beyond what the register excludes for everybody."""
    accepted = held.accepted
    if not held.is_running:
        return "everything (programme stopped)"
    if refusal := standing_refusal(accepted.ceiling, accepted.policy):
        return f"everything ({refusal.reason})"
    denies = (*accepted.policy.deny, *accepted.freshness.deny)
    in_force = [_describe(deny) for deny in denies if deny.is_in_force(now.wall)]
    return "; ".join(in_force) or "nothing"


def printable(text: str) -> str:
    """Spell out what could move a terminal's cursor, or what it may not be able to show."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


def time_of_day(moment: datetime) -> str:
    """Write a time in the zone of this machine."""
    return f"{moment.astimezone():%H:%M:%S}"


def _describe(deny: Deny) -> str:
    what = _shorten(deny.applications) if deny.applications else "everything"
    kinds = f", {_shorten(deny.kinds)}" if deny.kinds else ""
    until = f" until {time_of_day(deny.ends_at)}" if deny.ends_at else ""
    return f"{what}{kinds}{until} ({deny.source})"


def _shorten(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_SHOWN} more" if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + more
