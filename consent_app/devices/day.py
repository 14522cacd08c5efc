"""What a day will look like on a device, by the very policy that it holds. Pure."""

from collections.abc import Iterator
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
class Day:
    """The stretches of a day without a gap, and what is left out of it in part.

    `applications` are the slugs that nothing is collected from for some or all of the day, though
    something is collected from others.
    """

    stretches: tuple[Stretch, ...]
    applications: tuple[str, ...]

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
    denies = (*told.deny, *stops)
    bounds = {bound for deny in denies for bound in (deny.starts_at, deny.ends_at) if bound}
    cuts = sorted({starts_at, ends_at} | {cut for cut in bounds if starts_at < cut < ends_at})
    found = [
        Stretch(state_at(told, ceiling=ceiling, stops=stops, now=start)[0], start, end)
        for start, end in pairwise(cuts)
    ]
    kept_out = {
        slug
        for deny in told.deny
        if deny.applications and deny.kinds is None
        if deny.starts_at < ends_at and (deny.ends_at is None or deny.ends_at > starts_at)
        for slug in deny.applications
    }
    return Day(tuple(_joined(found)), tuple(sorted(kept_out)))


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
