"""Says in words what was counted, and why something was not collected."""

from collections.abc import Mapping
from typing import Final

from consent_agent.protocol.decision import Reason

_WHY: Final[Mapping[Reason, str]] = {
    Reason.NO_POLICY: "The device had no valid policy",
    Reason.NOT_FRESH: "The device had not heard from the portal",
    Reason.PROGRAMME_STOPPED: "The programme was stopped",
    Reason.LOCAL_PAUSE: "You had paused",
    Reason.COHORT_UNCONFIRMED: "You had not said on the device that you work there",
    Reason.REVOKED: "The device was removed",
    Reason.OUT_OF_SCOPE: "Nothing is collected where you work",
    Reason.OPTED_OUT: "You had not said yes",
    Reason.UNACKNOWLEDGED: "You had not acknowledged the notice",
    Reason.UNKNOWN_STATE: "The device did not know the rule",
    Reason.UNREADABLE: "It could not be read",
    Reason.NOT_IDENTIFIED: "It could not be recognised",
    Reason.NOT_IN_REGISTER: "It is not in the register",
    Reason.EXCLUDED: "It is excluded",
    Reason.KIND_NOT_COLLECTED: "This kind is not collected there",
    Reason.PAUSE: "You had paused",
    Reason.PREFERENCE: "You chose so in your preferences",
    Reason.EXEMPTION: "An exemption of yours",
    Reason.PROTECTION: "Protected while your request was open",
    Reason.PROGRAMME: "The programme was stopped",
    Reason.NOTICE: "You had not acknowledged the notice",
    Reason.CONSENT: "You had not said yes",
    Reason.SAFEGUARD: "Protected in every application: passwords, private windows and the like",
    Reason.COUNTERPARTY_PROTECTED: "Somebody you wrote with is protected",
    Reason.COUNTERPARTIES_UNKNOWN: "The device could not tell whether somebody else is protected",
    Reason.CONDITION: "Your preferences on battery, network or private windows",
    Reason.CONDITION_UNKNOWN: "The device could not tell whether your preferences hold",
}
_ANOTHER_RULE: Final = "Another rule forbade it"


def why_not(outcome: str) -> str:
    """Return why something was not collected; several reasons may read the same."""
    return next((words for reason, words in _WHY.items() if reason == outcome), _ANOTHER_RULE)


def bytes_in_words(count: float) -> str:
    """Return "812 bytes", "5.3 kB", "20 MB"."""
    for size, unit in ((1_000_000, "MB"), (1_000, "kB")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return "1 byte" if count == 1 else f"{count:,.0f} bytes"
