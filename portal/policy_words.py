"""What the newest policy of a device says of its owner's preferences, in sentences.

Read from the signed document and not from what was chosen: so a person sees that the one became
the other.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.text import get_text_list

from consent_agent.protocol.documents import Deny, DevicePolicy
from consent_app.devices.display import DeviceView
from consent_app.devices.queries import newest_policy, policy_document
from consent_app.register.queries import applications_named
from consent_app.restrictions.models import Source


@dataclass(frozen=True, slots=True)
class Quiet:
    """The next time at which it is quiet, how many follow, and from when on nothing is known."""

    starts_at: datetime
    ends_at: datetime
    further: int
    known_until: datetime | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a device was told: sentences, and its quiet times if there are any."""

    view: DeviceView
    version: int
    sentences: list[str]
    quiet: Quiet | None


def policy_in_words(view: DeviceView, *, now: datetime) -> Policy:
    """Say what the newest policy of a device holds of its owner's wishes."""
    policy = newest_policy(view.device)
    told = policy_document(policy)
    wishes = [deny for deny in told.deny if deny.source == Source.PREFERENCE]
    return Policy(
        view,
        policy.version,
        [*_conditions(told), *_applications(wishes)],
        _quiet([deny for deny in wishes if deny.covers_everything], now=now),
    )


def _conditions(told: DevicePolicy) -> list[str]:
    wished = told.conditions
    said = []
    if wished.battery_below_percent is not None:
        said.append(f"Nothing on battery below {wished.battery_below_percent} per cent.")
    if wished.denies_metered_network:
        said.append("Nothing on metered networks.")
    if wished.denies_private_window:
        said.append("Nothing in private windows.")
    return said


def _applications(wishes: list[Deny]) -> list[str]:
    slugs = {slug for deny in wishes for slug in deny.applications or ()}
    names = [row.name for row in applications_named(slugs)]
    return [f"Nothing from {get_text_list(names, 'and')}."] if names else []


def _quiet(wishes: list[Deny], *, now: datetime) -> Quiet | None:
    windows = [
        (deny.starts_at, deny.ends_at) for deny in wishes if deny.ends_at and deny.ends_at > now
    ]
    if not windows:
        return None
    (starts_at, ends_at), *further = sorted(windows)
    open_ends = [deny.starts_at for deny in wishes if deny.ends_at is None]
    return Quiet(starts_at, ends_at, len(further), min(open_ends, default=None))
