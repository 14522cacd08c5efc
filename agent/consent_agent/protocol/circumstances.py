"""What holds of one event beyond its application: who else is concerned, what the device is in.

Asked when `decision` allows, and only ever takes away. The order, what concerns others before what
its owner wishes:

1. a communication shared with somebody protected, or with nobody knows whom, where the ceiling
   names a counterparty filter,
2. the policy's conditions: battery, network, window; one that holds, or may hold.

What is not known counts as the worst it could be. Source: design, section 5.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.decision import Reason, Subject, Verdict
from consent_agent.protocol.documents import Conditions
from consent_agent.protocol.matching import Register


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the device is in at the time of an event; None is not known.

    `private_window` is False for a program that has no private windows.
    """

    on_battery: bool | None = None
    battery_percent: float | None = None
    metered: bool | None = None
    private_window: bool | None = None


UNKNOWN_SURROUNDINGS: Final = Surroundings()


class Circumstances:
    """The rules of one policy about single events."""

    def __init__(
        self,
        *,
        register: Register,
        conditions: Conditions,
        counterparties: CounterpartyFilter | None,
    ) -> None:
        self._register = register
        self._filter = counterparties
        self._conditions = _watched(conditions)
        # Events come in rows of the same conversation: the last one asked about is remembered.
        self._last: tuple[tuple[str, ...], Reason | None] = ((), None)

    def refusal(
        self,
        subject: Subject,
        verdict: Verdict,
        counterparties: Sequence[str] | None,
        surroundings: Surroundings,
    ) -> Verdict | None:
        """Return why an event that `verdict` allows must not be captured all the same, or None."""
        if self._filter is not None and self._is_communication(subject, verdict):
            reason = self._refuse_company(self._filter, counterparties)
            if reason is not None:
                return Verdict.refusal(reason, "counterparties", verdict.application)
        for name, holds in self._conditions.items():
            answer = holds(surroundings)
            if answer is not False:
                reason = Reason.CONDITION if answer else Reason.CONDITION_UNKNOWN
                return Verdict.refusal(reason, name, verdict.application)
        return None

    def _is_communication(self, subject: Subject, verdict: Verdict) -> bool:
        """Say so when one of the rows is: the program's, or the page's that the verdict names."""
        programs = self._register.match_application(subject.application or "")
        page = self._register.find(verdict.application or "")
        return any(row.communication for row in programs) or page is None or page.communication

    def _refuse_company(
        self, protected: CounterpartyFilter, counterparties: Sequence[str] | None
    ) -> Reason | None:
        if counterparties is None:
            return Reason.COUNTERPARTIES_UNKNOWN
        asked = tuple(counterparties)
        known, reason = self._last
        if known != asked:
            reason = _reason_of(protected, asked)
            self._last = asked, reason
        return reason


def _reason_of(protected: CounterpartyFilter, addresses: Sequence[str]) -> Reason | None:
    answers = {protected.protects(address) for address in addresses}
    if True in answers:
        return Reason.COUNTERPARTY_PROTECTED
    return Reason.COUNTERPARTIES_UNKNOWN if None in answers else None


def _watched(conditions: Conditions) -> Mapping[str, Callable[[Surroundings], bool | None]]:
    """Return the conditions that are set: each says yes, no, or None for "nobody knows"."""
    watched: dict[str, Callable[[Surroundings], bool | None]] = {}
    floor = conditions.battery_below_percent
    if floor is not None:
        watched["battery_below_percent"] = lambda now: _is_battery_below(floor, now)
    if conditions.denies_metered_network:
        watched["metered_network"] = lambda now: now.metered
    if conditions.denies_private_window:
        watched["private_window"] = lambda now: now.private_window
    return watched


def _is_battery_below(floor: int, now: Surroundings) -> bool | None:
    if now.on_battery is False:
        return False
    if now.battery_percent is None:
        return None
    # Written so that a value that is no number counts as below.
    is_below = not now.battery_percent >= floor
    return None if is_below and now.on_battery is None else is_below
