"""What may be ordered, how long each has to confirm, and when it is tried again. Pure.

Source: docs/policy.md, section 14.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_app.erasure.errors import (
    ApplicationsTooMany,
    OrdersTooMany,
    PeriodBackwards,
    PeriodInFuture,
    PeriodTooOld,
)
from consent_app.people.roles import Role

LAST_MINUTES = (5, 15, 30, 60)
MOST_APPLICATIONS = 30
# Together with the other limits, this keeps a policy below what a device reads.
MOST_OPEN_ORDERS = 20
DEVICE_DEADLINE = timedelta(hours=24)
STORE_DEADLINE = timedelta(hours=72)
ESCALATED_EVERY = timedelta(hours=24)
KEPT_IN_POLICY = timedelta(days=90)
# "All that is still kept" reaches back further with every minute in which somebody reads what will
# happen. What is asked for too far back is nowhere any more.
READING_TIME = timedelta(days=1)
# After a rotation, for as long a store may sign with its former key.
FORMER_KEY_COUNTS = timedelta(hours=24)
MAY_SEE_STORES = (
    Role.PROGRAMME_OWNER,
    Role.LEGAL_REVIEWER,
    Role.AUDITOR,
    Role.IT_ADMINISTRATOR,
)
# Who is told that a store is late.
ESCALATED_TO = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER)
# Fewer people than this are not counted for anybody. Source: design, section 2.
SMALLEST_GROUP = 10

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
MOST_ATTEMPTS = 40


@dataclass(frozen=True)
class Scope:
    """What is to be forgotten; None for `applications` means all."""

    starts_at: datetime
    ends_at: datetime
    applications: frozenset[str] | None = None

    def covers(self, other: "Scope") -> bool:
        """Whether all of `other` lies in this."""
        if not (self.starts_at <= other.starts_at and other.ends_at <= self.ends_at):
            return False
        if self.applications is None:
            return True
        return other.applications is not None and other.applications <= self.applications


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that somebody has or had, as its own room tells of it."""

    id: uuid.UUID
    hostname: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class LastGiven:
    """The newest policy that a device was given: when it was signed, and when it was given."""

    signed_at: datetime
    given_at: datetime


def check_scope(scope: Scope, *, now: datetime, kept_for: timedelta) -> None:
    """Accept a period of the past that reached back no further than anything is kept a day ago.

    Raises:
        PeriodInFuture, PeriodBackwards, PeriodTooOld, ApplicationsTooMany.
    """
    if scope.ends_at > now:
        raise PeriodInFuture
    if scope.starts_at >= scope.ends_at:
        raise PeriodBackwards
    if scope.starts_at < now - kept_for - READING_TIME:
        raise PeriodTooOld(f"Nothing is kept for longer than {kept_for.days} days. Begin later.")
    if scope.applications is not None and len(scope.applications) > MOST_APPLICATIONS:
        raise ApplicationsTooMany


def check_open_orders(count: int) -> None:
    """Accept one more order beside `count` open ones. Raises OrdersTooMany."""
    if count >= MOST_OPEN_ORDERS:
        raise OrdersTooMany


def wait_after(attempt: int, *, jitter: float) -> timedelta | None:
    """Return how long to wait after the attempt with this number (from 1); None: give up.

    Twice as long each time, up to 6 hours. `jitter` from 0 to 1 spreads it between half of that
    and all of it, so that a store that comes back is not met by everything at once.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    doubled = FIRST_WAIT * 2.0 ** min(attempt - 1, 20)
    return min(doubled, LONGEST_WAIT) * (0.5 + jitter / 2)


def shown_count(count: int, *, people: int) -> str:
    """Return a number that tells nothing about a small group."""
    if count == 0:
        return "none"
    return f"{count:,}" if people >= SMALLEST_GROUP else f"fewer than {SMALLEST_GROUP}"
