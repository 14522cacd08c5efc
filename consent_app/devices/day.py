"""What a day will look like on a device, by the very policy that it holds. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from consent_agent.protocol import documents
from consent_app.devices.display import state_at


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of one state, as `state_at` names it."""

    state: str
    starts_at: datetime
    ends_at: datetime

    @property
    def minutes(self) -> float:
        return (self.ends_at - self.starts_at).total_seconds() / 60


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is left out although something is collected; None for either means all of them.

    `starts_at` and `ends_at` lie within the day; None is the day's own beginning or end.
    """

    applications: frozenset[str] | None
    kinds: frozenset[str] | None
    starts_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """The stretches of a day without a gap, and what is left out of it besides."""

    stretches: tuple[Stretch, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def minutes(self) -> float:
        """How long the day is: an hour more or less where the clock changes."""
        return sum(stretch.minutes for stretch in self.stretches)


def day_of(
    told: documents.DevicePolicy,
    *,
    ceiling: documents.Ceiling | None,
    stops: tuple[documents.Deny, ...],
    starts_at: datetime,
    ends_at: datetime,
) -> Day:
    """Draw the time from `starts_at` until `ends_at` as this policy would have it.

    A stop is taken to last: only two people can end it. A condition, such as a low battery, is not
    known ahead.
    """
    denies = [
        deny
        for deny in (*told.deny, *stops)
        if deny.starts_at < ends_at and (deny.ends_at is None or deny.ends_at > starts_at)
    ]
    bounds = {bound for deny in denies for bound in (deny.starts_at, deny.ends_at) if bound}
    cuts = sorted({starts_at, ends_at} | {cut for cut in bounds if starts_at < cut < ends_at})
    found = [
        Stretch(state_at(told, ceiling=ceiling, stops=stops, now=start)[0], start, end)
        for start, end in pairwise(cuts)
    ]
    parts = [deny for deny in denies if not deny.covers_everything]
    return Day(tuple(_joined(found)), tuple(_left_out(parts, starts_at, ends_at)))


def _left_out(
    denies: Iterable[documents.Deny], starts_at: datetime, ends_at: datetime
) -> Iterator[LeftOut]:
    """Yield what is left out, together where times and kinds are the same; the longest first."""
    together: dict[tuple[datetime, datetime, tuple[str, ...]], list[frozenset[str] | None]] = {}
    for deny in denies:
        start, end = max(deny.starts_at, starts_at), min(deny.ends_at or ends_at, ends_at)
        key = (start, end, tuple(sorted(deny.kinds or ())))
        together.setdefault(key, []).append(deny.applications)
    for start, end, kinds in sorted(
        together, key=lambda key: (key[0] - key[1], key[0], len(key[2]), key[2])
    ):
        named = together[start, end, kinds]
        yield LeftOut(
            applications=None if None in named else frozenset().union(*filter(None, named)),
            kinds=frozenset(kinds) or None,
            starts_at=start if start > starts_at else None,
            ends_at=end if end < ends_at else None,
        )


def _joined(stretches: list[Stretch]) -> Iterator[Stretch]:
    """Join neighbours of the same state."""
    current: Stretch | None = None
    for stretch in stretches:
        if current is not None and current.state == stretch.state:
            current = Stretch(current.state, current.starts_at, stretch.ends_at)
        else:
            if current is not None:
                yield current
            current = stretch
    if current is not None:
        yield current
