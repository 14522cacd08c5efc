"""What an exemption covers, as a value: which applications, which kinds of data, from when to when.

Asked for by the employee, then kept or narrowed by each reviewer. Pure: no ORM, no clock.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Scope:
    """None for `applications` or `kinds` means all of them. Both days are days of the requester.

    `ends_on` is the last day; without it the exemption is open and looked at again on `review_on`.
    """

    applications: frozenset[str] | None
    kinds: frozenset[str] | None
    starts_on: date
    ends_on: date | None = None
    review_on: date | None = None

    @property
    def key(self) -> str:
        """Name what is covered, apart from the dates: the same for the same scope."""
        listed = (_listed(self.applications), _listed(self.kinds))
        return hashlib.sha256(repr(listed).encode()).hexdigest()[:32]

    def is_within(self, wider: "Scope") -> bool:
        """Whether this covers nothing that `wider` does not."""
        return (
            _is_part(self.applications, wider.applications)
            and _is_part(self.kinds, wider.kinds)
            and self.starts_on >= wider.starts_on
            and _is_no_later(self.ends_on, wider.ends_on)
            and (self.ends_on is not None or _is_no_later(self.review_on, wider.review_on))
        )

    def overlaps(self, other: "Scope") -> bool:
        """Whether both cover some of the same kinds of some of the same applications, ever."""
        return _share(self.applications, other.applications) and _share(self.kinds, other.kinds)

    @property
    def last_day(self) -> date | None:
        """The last day, or the day to look at it again."""
        return self.ends_on or self.review_on

    def renewed(self, *, today: date) -> "Scope":
        """Return the same for as long again, from the day after it or from today."""
        assert self.last_day is not None  # noqa: S101 (rules.check_period asks for one)
        starts_on = max(today, self.last_day + timedelta(days=1))
        again = starts_on + (self.last_day - self.starts_on)
        if self.ends_on is not None:
            return Scope(self.applications, self.kinds, starts_on, ends_on=again)
        again = max(again, starts_on + timedelta(days=1))
        return Scope(self.applications, self.kinds, starts_on, review_on=again)


def list_or_none(chosen: Iterable[str] | None) -> list[str] | None:
    """Return a sorted list as it is stored; None stays "all"."""
    return None if chosen is None else sorted(chosen)


def set_or_none(stored: Iterable[str] | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(stored)


def _listed(chosen: frozenset[str] | None) -> str:
    return "*" if chosen is None else ",".join(sorted(chosen))


def _is_part(narrow: frozenset[str] | None, wide: frozenset[str] | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)


def _share(some: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    return some is None or others is None or not some.isdisjoint(others)


def _is_no_later(narrow: date | None, wide: date | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)
