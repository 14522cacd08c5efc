"""What needs somebody, for their home page; without grounds: others may see the screen."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format

from consent_app.devices.queries import devices_waiting_for
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from consent_app.register.models import ConsentChoice, VersionState
from consent_app.register.queries import (
    Shown,
    is_asked,
    is_daily,
    may_choose,
    newest_choice,
    notice_to_choose_on,
    notice_to_show,
)
from consent_app.register.queries.review import draft_in_preparation
from exemptions import rules
from exemptions.deadlines import last_day_before, local_day
from exemptions.models import ExemptionRequest, State
from exemptions.queries.own import requests_of
from exemptions.queries.reviewing import is_reviewer
from exemptions.queries.workload import Waiting, soon_until, waiting_for

ENDING_SOON = timedelta(days=max(rules.REMINDED_BEFORE_END))


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to do, and where."""

    sentence: str
    address: str
    label: str


def needs_of(employee: Employee, *, at: datetime) -> list[Need]:
    """Return what waits for this person, their own before what others wait for."""
    today = local_day(at, time_zone=employee.time_zone)
    return [
        *_of_devices(employee),
        *_of_notices(employee, at),
        *_of_own_requests(employee, today),
        *_of_reviews(employee, at),
        *_of_versions(employee),
    ]


def _of_devices(employee: Employee) -> Iterator[Need]:
    """Yield what IT enrolled under this person's name: it collects nothing until they say yes."""
    for device in devices_waiting_for(employee):
        sentence = f"{device.hostname} was enrolled under your name. Is it yours?"
        yield Need(sentence, reverse("devices"), "Look at it")


def _of_notices(employee: Employee, at: datetime) -> Iterator[Need]:
    """Yield what the law of this person's place asks; a daily notice asks nothing by itself."""
    jurisdiction = employee.jurisdiction
    shown = notice_to_show(employee, at=at) if is_asked(jurisdiction) else None
    if shown and shown.is_asked and not is_daily(shown.notice):
        sentence = f"There is a notice for you to acknowledge. {_before_it(shown, employee)}"
        yield Need(sentence, reverse("notice"), "Read the notice")
    if may_choose(jurisdiction) and (to_say := _choice(employee, at)):
        yield Need(to_say, reverse("choice"), "Say yes or no")


def _choice(employee: Employee, at: datetime) -> str:
    """Return why a choice waits; nothing for whoever said no: nobody asks them again."""
    last, shown = newest_choice(employee), notice_to_choose_on(employee, at=at)
    if shown is None or not shown.is_asked:
        return ""
    if last is None:
        return f"Whether your work is collected is your choice. {_before_it(shown, employee)}"
    if last.choice == ConsentChoice.GIVEN:
        return f"The notice changes, so you are asked again. {_before_it(shown, employee)}"
    return ""


def _before_it(shown: Shown, employee: Employee) -> str:
    if not shown.is_coming:
        return "Until then nothing is collected from you."
    first_day = local_day(shown.in_force_at, time_zone=employee.time_zone)
    return f"Without it nothing is collected from you from {_day(first_day)} on."


def _of_own_requests(employee: Employee, today: date) -> Iterator[Need]:
    soon = (today, today + ENDING_SOON)
    ending = Q(granted_ends_on__range=soon) | Q(granted_ends_on=None, granted_review_on__range=soon)
    asked = Q(state=State.INFORMATION_REQUESTED)
    for request in requests_of(employee).filter(asked | (ending & Q(renewal=None))):
        address = reverse("my-request", args=[request.pk])
        if request.state == State.INFORMATION_REQUESTED:
            yield Need("A reviewer asks you something about your request.", address, "Answer")
        elif request.is_renewable(today=today):
            yield Need(_ending(request), address, "Renew")


def _ending(request: ExemptionRequest) -> str:
    if request.granted_ends_on is not None:
        return f"An exemption of yours ends after {_day(request.granted_ends_on)}."
    return f"An exemption of yours is looked at again on {_day(request.granted_review_on)}."


def _of_reviews(employee: Employee, at: datetime) -> Iterator[Need]:
    if not is_reviewer(employee, at=at):
        return
    counts = waiting_for(employee, at=at)
    if counts.overdue or counts.due_soon:
        last_day = last_day_before(soon_until(employee, at=at), time_zone=employee.time_zone)
        yield Need(_to_decide(counts, last_day), reverse("review"), "Review")


def _of_versions(employee: Employee) -> Iterator[Need]:
    """Yield the step that the next version of the register waits for, to whoever can take it."""
    if not employee.has_role(Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER):
        return
    version = draft_in_preparation()
    if version is None:
        return
    name, address = f"Version {version.number} of the register", reverse("register-review")
    is_own = employee in (version.drafted_by, version.proposed_by)
    if version.state == VersionState.PROPOSED:
        if employee.has_role(Role.LEGAL_REVIEWER) and not is_own:
            yield Need(f"{name} waits for legal to decide.", address, "Read it")
    elif employee.has_role(Role.PROGRAMME_OWNER):
        if version.state == VersionState.APPROVED:
            yield Need(f"{name} is approved and can be published.", address, "Publish it")
        elif version.sent_back_at and version.sent_back_by != employee:
            yield Need(f"{name} came back from legal, with a reason.", address, "Read it")


def _to_decide(counts: Waiting, last_day: date) -> str:
    due = [(counts.overdue, "overdue"), (counts.due_soon, f"due by {_day(last_day)}")]
    said = [f"{count} {'is' if count == 1 else 'are'} {how}" for count, how in due if count]
    return f"Of the requests that you can decide, {' and '.join(said)}."


def _day(day: date | None) -> str:
    return date_format(day, "l j F") if day else ""
