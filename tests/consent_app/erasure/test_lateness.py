"""Who is told of what is late, and how often."""

import pytest
from django.core.exceptions import PermissionDenied

from consent_app.audit.models import Leaf
from consent_app.erasure.actions import keep_time
from consent_app.erasure.queries import stores_for
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role
from tests.exemption_fixtures import give_role

pytestmark = pytest.mark.usefixtures("frozen_time")
DAY = 86_400


@pytest.fixture
def mira(make_employee):
    return make_employee()


@pytest.fixture
def staff(make_employee):
    return {role: give_role(make_employee(role.label), role) for role in Role}


@pytest.fixture
def archive(make_store):
    return make_store("Archive")


def told(event):
    return [row.recipient for row in Notification.objects.filter(event=event)]


def test_a_store_is_late_after_three_days(mira, staff, archive, order, frozen_time):
    order(mira)
    frozen_time.shift(3 * DAY - 1)
    keep_time()
    assert told("store_overdue") == []

    frozen_time.shift(1)
    keep_time()

    assert set(told("store_overdue")) == {
        staff[Role.PROGRAMME_OWNER],
        staff[Role.LEGAL_REVIEWER],
    }
    assert told("erasure_overdue") == [mira]
    assert Leaf.objects.get(event="erasure.escalated").person == mira.pseudonym


def test_staff_are_told_once_a_day_and_the_owner_once(mira, staff, archive, order, frozen_time):
    order(mira)
    frozen_time.shift(3 * DAY)
    for _ in range(2 * 24):
        keep_time()
        frozen_time.shift(3_600)

    assert len(told("store_overdue")) == 2 * 2
    assert told("erasure_overdue") == [mira]


def test_staff_learn_the_store_and_nothing_of_whose_order(mira, staff, archive, order, frozen_time):
    made = order(mira)
    frozen_time.shift(3 * DAY)
    keep_time()

    contexts = [row.context for row in Notification.objects.filter(event="store_overdue")]
    assert contexts == [{"store": "Archive"}] * 2
    leaf = Leaf.objects.get(event="data_store.escalated")
    assert leaf.person is None
    assert str(made.pk) not in leaf.subject


def test_what_was_confirmed_is_not_late(mira, staff, archive, order, confirm, frozen_time):
    confirm(archive, order(mira))
    frozen_time.shift(3 * DAY)

    keep_time()

    assert told("store_overdue") == told("erasure_overdue") == []


# The list for those who answer for stores


def test_small_numbers_are_not_given(mira, make_employee, staff, archive, order, frozen_time):
    for _ in range(12):
        order(mira)
        frozen_time.shift(60)
    (view,) = stores_for(staff[Role.PROGRAMME_OWNER])
    assert (view.open, view.overdue) == ("fewer than 10", "none")

    for _ in range(9):
        order(make_employee())
    frozen_time.shift(3 * DAY)

    (view,) = stores_for(staff[Role.PROGRAMME_OWNER])
    assert (view.open, view.overdue) == ("21", "21")
    assert view.has_overdue


def test_only_those_who_answer_for_stores_see_them(mira, staff, archive):
    may = {Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR, Role.IT_ADMINISTRATOR}

    for role, person in staff.items():
        if role in may:
            assert stores_for(person)
        else:
            with pytest.raises(PermissionDenied):
                stores_for(person)
    with pytest.raises(PermissionDenied):
        stores_for(mira)
