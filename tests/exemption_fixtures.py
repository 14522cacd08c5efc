"""An organisation that can decide on requests, and requests in the state that a test needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices.actions import sign_ceilings
from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions import load_register
from consent_app.restrictions.models import Restriction
from exemptions.actions import decisions, drafts, submission
from exemptions.actions.drafts import Covering
from exemptions.actions.routes import load_grounds
from exemptions.models import Decision, ExemptionRequest, Ground, Message, ReviewStep, Verdict
from exemptions.queries import own
from exemptions.scope import Scope
from tests.beginnings import begin_with
from tests.device_fixtures import LONG_AGO, Enrolled, enrol

ORDINARY = "objection-to-training"  # manager, then HR
PROTECTED = "protected-work"  # manager, then legal; protected while pending
SENSITIVE = "disability-or-health"  # HR, then legal; protected while pending
TWO_PEOPLE = "union-or-collective-activity"  # legal, two people
BATTERY = "battery-or-performance"  # manager, then IT


def give_role(person: Employee, *roles: Role) -> Employee:
    """Return the person, read anew, with these roles."""
    groups = ensure_roles()
    person.groups.add(*(groups[role] for role in roles))
    return Employee.objects.get(pk=person.pk)


@dataclass
class Organisation:
    """Mira and her colleague Noor report to Jonas; several people share each team."""

    mira: Employee
    noor: Employee
    jonas: Employee
    hr: list[Employee] = field(default_factory=list)
    legal: list[Employee] = field(default_factory=list)
    it: list[Employee] = field(default_factory=list)
    owner: Employee | None = None
    auditor: Employee | None = None

    def decider(self, step) -> Employee:
        """Return somebody who may decide on a step now and has not yet."""
        people = {
            "manager": [step.request.requester.line_manager],
            "hr_reviewer": self.hr,
            "legal_reviewer": self.legal,
            "it_administrator": self.it,
        }[step.reviewer]
        decided = set(step.request.decisions.values_list("by", flat=True))
        return next(person for person in people if person.pk not in decided)


@pytest.fixture
def organisation(make_employee) -> Organisation:
    jonas = make_employee("Jonas Lindqvist")
    return Organisation(
        mira=make_employee("Mira Okafor", line_manager=jonas),
        noor=make_employee("Noor Haddad", line_manager=jonas),
        jonas=jonas,
        hr=[
            give_role(make_employee(name), Role.HR_REVIEWER)
            for name in ("Dana Ortiz", "Hugo Brandt")
        ],
        legal=[
            give_role(make_employee(name), Role.LEGAL_REVIEWER)
            for name in ("Priya Raman", "Lena Fischer", "Omar Said")
        ],
        it=[give_role(make_employee("Samuel Adeyemi"), Role.IT_ADMINISTRATOR)],
        owner=give_role(make_employee("Tomás Herrera"), Role.PROGRAMME_OWNER),
        auditor=give_role(make_employee("Katrin Vogel"), Role.AUDITOR),
    )


@pytest.fixture
def grounds(db, keys, register_folder) -> dict[str, Ground]:
    """A published register, and every ground with the route that comes with the portal."""

    def make() -> None:
        with time_machine.travel(LONG_AGO, tick=False):
            load_register(
                by=system_user(), portal_host="portal.example.com", folder=register_folder
            )
            load_grounds(by=system_user())

    begin_with("grounds", make)
    return {ground.slug: ground for ground in Ground.objects.all()}


@pytest.fixture
def make_draft(grounds, organisation):
    """Make a complete draft; `scope` says all but the first day, which is today by default."""

    def make(
        requester: Employee | None = None,
        *,
        ground: str = ORDINARY,
        text: str = "I do not want my work to train a model.",
        applications: frozenset[str] | None = None,
        kinds: frozenset[str] | None = None,
        first_day: int = 0,
        days: int | None = 60,
    ) -> ExemptionRequest:
        employee = requester or organisation.mira
        request = drafts.start_draft(employee=employee, ground=grounds[ground])
        drafts.choose_covering(request=request, covering=Covering(applications, kinds))
        here = ZoneInfo(employee.time_zone)
        today = timezone.localdate(timezone=here) + timedelta(days=first_day)
        if days is None:
            period = Scope(None, None, today, review_on=today + timedelta(days=180))
        else:
            period = Scope(None, None, today, ends_on=today + timedelta(days=days))
        drafts.choose_period(request=request, scope=period)
        drafts.write_statement(request=request, text=text)
        return fresh(request)

    return make


@pytest.fixture
def make_request(make_draft):
    """Make a request that was sent and waits at its first step."""

    def make(requester: Employee | None = None, **wanted) -> ExemptionRequest:
        draft = make_draft(requester, **wanted)
        submission.submit_request(request=draft, by=draft.requester)
        return fresh(draft)

    return make


@pytest.fixture
def decide_all(organisation):
    """Let whoever has to decide say the same until the request is decided."""

    def decide(request: ExemptionRequest, verdict=Verdict.APPROVE, **words) -> ExemptionRequest:
        if verdict == Verdict.DECLINE:
            words = {"code": "ground_not_met", "text": "It is not covered."} | words
        while (request := fresh(request)).is_pending:
            step = own.open_step(request)
            decisions.decide(
                request=request,
                by=organisation.decider(step),
                seen=request.version,
                verdict=verdict,
                **words,
            )
        return request

    return decide


def fresh(request: ExemptionRequest) -> ExemptionRequest:
    """Return the request as it is now."""
    return ExemptionRequest.objects.select_related(
        "requester__jurisdiction", "ground", "route", "exemption", "protection"
    ).get(pk=request.pk)


def events_of(request: ExemptionRequest) -> list[str]:
    """Return what the log has of a request, oldest first."""
    leaves = Leaf.objects.filter(subject=f"exemptionrequest:{request.pk}").order_by("index")
    return list(leaves.values_list("event", flat=True))


def told(person: Employee) -> list[str]:
    """Return what somebody was told about requests, by name."""
    events = person.notifications.exclude(event__startswith="device_")
    return sorted(events.values_list("event", flat=True))


def protects_from(request: ExemptionRequest) -> datetime | None:
    protection = fresh(request).protection
    return protection.starts_at if protection else None


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Assert that a refusal left every table of requests, effects, messages and the log alone."""
    tables = (
        ExemptionRequest, ReviewStep, Decision, Message, Restriction, Notification, Leaf,
    )  # fmt: skip
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    yield
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


@pytest.fixture
def laptop(organisation, grounds) -> Enrolled:
    """Mira's laptop, which collects."""
    sign_ceilings(by=system_user())
    return enrol(organisation.mira)


def denied(device: Enrolled, at: datetime) -> set[str]:
    """Return the sources for which the newest policy denies something at a moment."""
    return {deny.source for deny in device.newest_document().deny if deny.is_in_force(at)}
