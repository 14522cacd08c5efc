"""Says in words why something is collected or not.

The sentences go with a verdict of `consent_agent.protocol.decision`; until when a refusal lasts is
left to the page, which knows the reader's time zone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from consent_agent.protocol.decision import Reason, Verdict
from consent_agent.protocol.matching import Register
from consent_agent.protocol.safeguards import PASSWORD_FIELDS

_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.ALLOWED: "{name} is in the register, and nothing forbids it now.",
    Reason.REVOKED: "The device was removed, or the account is closed.",
    Reason.OUT_OF_SCOPE: "Nothing is collected where you work.",
    Reason.OPTED_OUT: "Where you work only those who opted in take part, and you did not.",
    Reason.UNACKNOWLEDGED: (
        "Where you work the notice must be acknowledged first, and it has not been."
    ),
    Reason.UNREADABLE: "It can't be read, and what can't be read is not collected.",
    Reason.NOT_IDENTIFIED: (
        "No application in the register has exactly this name. It may be listed under a longer "
        "one. For a window, end with the application's name as listed: “Meeting notes - Slack”."
    ),
    Reason.NOT_IN_REGISTER: "It is not in the register, and what is not listed is not collected.",
    Reason.EXCLUDED: "{name} is excluded: {reason}.",
    Reason.KIND_NOT_COLLECTED: "The register lists {name} without this kind of data.",
    Reason.PAUSE: "You paused collection.",
    Reason.PREFERENCE: "You chose so in your preferences.",
    Reason.EXEMPTION: "Your exemption covers it.",
    Reason.PROTECTION: "It is protected while your request is open.",
    Reason.PROGRAMME: "The programme has stopped it.",
    Reason.NOTICE: "The notice has not been acknowledged.",
    Reason.CONSENT: "You did not opt in.",
    Reason.SAFEGUARD: "It is protected in every application: {explanation}.",
}
BROWSER: Final = (
    "This is about the browser's own window: a page is collected only if its own address is."
)
# For reasons that another version of the rules may bring.
_UNKNOWN: Final = "A rule that this page can't name forbids it."


_ENTRY_REASONS: Final = frozenset({Reason.ALLOWED, Reason.EXCLUDED, Reason.KIND_NOT_COLLECTED})


def in_a_row(names: Sequence[str]) -> str:
    """Join names for a sentence's beginning: "Mouse movement, mouse clicks and keystrokes"."""
    *others, last = [name.lower() for name in names]
    joined = f"{', '.join(others)} and {last}" if others else last
    return joined[:1].upper() + joined[1:]


def rule_name(verdict: Verdict) -> str:
    """Name the entry that decided, so that it can be looked up or quoted; empty if none did."""
    if verdict.reason in _ENTRY_REASONS:
        return f"register entry {verdict.rule}"
    if verdict.reason is Reason.SAFEGUARD:
        return f"safeguard {verdict.rule}"
    return ""


def why(verdict: Verdict, register: Register) -> str:
    """Return the rule that decided, as a sentence."""
    application = register.find(verdict.application) if verdict.application else None
    safeguards = {
        safeguard.id: safeguard.explanation for safeguard in (PASSWORD_FIELDS, *register.safeguards)
    }
    sentence = _SENTENCES.get(verdict.reason, _UNKNOWN).format(
        name=application.name if application else "It",
        reason=application.reason if application else "",
        explanation=safeguards.get(verdict.rule, ""),
    )
    if verdict.allowed and application and application.category == "browser":
        return f"{sentence} {BROWSER}"
    return sentence
