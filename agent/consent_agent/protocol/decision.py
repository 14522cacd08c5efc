"""The one decision that the page shows and the agent obeys: may this be collected now?

Everything that is known about a subject must be allowed; the most restrictive rule wins. Where
several rules refuse, the reported one is found in this order, what lasts before what passes and
what is general before what is special:

1. the cohort (ceiling) and the person (policy state, conditions that nobody here knows),
2. the subject: unreadable, not identified, not in the register, excluded, kind not collected,
3. restrictions on everything, then restrictions on the application: of those in force the one
   that lasts longest, then the smallest id,
4. safeguards: category, address, title, field.

An unknown state, collection or kind is a "no"; a restriction from an unknown source restricts.
Freshness, programme stops, the device's own pause and whether its owner works where the portal says
come before all this and are left to the agent's `gate`; whom an event is shared with and what the
device is in come after it and are left to `circumstances`. Source: design, sections 2 and 5.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, Self

from consent_agent.protocol.documents import Ceiling, Deny, DevicePolicy
from consent_agent.protocol.matching import Address, Application, Register
from consent_agent.protocol.safeguards import MAX_TEXT_LENGTH, Detector, Safeguard


class Reason(StrEnum):
    """Why a verdict is what it is. The first five are given by the agent's gate only, the last four
    by `circumstances`; `condition_unknown` is given here as well.
    """

    NO_POLICY = "no_policy"
    NOT_FRESH = "not_fresh"
    PROGRAMME_STOPPED = "programme_stopped"
    LOCAL_PAUSE = "local_pause"
    COHORT_UNCONFIRMED = "cohort_unconfirmed"

    ALLOWED = "allowed"
    REVOKED = "revoked"
    OUT_OF_SCOPE = "out_of_scope"
    OPTED_OUT = "opted_out"
    UNACKNOWLEDGED = "unacknowledged"
    UNKNOWN_STATE = "unknown_state"
    UNREADABLE = "unreadable"
    NOT_IDENTIFIED = "not_identified"
    NOT_IN_REGISTER = "not_in_register"
    EXCLUDED = "excluded"
    KIND_NOT_COLLECTED = "kind_not_collected"
    PAUSE = "pause"
    PREFERENCE = "preference"
    EXEMPTION = "exemption"
    PROTECTION = "protection"
    PROGRAMME = "programme"
    NOTICE = "notice"
    CONSENT = "consent"
    RESTRICTED = "restricted"
    SAFEGUARD = "safeguard"

    COUNTERPARTY_PROTECTED = "counterparty_protected"
    COUNTERPARTIES_UNKNOWN = "counterparties_unknown"
    CONDITION = "condition"
    CONDITION_UNKNOWN = "condition_unknown"


# What a deny says about itself; any other source is RESTRICTED.
_REASON_BY_SOURCE: Final[Mapping[str, Reason]] = {
    reason.value: reason
    for reason in (
        Reason.PAUSE,
        Reason.PREFERENCE,
        Reason.EXEMPTION,
        Reason.PROTECTION,
        Reason.PROGRAMME,
        Reason.NOTICE,
        Reason.CONSENT,
    )
}
_REFUSING_STATES: Final[Mapping[str, Reason]] = {
    "revoked": Reason.REVOKED,
    "out_of_scope": Reason.OUT_OF_SCOPE,
    "opted_out": Reason.OPTED_OUT,
    "unacknowledged": Reason.UNACKNOWLEDGED,
}
# In these states the deny entries say what is off, and until when.
_OPEN_STATES: Final = frozenset({"collecting", "paused", "exempt", "protected"})
_LAST: Final = datetime.max.replace(tzinfo=UTC)
MOST_PROGRAMS: Final = 4096


class Subject(NamedTuple):
    """What would be captured; each member that is known narrows the verdict.

    `application` is a slug, bundle id or executable; an empty `url` is an address that exists but
    could not be read; `field` describes the focused element (`tag=input;type=password`).
    """

    application: str | None = None
    url: str | None = None
    window_title: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class _Identity:
    """Whose rows must all allow a subject, or why there are none; the same for every kind."""

    refusal: "Verdict | None" = None
    rows: tuple[Application, ...] = ()
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: `rule` is the id of what decided, `until` when a refusal ends (None: open)."""

    allowed: bool
    reason: Reason
    rule: str
    application: str | None = None
    until: datetime | None = None

    @classmethod
    def refusal(
        cls,
        reason: Reason,
        rule: str,
        application: str | None = None,
        until: datetime | None = None,
    ) -> Self:
        return cls(allowed=False, reason=reason, rule=rule, application=application, until=until)


_NOT_IDENTIFIED: Final = Verdict.refusal(Reason.NOT_IDENTIFIED, "subject")


class Timeline:
    """Which of some restrictions answers at a time; found in one binary search."""

    def __init__(self, denies: Iterable[Deny]) -> None:
        ranked = sorted(denies, key=_rank)
        bounds = {bound for deny in ranked for bound in (deny.starts_at, deny.ends_at) if bound}
        self._bounds = sorted(bounds)
        self._deciding = [
            next((deny for deny in ranked if deny.is_in_force(bound)), None)
            for bound in self._bounds
        ]

    def at(self, moment: datetime) -> Deny | None:
        position = bisect_right(self._bounds, moment)
        return self._deciding[position - 1] if position else None


class PolicyView:
    """The documents in force, prepared so that one decision takes microseconds."""

    def __init__(
        self,
        *,
        register: Register,
        ceiling: Ceiling,
        policy: DevicePolicy,
        freshness_deny: Iterable[Deny] = (),
    ) -> None:
        self._register = register
        self._denies = (*ceiling.deny, *policy.deny, *freshness_deny)
        self._standing = standing_refusal(ceiling, policy)
        # Prepared on first use: few of all applications are ever asked about.
        self._on_everything: dict[str, Timeline] = {}
        self._on_application: dict[tuple[str, str], Timeline] = {}
        # Events come in rows of the same window and field: what was found of the last is kept.
        # Each is replaced whole, so that any thread may ask.
        self._last_identity = Subject(), _Identity(_NOT_IDENTIFIED)
        self._identity_by_program: dict[str, _Identity] = {}
        self._last_protection: tuple[Subject, Verdict | None] = Subject(), None

    def decide(self, subject: Subject, *, kind: str, at: datetime) -> Verdict:
        """Say whether `kind` may be collected from `subject` at the aware time `at`.

        Raises:
            ValueError: `at` has no zone.
        """
        if at.tzinfo is None:
            raise ValueError("a time without zone")
        if self._standing is not None:
            return self._standing
        known, identity = self._identify(subject)
        if identity.refusal is not None:
            return identity.refusal
        rows = identity.rows
        for row in rows:
            if refusal := _refused_by_row(row, kind):
                return refusal
        return (
            self._restricted(rows, kind, at)
            or self._protected(known, identity)
            or _allowed(rows[-1].slug)
        )

    def application_of(self, subject: Subject, kind: str) -> str | None:
        """Return the slug of what may be captured at one time or another; None for the rest."""
        if self._standing is not None:
            return None
        _, identity = self._identify(subject)
        if identity.refusal or any(_refused_by_row(row, kind) for row in identity.rows):
            return None
        return identity.rows[-1].slug

    def _identify(self, subject: Subject) -> tuple[Subject, _Identity]:
        """Return what is known of the subject, with the one object that stands for it meanwhile."""
        last = self._last_identity
        if last[0] != subject:
            last = self._last_identity = subject, self._find(subject)
        return last

    def _find(self, subject: Subject) -> _Identity:
        """Find the rows that must all allow the subject: the program's first, the page's last."""
        program = subject.application
        if program is None or subject.url is not None:
            return self._find_anew(subject)
        identity = self._identity_by_program.get(program)
        if identity is None:
            identity = self._find_anew(subject)
            # Only what the register knows: nobody fills the memory with names.
            if identity.rows and len(self._identity_by_program) < MOST_PROGRAMS:
                self._identity_by_program[program] = identity
        return identity

    def _find_anew(self, subject: Subject) -> _Identity:
        rows: tuple[Application, ...] = ()
        address: Address | None = None
        if subject.application is not None:
            rows = self._register.match_application(subject.application)
            if not rows:
                return _Identity(Verdict.refusal(Reason.NOT_IN_REGISTER, "application"))
        if subject.url is not None:
            if not subject.url:
                return _Identity(Verdict.refusal(Reason.UNREADABLE, "url"))
            address = Address.parse(subject.url)
            page = self._register.match_address(address) if address else None
            if page is None:
                return _Identity(Verdict.refusal(Reason.NOT_IN_REGISTER, "url"))
            rows = (*rows, page)
        return _Identity(None, rows, address) if rows else _Identity(_NOT_IDENTIFIED)

    def _restricted(self, rows: tuple[Application, ...], kind: str, at: datetime) -> Verdict | None:
        if deny := self._timeline_of_everything(kind).at(at):
            return _denied(deny, rows[-1])
        for row in rows:
            if deny := self._timeline_of(row.slug, kind).at(at):
                return _denied(deny, row)
        return None

    def _timeline_of_everything(self, kind: str) -> Timeline:
        timeline = self._on_everything.get(kind)
        if timeline is None:
            timeline = self._on_everything[kind] = Timeline(
                deny
                for deny in self._denies
                if deny.applications is None and (deny.kinds is None or kind in deny.kinds)
            )
        return timeline

    def _timeline_of(self, slug: str, kind: str) -> Timeline:
        timeline = self._on_application.get((slug, kind))
        if timeline is None:
            timeline = self._on_application[slug, kind] = Timeline(
                deny
                for deny in self._denies
                if deny.applications is not None and deny.covers(slug, kind)
            )
        return timeline

    def _protected(self, subject: Subject, identity: _Identity) -> Verdict | None:
        last = self._last_protection
        if last[0] is not subject:
            found = self._safeguarded(subject, identity.rows, identity.address)
            last = self._last_protection = subject, found
        return last[1]

    def _safeguarded(
        self, subject: Subject, rows: tuple[Application, ...], address: Address | None
    ) -> Verdict | None:
        safeguards = self._register.safeguards
        for row in rows:
            if found := safeguards.refusing_category(row.category):
                return _protected(found, row)
        page = rows[-1]
        if address and (found := safeguards.refusing(Detector.URL_PATTERN, *address.spellings)):
            return _protected(found, page)
        for detector, text in (
            (Detector.WINDOW_TITLE, subject.window_title),
            (Detector.FIELD_TYPE, subject.field),
        ):
            if text and len(text) > MAX_TEXT_LENGTH:
                return Verdict.refusal(Reason.UNREADABLE, detector.value, page.slug)
            if text and (found := safeguards.refusing(detector, text)):
                return _protected(found, page)
        return None


def decide(
    subject: Subject,
    *,
    kind: str,
    at: datetime,
    register: Register,
    ceiling: Ceiling,
    policy: DevicePolicy,
    freshness_deny: tuple[Deny, ...] = (),
) -> Verdict:
    """Decide once; keep a PolicyView to decide often."""
    view = PolicyView(
        register=register, ceiling=ceiling, policy=policy, freshness_deny=freshness_deny
    )
    return view.decide(subject, kind=kind, at=at)


def standing_refusal(ceiling: Ceiling, policy: DevicePolicy) -> Verdict | None:
    """Return the refusal that holds for every subject at every time, if there is one."""
    if not ceiling.is_open:
        return Verdict.refusal(Reason.OUT_OF_SCOPE, f"collection:{ceiling.collection}")
    if policy.state not in _OPEN_STATES:
        reason = _REFUSING_STATES.get(policy.state, Reason.UNKNOWN_STATE)
        return Verdict.refusal(reason, f"state:{policy.state}")
    if policy.conditions.unknown:
        return Verdict.refusal(Reason.CONDITION_UNKNOWN, policy.conditions.unknown[0])
    return None


def _refused_by_row(row: Application, kind: str) -> Verdict | None:
    if row.excluded:
        return Verdict.refusal(Reason.EXCLUDED, row.slug, row.slug)
    if kind not in row.kinds:
        return Verdict.refusal(Reason.KIND_NOT_COLLECTED, row.slug, row.slug)
    return None


@lru_cache(maxsize=4096)
def _allowed(slug: str) -> Verdict:
    return Verdict(allowed=True, reason=Reason.ALLOWED, rule=slug, application=slug)


def _denied(deny: Deny, row: Application) -> Verdict:
    reason = _REASON_BY_SOURCE.get(deny.source, Reason.RESTRICTED)
    return Verdict.refusal(reason, deny.id, row.slug, deny.ends_at)


def _protected(safeguard: Safeguard, row: Application) -> Verdict:
    return Verdict.refusal(Reason.SAFEGUARD, safeguard.id, row.slug)


def _rank(deny: Deny) -> tuple[float, str]:
    return (_LAST - (deny.ends_at or _LAST)).total_seconds(), deny.id
