"""What the rules say for one person now: the documents of their devices, and the one decision.

Nothing is decided here. Each device's own documents go through `consent_agent.protocol.decision`,
as on the device itself; whether the device holds them and is in reach is on the home page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from consent_agent.protocol.decision import PolicyView, Reason, Subject, Verdict
from consent_agent.protocol.documents import Ceiling, Conditions, DevicePolicy
from consent_agent.protocol.matching import Register
from consent_agent.protocol.safeguards import Detector
from consent_app.devices.queries import policy_documents_for
from consent_app.people.models import Employee
from consent_app.register.models import DataKind
from consent_app.register.queries import register_by_digest
from consent_app.register.wording import in_a_row, rule_name, why


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds on one device; an empty `name` stands for the place without any device."""

    name: str
    view: PolicyView


@dataclass(frozen=True, slots=True)
class Standing:
    """The rules for one person: a set for each device, or the general one when there is none."""

    register: Register
    rules: tuple[Rules, ...]
    has_devices: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One verdict in words, and the kinds of data that it is about."""

    kinds: str
    is_allowed: bool
    is_known: bool
    """Whether the register knows what was asked about."""
    why: str
    rule: str
    until: datetime | None
    resumes: bool
    """Whether it is collected again at `until`."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The same answers on one or more devices; none stands for the place alone."""

    devices: list[str]
    answers: list[Answer]


def standing_of(employee: Employee) -> Standing | None:
    """Gather the documents that this person's devices are given now.

    None: no rules are signed for where this person works, so no device collects anything.
    """
    ceiling, policies, stops = policy_documents_for(employee)
    if ceiling is None:
        return None
    register = register_by_digest(ceiling.register)
    named = [(device.hostname, policy) for device, policy in policies]
    views = (
        (
            name,
            PolicyView(register=register, ceiling=ceiling, policy=policy, freshness_deny=stops),
        )
        for name, policy in named or [("", _policy_of_nobody(ceiling))]
    )
    return Standing(register, tuple(Rules(name, view) for name, view in views), bool(named))


def answers_for(standing: Standing, subject: Subject, kinds: Sequence[DataKind]) -> list[Answers]:
    """Decide on every kind for every device; devices with the same answers stand together."""
    now = timezone.now()
    found: list[Answers] = []
    for rules in standing.rules:
        answers = _answers(rules.view, standing.register, subject, kinds, at=now)
        same = next((group for group in found if group.answers == answers), None)
        if same is None:
            found.append(Answers(devices=[rules.name] if rules.name else [], answers=answers))
        else:
            same.devices.append(rules.name)
    return found


def outcome_for(standing: Standing, slug: str, kinds: Iterable[str]) -> Verdict | None:
    """Return the widest verdict on one application over all devices and kinds."""
    now = timezone.now()
    subject = Subject(application=slug)
    verdicts = [
        rules.view.decide(subject, kind=kind, at=now) for rules in standing.rules for kind in kinds
    ]
    return next((verdict for verdict in verdicts if verdict.allowed), next(iter(verdicts), None))


def _answers(
    view: PolicyView,
    register: Register,
    subject: Subject,
    kinds: Sequence[DataKind],
    *,
    at: datetime,
) -> list[Answer]:
    """Decide on each kind, and gather the kinds that have the same verdict."""
    names: dict[tuple[Verdict, bool], list[str]] = {}
    for kind in kinds:
        verdict = _decide(view, register, subject, kind=kind.code, at=at)
        resumes = (
            verdict.until is not None
            and view.decide(subject, kind=kind.code, at=verdict.until).allowed
        )
        names.setdefault((verdict, resumes), []).append(kind.name)
    return [
        Answer(
            kinds=in_a_row(found),
            is_allowed=verdict.allowed,
            is_known=verdict.reason is not Reason.NOT_IDENTIFIED,
            why=why(verdict, register),
            rule=rule_name(verdict),
            until=verdict.until,
            resumes=resumes,
        )
        for (verdict, resumes), found in names.items()
    ]


def _decide(
    view: PolicyView, register: Register, subject: Subject, *, kind: str, at: datetime
) -> Verdict:
    """Decide as the device would; a title without its application may still say why not."""
    verdict = view.decide(subject, kind=kind, at=at)
    if verdict.reason is Reason.NOT_IDENTIFIED and subject.window_title:
        found = register.safeguards.refusing(Detector.WINDOW_TITLE, subject.window_title)
        if found:
            return Verdict(allowed=False, reason=Reason.SAFEGUARD, rule=found.id)
    return verdict


def _policy_of_nobody(ceiling: Ceiling) -> DevicePolicy:
    """Return a policy that takes nothing away, so that the ceiling and the register decide."""
    return DevicePolicy(
        device="",
        cohort=ceiling.cohort,
        version=1,
        issued_at=ceiling.issued_at,
        state="collecting",
        deny=(),
        conditions=Conditions(),
        erase=(),
    )
