"""Roles are groups, managers are those somebody reports to, and the system acts under a name."""

import pytest
from django.contrib.auth.models import Group

from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role, system_user
from consent_app.people.roles import Role, ensure_roles

pytestmark = pytest.mark.django_db


def test_makes_each_role_once():
    ensure_roles()

    groups = ensure_roles()

    assert set(groups) == set(Role)
    assert Group.objects.count() == len(Role)


def test_somebody_has_the_roles_of_their_groups(make_employee):
    mira = make_employee()
    mira.groups.add(ensure_roles()[Role.AUDITOR])

    assert mira.has_role(Role.AUDITOR)
    assert mira.has_role(Role.HR_REVIEWER, Role.AUDITOR)
    assert not mira.has_role(Role.HR_REVIEWER)


def test_somebody_who_left_has_no_role(make_employee):
    mira = make_employee(is_active=False)
    mira.groups.add(ensure_roles()[Role.AUDITOR])

    assert not mira.has_role(Role.AUDITOR)
    assert not people_with_role(Role.AUDITOR).exists()


def test_roles_are_read_once(make_employee, django_assert_num_queries):
    mira = make_employee()

    with django_assert_num_queries(1):
        mira.has_role(Role.AUDITOR)
        mira.has_role(Role.HR_REVIEWER)


def test_a_manager_is_whoever_somebody_reports_to(make_employee):
    boss = make_employee("Jonas Weber")
    mira = make_employee(line_manager=boss)

    assert boss.is_manager
    assert boss.is_manager_of(mira)
    assert not mira.is_manager
    assert not mira.is_manager_of(boss)


def test_nobody_is_manager_of_those_who_left(make_employee):
    boss = make_employee("Jonas Weber")
    make_employee(line_manager=boss, is_active=False)

    assert not boss.is_manager


def test_the_system_is_one_and_can_not_sign_in(client):
    system = system_user()

    assert system_user() == system
    assert Employee.objects.count() == 1
    assert not system.is_active
    assert not system.has_usable_password()
    assert system.jurisdiction.collection_default == "not_in_scope"


def test_people_are_found_by_any_form_of_their_address(make_employee):
    mira = make_employee(email="mira.okafor@example.com")

    assert Employee.objects.get_by_natural_key("\uff2dira.OKAFOR@Example.com") == mira
