"""Pure decisions about requests: what may be asked, decided, appealed and routed, and by when.

Source of the numbers: docs/policy.md, section 8 (design, section 7).
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from exemptions.errors import (
    CodeMissing,
    DelegationInPast,
    DelegationOutOfRange,
    NothingChosen,
    NotInRegister,
    NotNarrower,
    PeriodOutOfRange,
    ReasonMissing,
    RouteNotSound,
    TextMissing,
    TextTooLong,
    WiderThanAsked,
)
from exemptions.scope import Scope

MAX_TEXT = 10_000  # characters
# Source: Unicode Standard Annex 15, Stream-Safe Text Format. No language comes near it.
MAX_MARKS_ON_A_LETTER = 30
MAX_OPEN_REQUESTS = 10
# Whoever sends and withdraws in turn makes two mails for reviewers each time.
MAX_SENT = 20  # by one person within SENT_WITHIN, what was withdrawn too
SENT_WITHIN = timedelta(days=1)
# Each makes the screen of whoever decides old; without end, nobody could decide.
MAX_ADDITIONS = 10  # to a request within ADDITIONS_WITHIN
ADDITIONS_WITHIN = timedelta(days=1)
LONGEST_PERIOD = timedelta(days=2 * 366)
LATEST_START = timedelta(days=366)
REVIEW_WITHIN = timedelta(days=366)
APPEAL_WITHIN = timedelta(days=30)
RENEWABLE_FROM = timedelta(days=60)
REVOCATION_NOTICE_DAYS = 5  # business days
# Whoever was declined appeals; asking for any of it again does not protect so soon.
UNPROTECTED_AFTER_DECLINE = timedelta(days=90)
# Withdrawing before each decision and sending again would protect for ever.
WITHDRAWALS_FORGIVEN = 2  # within UNPROTECTED_AFTER_DECLINE
# Every answer gives a step another day: asking for ever would put silence off for ever.
MAX_QUESTIONS = 3  # at one step
REMINDED_BEFORE_END = (30, 7, 1)  # days
LONGEST_DELEGATION = 90  # days, the first and the last counted
MAX_DELEGATION_REASON = 200  # characters

# The state each state may come from; the database's trigger holds the same table.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"in_review"}),
    "in_review": frozenset(
        {"information_requested", "approved", "partly_approved", "declined", "withdrawn"}
    ),
    "information_requested": frozenset(
        {
            "in_review",
            "appealed",
            "approved",
            "partly_approved",
            "declined",
            "upheld",
            "overturned",
            "withdrawn",
        }
    ),
    "approved": frozenset({"revoked"}),
    "partly_approved": frozenset({"appealed", "revoked"}),
    "declined": frozenset({"appealed"}),
    "appealed": frozenset({"information_requested", "upheld", "overturned"}),
    "upheld": frozenset({"revoked"}),
    "overturned": frozenset({"revoked"}),
    "withdrawn": frozenset(),
    "revoked": frozenset(),
}


def clean_text(text: str) -> str:
    """Return what is stored of something written: NFC, no control characters but line ends.

    Of thousands of marks on one letter a few are kept: sorting them takes long, and shown they
    cover what stands around.

    Raises:
        TextMissing: nothing is left.
        TextTooLong: more than MAX_TEXT characters.
    """
    if len(text) > 2 * MAX_TEXT:
        raise TextTooLong
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    # Before normalising, which sorts marks, and after it, which takes some of them apart.
    kept = _with_few_marks(unicodedata.normalize("NFC", _with_few_marks(kept))).strip()
    if not kept:
        raise TextMissing
    if len(kept) > MAX_TEXT:
        raise TextTooLong
    return kept


def _with_few_marks(text: str) -> str:
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS_ON_A_LETTER:
            kept.append(character)
    return "".join(kept)


def check_lists(scope: Scope, *, applications: Collection[str], kinds: Collection[str]) -> None:
    """Accept what the register has. Raises NothingChosen or NotInRegister."""
    for chosen, known in ((scope.applications, applications), (scope.kinds, kinds)):
        if chosen is None:
            continue
        if not chosen:
            raise NothingChosen
        if not chosen <= frozenset(known):
            raise NotInRegister


def check_period(scope: Scope, *, today: date) -> None:
    """Accept dates that can be asked for. Raises PeriodOutOfRange with what is wrong."""
    if scope.starts_on < today:
        raise PeriodOutOfRange("The first day is in the past. Choose today or a later day.")
    if scope.starts_on > today + LATEST_START:
        raise PeriodOutOfRange("The first day is more than a year away. Choose an earlier one.")
    if (scope.ends_on is None) == (scope.review_on is None):
        raise PeriodOutOfRange(
            "Choose a last day, or leave it open with a day to look at it again."
        )
    if scope.ends_on is not None:
        if scope.ends_on < scope.starts_on:
            raise PeriodOutOfRange("The last day is before the first.")
        if scope.ends_on - scope.starts_on > LONGEST_PERIOD:
            raise PeriodOutOfRange(
                "A period is at most two years long. Leave the end open instead."
            )
    if scope.review_on is not None and not (
        scope.starts_on < scope.review_on <= scope.starts_on + REVIEW_WITHIN
    ):
        raise PeriodOutOfRange("The day to look at it again is within a year after the first day.")


def check_approval(granted: Scope, *, standing: Scope, in_part: bool) -> None:
    """Accept a scope that keeps, or in part narrows, what stands; raises what fits."""
    if not granted.is_within(standing):
        raise WiderThanAsked
    if (granted.ends_on is None) == (granted.review_on is None):
        raise PeriodOutOfRange("Choose a last day, or a day to look at it again; not both.")
    if granted.ends_on is not None and granted.ends_on < granted.starts_on:
        raise PeriodOutOfRange("The last day is before the first.")
    if granted.ends_on is not None and granted.ends_on - granted.starts_on > LONGEST_PERIOD:
        raise PeriodOutOfRange("A period is at most two years long. Choose an earlier last day.")
    if granted.review_on is not None and granted.review_on <= granted.starts_on:
        raise PeriodOutOfRange("The day to look at it again is after the first.")
    for chosen in (granted.applications, granted.kinds):
        if chosen is not None and not chosen:
            raise NothingChosen
    if in_part and granted == standing:
        raise NotNarrower
    if not in_part and granted != standing:
        raise WiderThanAsked("Approving keeps the whole of it. Approve in part to take less.")


def check_last_day(last_day: date, *, today: date) -> None:
    """Accept a day that an exemption can be cut to. Raises PeriodOutOfRange."""
    if last_day > today + LONGEST_PERIOD:
        raise PeriodOutOfRange("That is more than two years away. Choose an earlier day.")


def check_words(*, verdict: str, code: str, text: str) -> None:
    """Less than what was asked needs a reason that the employee reads; a decline also a code."""
    if verdict != "approve" and not text.strip():
        raise ReasonMissing
    if verdict == "decline" and not code:
        raise CodeMissing


def agreed_outcome(verdicts: Iterable[str], *, people: int) -> str | None:
    """Return "approve" or "decline" once enough people of a step said the same, else None.

    With two people, one yes and one no leave it to a third. An approval in part counts as one.
    """
    said = list(verdicts)
    declined = sum(verdict == "decline" for verdict in said)
    if len(said) - declined >= people:
        return "approve"
    return "decline" if declined >= people else None


def check_delegation(first_day: date, last_day: date, *, today: date) -> None:
    """Accept days on which somebody can be away. Raises DelegationInPast, DelegationOutOfRange."""
    if first_day < today:
        raise DelegationInPast
    if not 0 <= (last_day - first_day).days < LONGEST_DELEGATION:
        raise DelegationOutOfRange
    if first_day > today + LATEST_START:
        raise DelegationOutOfRange("That is more than a year away. Choose earlier days.")


def clean_delegation_reason(reason: str) -> str:
    """Return a reason in one line. Raises TextMissing, TextTooLong."""
    words = " ".join(clean_text(reason).split())
    if len(words) > MAX_DELEGATION_REASON:
        raise TextTooLong(f"Keep it to {MAX_DELEGATION_REASON} characters.")
    return words


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step of a route as somebody plans it."""

    reviewer: str
    people: int
    target_days: int
    grace_days: int
    fallback: str


def check_route(steps: Collection[StepPlan], *, is_sensitive: bool, appeal_reviewer: str) -> None:
    """Accept a route that can be used. Raises RouteNotSound with what is wrong."""
    if not 1 <= len(steps) <= 4:
        raise RouteNotSound("A route has one to four steps.")
    if appeal_reviewer == "manager":
        raise RouteNotSound("An appeal is not heard by the line manager.")
    for step in steps:
        if is_sensitive and "manager" in (step.reviewer, step.fallback):
            raise RouteNotSound("The line manager never reads a request on these grounds.")
        if step.fallback == step.reviewer:
            raise RouteNotSound("Who steps in has to be somebody else.")
        if step.fallback == "manager":
            raise RouteNotSound("The line manager does not step in for others.")
        if step.reviewer == "manager" and step.people != 1:
            raise RouteNotSound("Everybody has one line manager.")
        if not (
            1 <= step.people <= 2 and 1 <= step.target_days <= 30 and 0 <= step.grace_days <= 10
        ):
            raise RouteNotSound("One or two people, 1 to 30 days, 0 to 10 days more.")
    reviewers = [step.reviewer for step in steps]
    if len(set(reviewers)) != len(reviewers):
        raise RouteNotSound("Each reviewer has one step; ask for two people instead.")
