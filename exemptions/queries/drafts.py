"""What a draft still needs before it can be sent, and what holds once it is."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role
from consent_app.people.roles import Role
from consent_app.register.queries import application_slugs, kind_codes
from exemptions import rules
from exemptions.errors import NothingChosen, NotInRegister, PeriodOutOfRange, TextMissing
from exemptions.models import ExemptionRequest, Message, Reviewer, Route
from exemptions.queries import own

MOST_NAMED = 3


class Part(StrEnum):
    """The pages of the form on which something can be missing."""

    SCOPE = "scope"
    PERIOD = "period"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Missing:
    """What has to be done, and where."""

    part: Part
    message: str


def missing_in(
    request: ExemptionRequest, *, statement: Message | None, today: date
) -> list[Missing]:
    """Return everything that keeps a draft from being sent, in the order of the pages."""
    missing = []
    if request.starts_on is None:
        missing.append(Missing(Part.PERIOD, "Choose from when to when."))
    else:
        missing += _outdated(request, today=today)
    if statement is None:
        missing.append(Missing(Part.STATEMENT, TextMissing.message))
    return missing


def is_protected_at_once(request: ExemptionRequest, route: Route, *, at: datetime) -> bool:
    """Whether sending this draft protects its requester; it has its period already."""
    since = at - rules.UNPROTECTED_AFTER_DECLINE
    return route.protects_while_pending and not own.protection_is_used_up(request, since=since)


def team_members(route: Route, *, requester: Employee) -> dict[str, list[str]]:
    """Return the names of those who may read a request, by role; at most MOST_NAMED and one more.

    Nobody reads their own, nor a confidential one of somebody who reports to them.
    """
    roles = {step.reviewer for step in route.steps.all()} - {Reviewer.MANAGER}
    names = {}
    for role in sorted(roles):
        people = people_with_role(Role(role)).exclude(pk=requester.pk)
        if route.ground.is_sensitive and requester.line_manager_id:
            people = people.exclude(pk=requester.line_manager_id)
        names[role] = list(people.values_list("name", flat=True)[: MOST_NAMED + 1])
    return names


def _outdated(request: ExemptionRequest, *, today: date) -> list[Missing]:
    """Return what was fine when it was chosen and is not any more."""
    missing = []
    try:
        rules.check_lists(request.asked, applications=application_slugs(), kinds=kind_codes())
    except (NothingChosen, NotInRegister) as refusal:
        missing.append(Missing(Part.SCOPE, refusal.message))
    try:
        rules.check_period(request.asked, today=today)
    except PeriodOutOfRange as refusal:
        missing.append(Missing(Part.PERIOD, refusal.message))
    return missing
