"""Takes over the directory of everybody who works here: all of it, or nothing with every reason.

A row says what somebody's fields are to be; what a row does not carry (password, devices) stays.
People who left are deactivated and never deleted: the log and past decisions refer to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from consent_app.audit.actions import Entry, record_all
from consent_app.people import events
from consent_app.people.directory_file import Person, read_directory
from consent_app.people.errors import DirectoryRefused, Problem
from consent_app.people.models import NOWHERE, SYSTEM_NUMBER, Employee, Jurisdiction
from consent_app.people.queries import governing
from consent_app.people.roles import Role, ensure_roles
from consent_app.people.rules import manager_cycles

# One import at a time: two would decide on each other's half. The number is arbitrary and ours.
IMPORT_LOCK = 0x0C0_D1E2
BATCH = 2_000
# What a device's policy depends on.
MOVES = {"jurisdiction", "time_zone", "is_active"}
WRITTEN = ("name", "email", "line_manager", "jurisdiction", "time_zone", "locale", "is_active")

Membership = Employee.groups.through


@dataclass
class DirectoryChange:
    """What an import did. Somebody who came back counts as updated.

    `moved` are those of them, and of who is deactivated, whose devices have to be told anew.
    """

    created: list[Employee] = field(default_factory=list)
    updated: list[Employee] = field(default_factory=list)
    deactivated: list[Employee] = field(default_factory=list)
    unchanged: list[Employee] = field(default_factory=list)
    moved: list[Employee] = field(default_factory=list)

    @property
    def changed(self) -> list[Employee]:
        return self.created + self.updated + self.deactivated


@dataclass(frozen=True)
class _Known:
    """What the database holds, read once and under the lock."""

    employees: dict[str, Employee]
    jurisdictions: dict[str, Jurisdiction]
    memberships: dict[Employee, dict[str, int]]

    @classmethod
    def read(cls) -> "_Known":
        employees = {employee.employee_number: employee for employee in Employee.objects.all()}
        by_id = {employee.pk: employee for employee in employees.values()}
        memberships: dict[Employee, dict[str, int]] = {}
        rows = Membership.objects.filter(group__name__in=Role.values)
        for key, employee_id, role in rows.values_list("pk", "employee_id", "group__name"):
            memberships.setdefault(by_id[employee_id], {})[role] = key
        jurisdictions = Jurisdiction.objects.exclude(code=NOWHERE).in_bulk()
        return cls(employees, jurisdictions, memberships)


@transaction.atomic
def import_directory(path: Path, *, complete: bool, by: Employee) -> DirectoryChange:
    """Create and update the people of the file; with `complete`, deactivate everybody else.

    Raises:
        DirectoryRefused: the file has problems, all of which it names; nothing was changed.
    """
    now = timezone.now()
    people, problems = read_directory(path)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
    known = _Known.read()
    problems += _problems_with(people, known, complete=complete)
    if problems:
        raise DirectoryRefused(problems)
    change, fields = _compare(people, known)
    if complete:
        gone = _gone(people, known)
        change.deactivated += gone
        change.moved += gone
    _write(change, fields)
    _write_roles(people, known, {employee.employee_number: employee for employee in fields})
    _record(change, fields, by=by, at=now)
    return change


# What is wrong only together with what is known


def _problems_with(people: Sequence[Person], known: _Known, *, complete: bool) -> Iterator[Problem]:
    in_file = {person.number for person in people}
    staying = {
        number: employee for number, employee in known.employees.items() if number not in in_file
    }
    holders = {employee.email: number for number, employee in staying.items()}
    for person in people:
        if governing(person.jurisdiction, known.jurisdictions) is None:
            yield Problem(person.line, f"The jurisdiction {person.jurisdiction!r} is unknown.")
        if (holder := holders.get(person.email)) is not None:
            yield Problem(person.line, f"{person.email} belongs to employee number {holder}.")
        if person.manager is not None and person.manager not in in_file:
            manager = staying.get(person.manager)
            if manager is None or not manager.is_active:
                yield Problem(person.line, f"There is no manager {person.manager}.")
            elif complete:
                yield Problem(person.line, f"The manager {person.manager} is not in this file.")
    yield from _cycles(people, known)


def _cycles(people: Sequence[Person], known: _Known) -> Iterator[Problem]:
    """Look at the chains as they would be: what the file says, and for others what is known."""
    numbers = {employee.pk: number for number, employee in known.employees.items()}
    manager_of: dict[str, str | None] = {
        number: numbers[employee.line_manager_id] if employee.line_manager_id else None
        for number, employee in known.employees.items()
    }
    manager_of |= {person.number: person.manager for person in people}
    lines = {person.number: person.line for person in people}
    for cycle in manager_cycles(manager_of):
        line = min(lines[number] for number in cycle if number in lines)
        chain = " → ".join([*cycle, cycle[0]])
        yield Problem(line, f"The managers go round in a circle: {chain}.")


# What is to change


def _compare(
    people: Sequence[Person], known: _Known
) -> tuple[DirectoryChange, dict[Employee, list[str]]]:
    """Set the new values on the employees; return them sorted by what happens, and what changed."""
    employees = {
        person.number: known.employees.get(person.number) or _newcomer(person) for person in people
    }
    change, fields = DirectoryChange(), {}
    for person in people:
        employee = employees[person.number]
        manager = employees.get(person.manager or "") or known.employees.get(person.manager or "")
        fields[employee] = _take_over(person, employee, manager, known)
        if person.number not in known.employees:
            change.created.append(employee)
        elif fields[employee]:
            change.updated.append(employee)
            if MOVES.intersection(fields[employee]):
                change.moved.append(employee)
        else:
            change.unchanged.append(employee)
    return change, fields


def _newcomer(person: Person) -> Employee:
    return Employee(employee_number=person.number, password=make_password(None), is_active=False)


def _take_over(
    person: Person, employee: Employee, manager: Employee | None, known: _Known
) -> list[str]:
    """Set what the row says and return the names of the fields that differ from before."""
    jurisdiction = governing(person.jurisdiction, known.jurisdictions)
    wanted = {
        "name": person.name,
        "email": person.email,
        "line_manager_id": manager.pk if manager else None,
        "jurisdiction_id": jurisdiction.code if jurisdiction else None,
        "time_zone": person.time_zone,
        "locale": person.locale,
        "is_active": True,
    }
    changed = [name for name, value in wanted.items() if getattr(employee, name) != value]
    for name in changed:
        setattr(employee, name, wanted[name])
    if person.roles is not None and person.roles != known.memberships.get(employee, {}).keys():
        changed.append("roles")
    return [name.removesuffix("_id") for name in changed]


def _gone(people: Sequence[Person], known: _Known) -> list[Employee]:
    staying = {person.number for person in people} | {SYSTEM_NUMBER}
    return [
        employee
        for number, employee in known.employees.items()
        if number not in staying and employee.is_active
    ]


# Writing


def _write(change: DirectoryChange, fields: dict[Employee, list[str]]) -> None:
    moving = [employee.pk for employee in change.updated if "email" in fields[employee]]
    # Addresses may pass from one person to another: nobody may hold one while another takes it.
    # allauth keeps a copy, under which the former holder could still sign in or be mailed.
    EmailAddress.objects.filter(user__in=moving).delete()
    Employee.objects.filter(pk__in=moving).update(
        email=Concat(Cast("pk", CharField()), Value("@moving.invalid"))
    )
    Employee.objects.bulk_create(
        change.created + change.updated,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=WRITTEN,
    )
    Employee.objects.filter(pk__in=[employee.pk for employee in change.deactivated]).update(
        is_active=False, session_epoch=F("session_epoch") + 1
    )
    for employee in change.deactivated:
        employee.is_active = False
        employee.session_epoch += 1


def _write_roles(people: Sequence[Person], known: _Known, employees: dict[str, Employee]) -> None:
    groups = ensure_roles()
    lost: list[int] = []
    gained = []
    for person in people:
        if person.roles is None:
            continue
        employee = employees[person.number]
        held = known.memberships.get(employee, {})
        lost += [key for role, key in held.items() if role not in person.roles]
        gained += [
            Membership(employee_id=employee.pk, group_id=groups[Role(role)].pk)
            for role in sorted(person.roles - held.keys())
        ]
    Membership.objects.filter(pk__in=lost).delete()
    Membership.objects.bulk_create(gained, batch_size=BATCH)


def _record(
    change: DirectoryChange, fields: dict[Employee, list[str]], *, by: Employee, at: datetime
) -> None:
    happened = (
        (events.EMPLOYEE_CREATED, change.created),
        (events.EMPLOYEE_UPDATED, change.updated),
        (events.EMPLOYEE_DEACTIVATED, change.deactivated),
    )
    entries = [
        Entry(
            event,
            subject=employee,
            person=employee.pseudonym,
            details={"fields": sorted(fields.get(employee, ["is_active"]))},
        )
        for event, employees in happened
        for employee in employees
    ]
    record_all(entries, actor=by, at=at)
