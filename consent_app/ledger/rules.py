"""What may be counted, which days are kept, and who closes an incident. Pure.

Source: docs/policy.md, section 10.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from consent_agent.protocol.decision import Reason
from consent_app.ledger.errors import HourOutOfRange, WrongField
from consent_app.people.roles import Role

HOUR = timedelta(hours=1)
OLDEST_REPORT = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(seconds=60)
# A device may go by a register for this long after the next one is in force: freshness at most.
OLD_REGISTER_HOLDS = timedelta(minutes=60)

RETENTION = timedelta(days=90)
DELETED_AT = time(2, 40)  # UTC, each day
DAYS_AHEAD = 14
EXPLAINED_INCIDENTS_SHOWN = timedelta(days=90)
# One device alone can't fill everybody's page.
MOST_INCIDENTS_OF_A_DEVICE = 5
INCIDENTS_OF_A_DEVICE_WITHIN = timedelta(hours=24)

MAY_CLOSE_INCIDENTS = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER)
MAY_SEE_INCIDENTS = (*MAY_CLOSE_INCIDENTS, Role.AUDITOR)

CAPTURED = Reason.ALLOWED.value
SUPPRESSED = frozenset(reason.value for reason in Reason) - {CAPTURED}


@dataclass(frozen=True, slots=True)
class Counted:
    """What a device counted so far in one hour, of one kind of data in one application."""

    hour: datetime
    application: str
    kind: str
    captured: int
    suppressed: Mapping[str, int] = field(default_factory=dict)

    def outcomes(self) -> Iterator[tuple[str, int]]:
        """Yield what happened how often; what never did is left out."""
        counts = {CAPTURED: self.captured, **self.suppressed}
        return ((outcome, count) for outcome, count in counts.items() if count)


@dataclass(frozen=True, slots=True)
class Spent:
    """What the agent used so far in one hour."""

    hour: datetime
    cpu_seconds: float
    sent_bytes: int
    battery_milliwatt_hours: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An application as a version of the register lists it; an excluded one has no kinds."""

    kinds: frozenset[str]
    is_excluded: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """A version of the register, as far as it is asked about."""

    in_force_at: datetime
    kinds: frozenset[str]
    applications: Mapping[str, Listed]


def check_hours(counted: Sequence[Counted], spent: Sequence[Spent], *, now: datetime) -> None:
    """Accept hours of the last 7 days, the one that runs included.

    Raises:
        HourOutOfRange: some are not; names each.
    """
    named = [(f"reports.{place}.hour", row.hour) for place, row in enumerate(counted)]
    named += [(f"cost.{place}.hour", row.hour) for place, row in enumerate(spent)]
    wrong = []
    for name, hour in named:
        if hour > now + CLOCK_TOLERANCE:
            wrong.append(WrongField(name, "is ahead"))
        elif hour < now - OLDEST_REPORT:
            wrong.append(WrongField(name, "is older than 7 days"))
    if wrong:
        raise HourOutOfRange(wrong)


def editions_of(hour: datetime, editions: Sequence[Edition]) -> list[Edition]:
    """Return what a device may have gone by in that hour; `editions` in the order of versions.

    As a rule one. Where a version came in force shortly before or within the hour, also the one
    before it: a device may hold that until its freshness is over.
    """
    still_held = hour - OLD_REGISTER_HOLDS
    held: list[Edition] = []
    for edition in editions:
        if edition.in_force_at <= still_held:
            held = [edition]
        elif edition.in_force_at < hour + HOUR:
            held.append(edition)
    return held


def undeclared_member(row: Counted, held: Iterable[Edition]) -> str | None:
    """Return "application" or "kind", whichever no edition lists; None when the row is declared.

    What was captured must be listed as collected; what was suppressed must be listed at all.
    """
    found = [edition for edition in held if row.application in edition.applications]
    if not found:
        return "application"
    if row.captured:
        declared = any(row.kind in edition.applications[row.application].kinds for edition in found)
    else:
        declared = any(row.kind in edition.kinds for edition in found)
    return None if declared else "kind"


def is_kept(row: Counted, held: Iterable[Edition]) -> bool:
    """Whether a declared row is kept. How often somebody opened what is excluded is not."""
    return any(
        not edition.applications[row.application].is_excluded
        for edition in held
        if row.application in edition.applications
    )


def days_to_have(now: datetime) -> tuple[date, date]:
    """Return the first and the last day (UTC) that reports can need, now and for two weeks."""
    today = now.astimezone(UTC).date()
    return today - OLDEST_REPORT - timedelta(days=1), today + timedelta(days=DAYS_AHEAD)


def oldest_day_kept(now: datetime) -> date:
    """Return the first day (UTC) with an hour that is not older than the retention."""
    return (now - RETENTION).astimezone(UTC).date()


def deleted_from(hour: datetime) -> date:
    """Return the first day (UTC) on which an hour's counts are too old: `oldest_day_kept` turned
    round."""
    return hour.astimezone(UTC).date() + RETENTION + timedelta(days=1)
