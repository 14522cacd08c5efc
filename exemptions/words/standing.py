"""Where a request stands, in words for whoever asked: what is so, what is next, who, by when.

Pure: facts and the moment in, words out. `queries.standings` gathers the facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.formats import date_format

from exemptions.models import PENDING, State

NEAR_DAYS = 31  # a day this near is said with its weekday
MOST_NAMED = 3  # applications; of more, one stands for all
APPROVED: Mapping[str, str] = {
    State.PARTLY_APPROVED: "Approved in part",
    State.OVERTURNED: "Your appeal changed the decision. Approved",
    State.UPHELD: "Your appeal was heard, and the decision stands. Approved in part",
}
NO_EFFECT = "It takes nothing away from collection."


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The step that a pending request waits at; `people` have to agree, `decided` have spoken.

    `who` is a name or a team; `steps_in` is the team that may decide as well, since it is overdue.
    """

    who: str
    due_on: date
    steps_in: str = ""
    people: int = 1
    decided: int = 0
    is_appeal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A Restriction by its dates: the moments, and the first and last day of them."""

    starts_at: datetime
    first_day: date
    ends_at: datetime | None = None
    last_day: date | None = None

    def has_begun(self, at: datetime) -> bool:
        return self.starts_at <= at

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at

    def is_in_force(self, at: datetime) -> bool:
        return self.has_begun(at) and not self.is_over(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides the words. Days are days of the requester.

    `not_collected` and `not_collected_by_grant` are clauses such as "nothing may be collected
    from Slack": by what was asked for, and by what was granted.
    """

    state: str
    now: datetime
    today: date
    not_collected: str
    not_collected_by_grant: str = ""
    waiting: Waiting | None = None
    protection: Effect | None = None
    is_protected_by_silence: bool = False
    exemption: Effect | None = None
    review_on: date | None = None
    decided_on: date | None = None
    appeal_until: date | None = None
    can_renew: bool = False
    is_renewed: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next; who has to act, if anybody, and by which day, if there is one."""

    what: str
    who: str = ""
    by: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """`look` names the badge's state, `headline` is the answer, `effect` what it does meanwhile."""

    look: str
    word: str
    headline: str
    effect: str
    next: Next
    is_protected: bool


def standing_of(facts: Facts) -> Standing:
    phase = phase_of(facts)
    return Standing(
        look=phase,
        word=_word(phase, facts),
        headline=_headline(phase, facts),
        effect=_effect(phase, facts),
        next=_next(phase, facts),
        is_protected=_is_protected(facts),
    )


def phase_of(facts: Facts) -> str:
    """Return the state, or for a granted request what its dates make of it.

    "scheduled", "in_force" and "ended" take the place of every state in which something is granted.
    """
    effect = facts.exemption
    if effect is None or facts.state in PENDING:
        return facts.state
    if effect.is_over(facts.now):
        return "revoked" if facts.state == State.REVOKED else "ended"
    return "in_force" if effect.has_begun(facts.now) else "scheduled"


def day_in_words(day: date, *, today: date) -> str:
    """Return "Thursday 26 November" for a near day, "22 January 2027" for one of another year."""
    if abs((day - today).days) <= NEAR_DAYS:
        return date_format(day, "l j F")
    return date_format(day, "j F" if day.year == today.year else "j F Y")


def not_collected(applications: Sequence[str] | None, kinds: Sequence[str] | None) -> str:
    """Return what is left out, as a clause: "nothing may be collected from Slack and 9 more".

    "May": whether a device keeps to it is said beside it, by the device. Takes names; None is all.
    """
    place = "" if applications is None else f" from {_some(applications)}"
    if kinds is None:
        return f"nothing may be collected{place or ' from you'}"
    *others, last = [kind.lower() for kind in kinds]
    named = f"{', '.join(others)} and {last}" if others else last
    return f"{named} may not be collected{place}"


def _some(names: Sequence[str]) -> str:
    *others, last = names
    if len(names) > MOST_NAMED:
        return f"{names[0]} and {len(others)} more"
    return f"{', '.join(others)} and {last}" if others else last


# The badge


def _word(phase: str, facts: Facts) -> str:
    effect, today = facts.exemption, facts.today
    last_day = effect.last_day if effect else None
    if phase == "scheduled" and effect:
        return f"From {day_in_words(effect.first_day, today=today)}"
    if phase == "in_force":
        word = "Revoked, in force" if facts.state == State.REVOKED else "In force"
        return f"{word} until {day_in_words(last_day, today=today)}" if last_day else word
    if phase == "ended":
        if facts.is_renewed:
            return "Renewed"
        return f"Ended on {day_in_words(last_day, today=today)}" if last_day else "Ended"
    return str(State(phase).label)


# The answer


def _headline(phase: str, facts: Facts) -> str:
    if facts.waiting is not None:
        return _waits(facts, facts.waiting)
    if phase in ("scheduled", "in_force", "ended", "revoked"):
        return _granted(phase, facts)
    on_day = f" on {day_in_words(facts.decided_on, today=facts.today)}" if facts.decided_on else ""
    match phase:
        case State.WITHDRAWN:
            return f"You withdrew this request{on_day}."
        case State.DECLINED:
            return f"Your request was declined{on_day}."
        case State.UPHELD:
            return f"Your appeal was heard{on_day}: the decision stands."
    return "This is a draft. Nobody but you can read it."


def _waits(facts: Facts, waiting: Waiting) -> str:
    if facts.state == State.INFORMATION_REQUESTED:
        return "You are asked something. Your request waits for your answer."
    day = day_in_words(waiting.due_on, today=facts.today)
    to_decide = "to decide on your appeal" if waiting.is_appeal else "to decide"
    if facts.today > waiting.due_on:
        now = f"{waiting.steps_in} may decide as well now" if waiting.steps_in else "It still waits"
        return f"{waiting.who} had until {day} {to_decide}. {now}."
    if waiting.decided >= 2:
        return f"Two people of {waiting.who} disagreed. A third has until {day} {to_decide}."
    if waiting.decided:
        return f"One person of {waiting.who} has decided. A second has until {day} {to_decide}."
    if waiting.people > 1:
        return f"Two people of {waiting.who} have until {day} {to_decide}."
    return f"{waiting.who} has until {day} {to_decide}."


def _granted(phase: str, facts: Facts) -> str:
    effect, today = facts.exemption, facts.today
    last = day_in_words(effect.last_day, today=today) if effect and effect.last_day else ""
    if phase == "revoked":
        return f"Revoked. Your exemption ended on {last}."
    if phase == "ended":
        return f"This exemption ended on {last}." if last else "This exemption has ended."
    if facts.state == State.REVOKED:
        return f"Revoked. Your exemption stays in force until {last}."
    since = ""
    if phase == "scheduled" and effect:
        since = f" from {day_in_words(effect.first_day, today=today)}"
    if last:
        until = f" until {last}"
    elif facts.review_on:
        until = f", to be looked at again on {day_in_words(facts.review_on, today=today)}"
    else:
        until = ""
    return f"{APPROVED.get(facts.state, 'Approved')}{since}{until}."


# What it does meanwhile


def _effect(phase: str, facts: Facts) -> str:
    if facts.state in PENDING:
        parts = [_protected(facts), _still_granted(facts)]
        return " ".join(part for part in parts if part) or "Until then nothing changes for you."
    if phase == "in_force":
        return f"{_sentence(facts.not_collected_by_grant)}."
    if phase == "scheduled":
        return f"From then on {facts.not_collected_by_grant}."
    if phase == State.DRAFT:
        return ""
    if phase == "ended" and facts.is_renewed:
        return "What you asked for after it takes its place."
    return NO_EFFECT


def _protected(facts: Facts) -> str:
    protection, clause = facts.protection, facts.not_collected
    if protection is None or protection.is_over(facts.now):
        return ""
    day = day_in_words(protection.first_day, today=facts.today)
    if not protection.has_begun(facts.now):
        if facts.is_protected_by_silence:
            return (
                "Until then nothing changes for you. If nobody has decided, you are protected from "
                f"{day} on: {clause} until somebody does."
            )
        return f"You are protected from {day} on, until it is decided: {clause}."
    if facts.is_protected_by_silence:
        return f"Nobody decided in time, so you are protected since {day}: {clause}."
    return f"You are protected while it is decided: {clause}."


def _still_granted(facts: Facts) -> str:
    """Say that what an appeal is about stays in force meanwhile."""
    if facts.exemption is None or not facts.exemption.is_in_force(facts.now):
        return ""
    return f"What was approved stays in force: {facts.not_collected_by_grant}."


def _is_protected(facts: Facts) -> bool:
    protection = facts.protection
    return facts.state in PENDING and protection is not None and protection.is_in_force(facts.now)


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


# What is next


def _next(phase: str, facts: Facts) -> Next:
    if phase == State.DRAFT:
        return Next("Finish it and send it, or discard it", "You")
    if facts.waiting is not None:
        if facts.state == State.INFORMATION_REQUESTED:
            return Next("Answer the question", "You")
        appeal = " on your appeal" if facts.waiting.is_appeal else ""
        who = facts.waiting.who
        if facts.waiting.steps_in:
            who = f"{who} or {facts.waiting.steps_in}"
        return Next(f"A decision{appeal}", who, facts.waiting.due_on)
    if facts.appeal_until is not None and phase in (State.DECLINED, "scheduled", "in_force"):
        return Next("You can appeal", "You", facts.appeal_until)
    return _next_by_dates(phase, facts)


def _next_by_dates(phase: str, facts: Facts) -> Next:
    effect = facts.exemption
    if phase == "scheduled" and effect:
        return Next("It begins by itself", by=effect.first_day)
    if facts.can_renew:
        return Next("You can renew it", "You", _end(facts) if phase == "in_force" else None)
    if phase == "in_force" and effect:
        if effect.last_day is None:
            return Next("It is looked at again", by=facts.review_on)
        return Next("It ends by itself", by=effect.last_day)
    return Next("Nothing more happens")


def _end(facts: Facts) -> date | None:
    last_day = facts.exemption.last_day if facts.exemption else None
    return last_day or facts.review_on
