"""Who acts for the system, which law applies where, and who has a role."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Exists, OuterRef, QuerySet

from consent_app.people import rules
from consent_app.people.models import (
    NOWHERE,
    SYSTEM_NUMBER,
    CollectionDefault,
    Employee,
    Jurisdiction,
)
from consent_app.people.roles import Role

# What holds where nothing is known: nothing is collected.
OUT_OF_SCOPE: dict[str, Any] = {
    "regime": "none",
    "collection_default": CollectionDefault.NOT_IN_SCOPE,
    "notice_required": True,
    "acknowledgement_required": True,
    "protects_indirect": True,
    "verified": False,
}


def system_user() -> Employee:
    """Return the actor of everything that no person did; made on first use, it can't sign in."""
    known = Employee.objects.filter(employee_number=SYSTEM_NUMBER).first()
    return known or _make_system_user()


def active_person(email: str) -> Employee | None:
    """Return who works here and has this address, in any of its forms."""
    address = rules.normalise_email(email)
    return Employee.objects.filter(email=address, is_active=True).first()


def lock_person(employee: Employee) -> Employee:
    """Let one transaction after the other decide about this person; return the row as it is now.

    Whoever decides takes this lock first: it comes before the devices' locks and the log's, which
    different decisions take in different order. Rows that only refer to the person don't wait for
    it: their foreign keys are looked at when they commit, with the log's lock held.
    """
    return Employee.objects.select_for_update(no_key=True).get(pk=employee.pk)


def jurisdiction_for(code: str) -> Jurisdiction:
    """Return the row of `code`, else its country's, else an unsaved one that allows nothing."""
    wanted = code.strip().upper()
    rows = Jurisdiction.objects.in_bulk({wanted, rules.country_of(wanted)})
    return governing(wanted, rows) or _unknown(wanted)


def governing(code: str, rows: Mapping[str, Jurisdiction]) -> Jurisdiction | None:
    """Return the row among `rows` (by code) that governs `code`, a state's before its country's."""
    return rows.get(code) or rows.get(rules.country_of(code))


def inhabited_jurisdictions() -> QuerySet[Jurisdiction]:
    """Return the places where somebody works, by name."""
    people = Employee.objects.filter(is_active=True, jurisdiction=OuterRef("pk"))
    return Jurisdiction.objects.filter(Exists(people))


def people_with_role(role: Role) -> QuerySet[Employee]:
    """Return who works here and has `role`, by name."""
    return Employee.objects.filter(is_active=True, groups__name=role)


def roles_of(people: Collection[uuid.UUID]) -> dict[uuid.UUID, frozenset[str]]:
    """Return the roles of those of these people who have any, by their ids."""
    found: dict[uuid.UUID, set[str]] = {}
    rows = Employee.objects.filter(pk__in=people, groups__name__in=Role.values)
    for person, role in rows.values_list("pk", "groups__name"):
        found.setdefault(person, set()).add(role)
    return {person: frozenset(roles) for person, roles in found.items()}


def _unknown(code: str) -> Jurisdiction:
    return Jurisdiction(code=code[:12], name=f"Unknown ({code[:12]})", **OUT_OF_SCOPE)


def _make_system_user() -> Employee:
    nowhere = OUT_OF_SCOPE | {"name": "Nowhere"}
    return Employee.objects.get_or_create(
        employee_number=SYSTEM_NUMBER,
        defaults={
            "email": "system@portal.invalid",
            "name": "Consent Portal",
            "jurisdiction": Jurisdiction.objects.get_or_create(code=NOWHERE, defaults=nowhere)[0],
            "is_active": False,
            "password": make_password(None),
        },
    )[0]
