"""What a request does on its requester's devices, confirmed or not.

Requests and devices do not know each other; both know restrictions. This is the wiring between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from consent_app.devices import queries
from consent_app.devices.reach import Reach, reach_of
from consent_app.restrictions.models import Restriction, Source
from consent_app.restrictions.queries import restrictions_caused_by
from exemptions.models import ExemptionRequest

register = template.Library()

# A device that holds a poll confirms well within this time; one that backs off needs longer.
CONFIRMED_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Effect:
    """One restriction of a request: `word` is "exemption" or "protection"."""

    word: str
    has_begun: bool
    is_over: bool
    devices: tuple[Reach, ...]
    decided_at: datetime

    @property
    def waiting(self) -> list[Reach]:
        return [device for device in self.devices if not device.is_confirmed]


@dataclass(frozen=True, slots=True)
class Effects:
    """All of a request's; `has_devices` is whether there is anything that could be told."""

    shown: tuple[Effect, ...]
    has_devices: bool
    ask_again: str


@register.simple_tag
def request_effects(asked: ExemptionRequest) -> Effects:
    """Return what a request does on the devices of whoever asked.

    That is every restriction of it that is not over, or else the end of the last one.
    """
    now = timezone.now()
    rows = _worth_showing(restrictions_caused_by(asked.requester, asked.cause), now)
    devices = queries.devices_of(asked.requester)
    shown = tuple(
        Effect(
            word="exemption" if row.source == Source.EXEMPTION else "protection",
            has_begun=row.starts_at <= now,
            is_over=_is_over(row, now),
            devices=reach_of(row, devices=devices, at=now),
            decided_at=row.decided_at,
        )
        for row in rows
    )
    return Effects(shown, bool(devices), _ask_again(shown, now))


def _worth_showing(rows: list[Restriction], now: datetime) -> list[Restriction]:
    current = [row for row in rows if not _is_over(row, now)]
    # One that was put off or taken back before it began took nothing away.
    ended = [row for row in rows if _is_over(row, now) and row.ends_at != row.starts_at]
    return current or ended[:1]


def _is_over(row: Restriction, now: datetime) -> bool:
    return row.ends_at is not None and row.ends_at <= now


def _ask_again(shown: tuple[Effect, ...], now: datetime) -> str:
    """Say when the page asks again: soon while a confirmation is likely to come, else not."""
    awaited = [effect for effect in shown if any(not reach.is_silent for reach in effect.waiting)]
    if not awaited:
        return "5s"
    recent = any(now - effect.decided_at < CONFIRMED_WITHIN for effect in awaited)
    return "200ms" if recent else "1s"
