"""Sentences for the person who reads the agent's output; decides nothing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from consent_agent.clock import Instant
from consent_agent.errors import AgentError
from consent_agent.gate import Gate, HeldPolicy
from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.decision import Reason, standing_refusal
from consent_agent.protocol.documents import Ceiling, Deny
from consent_agent.protocol.receipts import Receipt
from consent_agent.protocol.times import format_time
from consent_agent.state import Enrolment, LocalPause

_NAMES_SHOWN = 3
_IF_NOT = "If that is wrong, pause and tell your IT."

KEYS_OF_THE_FILE: Final = """\
Note: the keys came with the receipt. So this proves that the file is whole and that the holder of
those keys wrote it. It does not prove that they are the portal's: for that, get its keys another
way (its address /.well-known/jwks.json, or somebody who kept them) and give them with --keys."""


# What to do about a refusal of the portal, or about ourselves.
_ADVICE: Final[Mapping[str, str]] = {
    "enrolment_code_invalid": "The code is mistyped, or older than 15 minutes. The portal shows a"
    ' new one under "My devices". A code from IT for many computers needs --employee-email, too.',
    "enrolment_code_used": "A code works once. If it was not you who used it, tell IT. The portal"
    ' shows a new one under "My devices".',
    "enrolment_code_spent": "This code has let in as many computers as it may. Ask IT for another.",
    "employee_unknown": "Nobody in the portal has this address. Compare it with the directory.",
    "too_many_requests": "Too many tries from here. Wait some minutes.",
    "unauthorized": "The portal does not know this device any more. Ask IT, or begin anew:"
    " consent-agent forget, then enrol.",
    "unavailable": "The portal is there but not ready. Try again in a minute.",
    "already_enrolled": "To move it to another portal: consent-agent forget, then enrol.",
    "state_refused": "Nothing is collected meanwhile. If nobody else changed it, begin anew:"
    " consent-agent forget, then enrol.",
}


def advice_on(failure: AgentError) -> str:
    """Say what a person can do about a failure; empty where its message says it all."""
    return _ADVICE.get(failure.code, "")


def status_lines(enrolment: Enrolment, gate: Gate, now: Instant, *, at_work: bool) -> list[str]:
    """Say in the first line whether anything is collected, then why and by which policy."""
    held, pause = gate.held, gate.local_pause
    paused = pause if pause is not None and pause.is_in_force(now) else None
    lines = [_standing(gate, held, paused, now)]
    if not at_work:
        lines.append("The agent does not run, so nothing new arrives. Start it: consent-agent run")
    lines += ["", f"Portal   {enrolment.portal_url}", f"Device   {enrolment.device_id}"]
    if held is not None:
        accepted, ceiling = held.accepted, held.accepted.ceiling
        until = time_of_day(accepted.freshness.expires_at)
        lines += [
            f"Place    {ceiling.cohort}, version {ceiling.version} of its ceiling{_known(held)}",
            f"Policy   version {accepted.policy.version}, {_state_now(held, now)}",
            f"Off      {describe_denied(held, now)}",
            f"Fresh    until {until}; without an answer of the portal nothing is collected then",
        ]
    return lines


def _standing(gate: Gate, held: HeldPolicy | None, paused: LocalPause | None, now: Instant) -> str:
    if paused is not None:
        left = max(1, round(paused.remaining(now) / timedelta(minutes=1)))
        minutes = "1 minute" if left == 1 else f"{left} minutes"
        return f"Paused on this computer until {time_of_day(paused.ends_at)} ({minutes} left)."
    if held is None:
        return f"Nothing is collected: there is no policy to go by ({gate.closed_because})."
    if not held.is_fresh(now):
        since = time_of_day(held.received.wall)
        return f"Nothing is collected: the portal has not been heard of since {since}."
    if held.place_is_unconfirmed:
        return _until_said(held.accepted.ceiling.cohort, held.place)
    if held.collects_anything(now):
        return "This computer is collecting."
    return "Nothing is collected."


def _known(held: HeldPolicy) -> str:
    if held.place == held.accepted.ceiling.cohort:
        return ""
    return f"; this computer knows {held.place or 'no place of yours'}"


def first_place_line(ceiling: Ceiling) -> str:
    """Say which place this computer's owner is taken to work in."""
    return f"The portal says that you work in {ceiling.cohort}. {_IF_NOT}"


def moved_line(ceiling: Ceiling, before: str) -> str:
    """Say that the portal takes this computer's owner to work elsewhere, and what follows."""
    if ceiling.is_open:
        return _until_said(ceiling.cohort, before)
    return f"The portal says that you work in {ceiling.cohort} now. {_IF_NOT}"


def _until_said(cohort: str, known: str) -> str:
    knows = f"this computer knows {known}" if known else "this computer does not know where"
    return (
        f"The portal says that you work in {cohort}, and {knows}. Nothing is collected until you"
        f" say on it that the portal is right: consent-agent moved {cohort}. If it is not, tell"
        " your IT."
    )


def policy_line(held: HeldPolicy, now: Instant) -> str:
    """Return time, version, state and what is denied, in one line."""
    policy = held.accepted.policy
    return (
        f"{now.wall.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{now.wall.microsecond // 1000:03}Z"
        f"  version {policy.version}  {_state_now(held, now)}  denied: {describe_denied(held, now)}"
    )


def _state_now(held: HeldPolicy, now: Instant) -> str:
    """Return what the policy comes to now; its own word is of when it was signed."""
    if held.collects_anything(now):
        return "collecting"
    state = held.accepted.policy.state
    return "not_collecting" if state == "collecting" else state


def describe_denied(held: HeldPolicy, now: Instant) -> str:
    """Name what is off beyond what the register excludes for everybody."""
    accepted = held.accepted
    if not held.is_running:
        return "everything (programme stopped)"
    if held.place_is_unconfirmed:
        return f"everything ({Reason.COHORT_UNCONFIRMED})"
    if refusal := standing_refusal(accepted.ceiling, accepted.policy):
        return f"everything ({refusal.reason})"
    denies = (*accepted.policy.deny, *accepted.freshness.deny)
    in_force = [_describe(deny) for deny in denies if deny.is_in_force(now.wall)]
    return "; ".join(in_force) or "nothing"


def receipt_lines(receipt: Receipt, *, keys: str) -> list[str]:
    """Say what a good receipt proves, and by which keys."""
    leaf, inclusion = receipt.entry.leaf, receipt.inclusion
    details = receipt.entry.details
    lines = [
        f"This receipt is good: entry {inclusion.index} of the log says {leaf.get('event')},"
        f" {leaf.get('at')}.",
        f"It was in the log by {format_time(receipt.issued_at)}, when that had {inclusion.size}"
        f" entries and the head {inclusion.root.hex()}.",
        f"Signed by one of {keys}.",
    ]
    if details is None:
        return [*lines, "The details of the entry were erased."]
    return [*lines, *(f"  {name}: {_flat(value)}" for name, value in sorted(details.items()))]


def withdrawn_key_note(at: datetime) -> str:
    """Say what a receipt is worth whose key was withdrawn."""
    return (
        f"Note: the key that signed it was withdrawn on {format_time(at)}: somebody else may have\n"
        "had it, who could write a receipt and date it back. Ask the portal for a new receipt of\n"
        "the same entry, or compare the head with a checkpoint from before that day."
    )


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


def _flat(value: object) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()


def _shorten(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_SHOWN} more" if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + more
