"""The page "Programme": what those who answer for it can open, and what waits there."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_app.devices.queries import without_ceilings
from consent_app.ledger.queries.incidents import count_open
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from consent_app.register.queries import current_version, upcoming_versions
from consent_app.register.queries.review import draft_in_preparation
from consent_app.restrictions.queries import stops_in_force
from portal.lib.http import UserRequest

READERS = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the programme: its name, what it is for, and how it stands now."""

    address: str
    name: str
    purpose: str
    standing: str = ""


@require_safe
def programme(request: UserRequest) -> HttpResponse:
    if not request.user.has_role(*READERS):
        raise PermissionDenied
    return render(request, "programme.html", {"places": list(_places(request.user))})


def _places(person: Employee) -> Iterator[Place]:
    yield Place(
        "register-review",
        "The next version of the register",
        "What is collected changes by a new version only.",
        _standing_of_register(),
    )
    stops = len(stops_in_force())
    yield Place(
        "stops",
        "Stops",
        "One person stops collection, starting it again takes two.",
        f"{stops} in force." if stops else "Nothing is stopped.",
    )
    incidents = count_open()
    yield Place(
        "incidents",
        "Incidents",
        "Devices reported something that the register does not list.",
        f"{incidents} to explain." if incidents else "None is open.",
    )
    yield Place("data-stores", "Data stores", "Who holds recordings, and who is late to erase.")
    yield Place("routes", "Routes of requests", "Who decides on a request, and how soon.")
    if person.has_role(Role.AUDITOR):
        yield Place(
            "log", "The log", "Prove that nothing was altered, without trusting the portal."
        )
    if person.has_role(Role.LEGAL_REVIEWER):
        yield Place(
            "contacts-protected",
            "Protected people",
            "People outside the programme whom it must not touch.",
        )


def _standing_of_register() -> str:
    version, draft = current_version(), draft_in_preparation()
    upcoming = upcoming_versions(at=timezone.now())
    said = f"Version {version.number} is in force." if version else "None is in force."
    said += "".join(f" Version {next_one.number} is published ahead." for next_one in upcoming)
    said += "".join(
        f" The ceilings of version {waiting.number} wait to be signed: run “manage.py "
        "sign_ceilings” where the programme key is."
        for waiting in without_ceilings([*([version] if version else []), *upcoming])
    )
    if draft is not None:
        said += f" Version {draft.number}: {draft.get_state_display().lower()}."
    return said
