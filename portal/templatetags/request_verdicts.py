"""What a request would change: the verdict for a few applications without it and with it.

Decided by the same code as on the device, from the rules of the place where the requester works
and nothing else: their pauses, preferences and other requests are not the reviewer's to see.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from consent_agent.protocol.decision import PolicyView, Subject
from consent_agent.protocol.documents import Ceiling, Conditions, Deny, DevicePolicy
from consent_agent.protocol.matching import Application, Register
from consent_app.devices.queries import ceiling_document, stops_for
from consent_app.people.models import Employee
from consent_app.register.models import DataKind
from consent_app.register.queries import current_version, register_by_digest
from consent_app.register.wording import in_a_row
from exemptions.deadlines import end_of_day
from exemptions.scope import Scope

register = template.Library()

MOST_INSIDE = 5
# Known to everybody; whatever the register lacks of these is left out.
TYPICAL = (
    "slack", "gmail", "google-docs", "visual-studio-code", "github", "salesforce", "microsoft-word",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Collected:
    """What is collected from an application: the kinds in words, empty for nothing."""

    kinds: str
    is_all: bool

    @property
    def state(self) -> str:
        return "collecting" if self.kinds else "not_collecting"


@dataclass(frozen=True, slots=True)
class Change:
    application: str
    is_inside: bool
    before: Collected
    after: Collected


@register.inclusion_tag("review/effect.html")
def effect_of(requester: Employee, scope: Scope) -> dict[str, object]:
    """Show what `scope` would take away from `requester`, on its first day or now."""
    ceiling, version = ceiling_document(requester.jurisdiction), current_version()
    now = timezone.now()
    at = max(now, _start_of(scope, requester))
    changes: list[Change] = []
    if ceiling is not None and version is not None:
        found = register_by_digest(ceiling.register)
        kinds = list(version.kinds.all())
        stops = stops_for(requester.jurisdiction, at=now)
        before, after = (
            PolicyView(register=found, ceiling=ceiling, policy=policy, freshness_deny=stops)
            for policy in (_policy(ceiling), _policy(ceiling, _deny(scope, requester)))
        )
        changes = [
            Change(
                row.name,
                scope.applications is None or row.slug in scope.applications,
                _collected(before, row, kinds, at=at),
                _collected(after, row, kinds, at=at),
            )
            for row in _examples(found, scope)
        ]
    return {
        "changes": changes,
        "first_name": requester.get_short_name(),
        "place": requester.jurisdiction.name,
        "at": at if at > now else None,
    }


def _examples(found: Register, scope: Scope) -> list[Application]:
    """Return some applications of the scope, and one that it leaves alone, where there is one."""
    inside = _collected_rows(found, sorted(scope.applications or ()))
    if scope.applications is None:
        return _usual(found, but=frozenset())[:MOST_INSIDE]
    if not inside:  # asked for what is never collected
        inside = [row for slug in sorted(scope.applications) if (row := found.find(slug))]
    return [*inside[:MOST_INSIDE], *_usual(found, but=scope.applications)[:1]]


def _usual(found: Register, *, but: frozenset[str]) -> list[Application]:
    others = (row.slug for row in found.applications)
    rows = _collected_rows(found, dict.fromkeys((*TYPICAL, *others)))
    return [row for row in rows if row.slug not in but]


def _collected_rows(found: Register, slugs: Iterable[str]) -> list[Application]:
    rows = (found.find(slug) for slug in slugs)
    return [row for row in rows if row is not None and not row.excluded]


def _collected(
    view: PolicyView, row: Application, kinds: list[DataKind], *, at: datetime
) -> Collected:
    subject = Subject(application=row.slug)
    names = [kind.name for kind in kinds if view.decide(subject, kind=kind.code, at=at).allowed]
    return Collected(in_a_row(names) if names else "", is_all=len(names) == len(kinds))


def _start_of(scope: Scope, requester: Employee) -> datetime:
    return end_of_day(scope.starts_on - timedelta(days=1), time_zone=requester.time_zone)


def _deny(scope: Scope, requester: Employee) -> Deny:
    return Deny(
        id="as asked",
        starts_at=_start_of(scope, requester),
        ends_at=end_of_day(scope.ends_on, time_zone=requester.time_zone) if scope.ends_on else None,
        applications=scope.applications,
        kinds=scope.kinds,
        source="exemption",
    )


def _policy(ceiling: Ceiling, *deny: Deny) -> DevicePolicy:
    """Return a policy of nobody's device, which takes nothing away but `deny`."""
    return DevicePolicy(
        device="",
        cohort=ceiling.cohort,
        version=1,
        issued_at=ceiling.issued_at,
        state="collecting",
        deny=deny,
        conditions=Conditions(),
        erase=(),
    )
