"""Whether devices are told to ask the newest filter. The wiring between contacts and devices."""

from dataclasses import dataclass
from datetime import datetime

from django import template

from consent_app.contacts.queries import newest_filter
from consent_app.devices.counterparties import is_newest_filter_signed

register = template.Library()


@dataclass(frozen=True, slots=True)
class FilterReach:
    """The newest filter: of how many entries, since when, and whether ceilings name it."""

    built_at: datetime | None
    entries: int
    is_signed: bool


@register.simple_tag
def filter_reach() -> FilterReach:
    newest = newest_filter()
    return FilterReach(
        built_at=newest.built_at if newest else None,
        entries=newest.entries if newest else 0,
        is_signed=is_newest_filter_signed(),
    )
