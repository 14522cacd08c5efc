"""What a person is shown of a device: its state in one word, the sentence, and the trail.

Says what is known and what is not. A device is shown as collecting or paused by its newest policy,
evaluated at this moment as the device does it; while that policy is unconfirmed, it says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from consent_agent.protocol import documents
from consent_app.devices import queries
from consent_app.devices.models import Device, DevicePolicy
from consent_app.devices.told import SEEN_EVERY_SECONDS

# An agent holds a poll for less than a minute; twice that without a word means it is away.
SILENT_AFTER = timedelta(minutes=2)
# `Device.last_seen_at` may be this much older than the last freshness that was given out.
SEEN_PRECISION = timedelta(seconds=SEEN_EVERY_SECONDS + 5)
# That a pause ended by itself is said for so long.
ENDED_LATELY = timedelta(hours=1)

STANDING = {"unacknowledged", "opted_out", "out_of_scope", "revoked"}
STATE_OF_SOURCE = {
    "notice": "unacknowledged",
    "consent": "opted_out",
    "programme": "stopped",
    "exemption": "exempt",
    "protection": "protected",
    "pause": "paused",
    "preference": "paused",
}
REASONS = {
    "unacknowledged": "Where you work you must be told first. Until then nothing is collected.",
    "opted_out": "Where you work the choice is yours. Without your yes nothing is collected.",
    "out_of_scope": "Nothing is collected from anybody who works in {place}.",
    "revoked": "This device was removed.",
    "stopped": "The programme is stopped.",
    "no_ceiling": "Nothing was approved for {place} yet.",
}


@dataclass(frozen=True)
class Step:
    """One step of a trail, as templates/components/trail.html shows it."""

    label: str
    at: datetime | None
    state: str


@dataclass(frozen=True)
class DeviceView:
    """A device as its owner sees it now.

    `until` is when the state ends by itself, `ended_at` when a pause did. `stops_by` is set for a
    device that was heard of: the latest moment at which it can still collect without an answer.
    `goes_on` is true while it has yet to confirm a policy by which it collects, and confirmed one
    before by which it would as well. `is_shut_there` is true of one that said that it does not
    collect when nothing on everything forbade it, as far as the portal knows.
    """

    device: Device
    state: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None
    reason: str
    steps: tuple[Step, ...]
    is_confirmed: bool
    is_silent: bool
    stops_by: datetime | None
    goes_on: bool = False
    is_shut_there: bool = False


def device_view(
    device: Device,
    *,
    now: datetime,
    ceiling: documents.Ceiling | None,
    stops: tuple[documents.Deny, ...],
) -> DeviceView:
    """Show a device that came from `queries.devices_of`."""
    policy = queries.newest_policy(device)
    told = queries.policy_document(policy)
    state, until = state_at(told, ceiling=ceiling, stops=stops, now=now)
    stopped_at = _stopped_at(stops, now=now) if state == "stopped" else None
    confirmed_at = queries.confirmed_at(policy)
    if stopped_at:
        # A stop comes beside the policy, so what was said of the policy before it is no answer.
        confirmed_at = queries.said_last_not_to_collect_at(policy)
    silent = device.last_seen_at is None or now - device.last_seen_at > SILENT_AFTER
    is_shut_there = (
        state == "collecting"
        and not silent
        and _said_by_itself_not_to_collect(policy, ceiling=ceiling, stops=stops)
    )
    if is_shut_there:
        state = "not_collecting"
    return DeviceView(
        device=device,
        state=state,
        since=policy.requested_at,
        until=until,
        ended_at=_ended_at(told, now=now),
        reason=REASONS.get(state, "").format(place=device.employee.jurisdiction.name),
        steps=_steps_of_stop(device.hostname, stopped_at, confirmed_at)
        if stopped_at and (confirmed_at is None or confirmed_at >= stopped_at)
        else _steps(
            device.hostname,
            policy.requested_at,
            policy.signed_at,
            policy.delivered_at,
            confirmed_at,
        ),
        is_confirmed=confirmed_at is not None,
        is_silent=silent,
        stops_by=stops_by(device.last_seen_at),
        goes_on=state == "collecting"
        and confirmed_at is None
        and _collected_before(device, ceiling=ceiling, stops=stops, now=now),
        is_shut_there=is_shut_there,
    )


def stops_by(seen: datetime | None) -> datetime | None:
    """Return the full minute at which whoever was seen last then has stopped by itself."""
    if seen is None:
        return None
    over = seen + SEEN_PRECISION + timedelta(minutes=settings.FRESHNESS_MINUTES)
    minute = over.replace(second=0, microsecond=0)
    return minute if minute == over else minute + timedelta(minutes=1)


def _said_by_itself_not_to_collect(
    policy: DevicePolicy,
    *,
    ceiling: documents.Ceiling | None,
    stops: tuple[documents.Deny, ...],
) -> bool:
    """Whether its last word on this policy was that, at a time when nothing here forbade it."""
    said_at = queries.said_last_not_to_collect_at(policy)
    if said_at is None:
        return False
    told = queries.policy_document(policy)
    return state_at(told, ceiling=ceiling, stops=stops, now=said_at)[0] == "collecting"


def _collected_before(
    device: Device,
    *,
    ceiling: documents.Ceiling | None,
    stops: tuple[documents.Deny, ...],
    now: datetime,
) -> bool:
    """Whether the policy before the newest was confirmed, and something is collected by it now."""
    before = queries.policy_before(device)
    if before is None or queries.confirmed_at(before) is None:
        return False
    told = queries.policy_document(before)
    return state_at(told, ceiling=ceiling, stops=stops, now=now)[0] == "collecting"


def state_at(
    told: documents.DevicePolicy,
    *,
    ceiling: documents.Ceiling | None,
    stops: tuple[documents.Deny, ...],
    now: datetime,
) -> tuple[str, datetime | None]:
    """Return the state's name at `now`, and when it ends by itself."""
    if told.state in STANDING:
        return told.state, None
    if ceiling is None:
        return "no_ceiling", None
    if not ceiling.is_open:
        return "out_of_scope", None
    whole = [
        deny for deny in (*told.deny, *stops) if deny.covers_everything and deny.is_in_force(now)
    ]
    found = {STATE_OF_SOURCE.get(deny.source, "not_collecting") for deny in whole}
    state = next((state for state in STATE_OF_SOURCE.values() if state in found), None)
    if state is None:
        return ("not_collecting" if whole else "collecting"), None
    # A pause within a quiet time ends with the later of the two.
    ends = [deny.ends_at for deny in whole if STATE_OF_SOURCE.get(deny.source) == state]
    return state, None if None in ends else max(end for end in ends if end)


def _ended_at(told: documents.DevicePolicy, *, now: datetime) -> datetime | None:
    """Return when the last pause in this policy ended by itself, if that is news."""
    pauses = (
        deny.ends_at for deny in told.deny if deny.covers_everything and deny.source == "pause"
    )
    return max((end for end in pauses if end and now - ENDED_LATELY < end <= now), default=None)


def _steps(
    hostname: str,
    requested_at: datetime,
    signed_at: datetime,
    delivered_at: datetime | None,
    confirmed_at: datetime | None,
) -> tuple[Step, ...]:
    # A confirmed policy was delivered, whichever of the two was written down first.
    times = (
        ("Requested", requested_at),
        ("Signed", signed_at),
        ("Delivered", delivered_at or confirmed_at),
        (f"Confirmed by {hostname}", confirmed_at),
    )
    open_steps = [label for label, at in times if at is None]
    return tuple(
        Step(label, at, "done" if at else "current" if label == open_steps[0] else "pending")
        for label, at in times
    )


def _stopped_at(stops: tuple[documents.Deny, ...], *, now: datetime) -> datetime | None:
    """Return since when all collection is stopped for everybody who works there."""
    whole = (deny for deny in stops if deny.covers_everything and deny.is_in_force(now))
    return min((deny.starts_at for deny in whole), default=None)


def _steps_of_stop(
    hostname: str, stopped_at: datetime, confirmed_at: datetime | None
) -> tuple[Step, ...]:
    confirmed = Step(
        f"Confirmed by {hostname}", confirmed_at, "done" if confirmed_at else "current"
    )
    return (Step("Stopped", stopped_at, "done"), confirmed)


@dataclass(frozen=True)
class Summary:
    """All of a person's devices in one sentence, for the home page and the bar on every page."""

    state: str
    sentence: str
    paused_until: datetime | None  # the first of them to go on
    can_pause: bool
    is_confirmed: bool
    devices: tuple[DeviceView, ...]


def summarise(devices: tuple[DeviceView, ...]) -> Summary:
    """Sum up: what the devices confirmed, and which of them have not."""
    waiting = [view for view in devices if not view.is_confirmed]
    state, sentence = _settled([view for view in devices if view.is_confirmed], of=devices)
    if waiting:
        state = "pending"
        has = "has" if len(waiting) == 1 else "have"
        sentence = f"{sentence or _asked(waiting)} {_names(waiting)} {has} not confirmed it yet."
    until = [view.until for view in devices if view.state == "paused" and view.until]
    return Summary(
        state=state,
        sentence=sentence,
        paused_until=min(until, default=None),
        can_pause=any(
            view.is_shut_there or view.state in ("collecting", "paused") for view in devices
        ),
        is_confirmed=not waiting,
        devices=devices,
    )


def _settled(settled: list[DeviceView], *, of: tuple[DeviceView, ...]) -> tuple[str, str]:
    """Return the state and the sentence that the confirmed ones of all devices give."""
    if not of:
        return "not_collecting", "You have no device here, so nothing is collected from you."
    collecting = [view for view in settled if view.state == "collecting" and not view.is_silent]
    away = [view for view in settled if view.state == "collecting" and view.is_silent]
    paused = [view for view in settled if view.state == "paused"]
    if collecting or away:
        parts = [
            f"{_yours(views, of=of)} {_is(views)} {word}"
            for views, word in (
                (collecting, "collecting"),
                (paused, "paused"),
                (away, "out of reach"),
            )
            if views
        ]
        return "collecting" if collecting else "out_of_reach", f"{'; '.join(parts)}."
    if paused and len(paused) == len(of):
        return "paused", "Collection is paused."
    if paused:
        return "paused", f"Paused on {_names(paused)}."
    return "not_collecting", "Nothing is collected from you." if len(settled) == len(of) else ""


def _asked(waiting: list[DeviceView]) -> str:
    """Return what was asked of devices of which none has confirmed anything yet."""
    states = {view.state for view in waiting}
    if states == {"paused"}:
        return "You asked for a pause."
    if "collecting" not in states:
        return "Collection is to stop."
    if all(view.goes_on for view in waiting if view.state == "collecting"):
        return "Collection goes on by a new policy."
    return "Collection may begin."


def _yours(views: list[DeviceView], *, of: tuple[DeviceView, ...]) -> str:
    if len(views) < len(of):
        return _names(views)
    return "Your device" if len(views) == 1 else f"Your {len(views)} devices"


def _names(views: list[DeviceView]) -> str:
    return _join([view.device.hostname for view in views])


def _is(views: list[DeviceView]) -> str:
    return "is" if len(views) == 1 else "are"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
