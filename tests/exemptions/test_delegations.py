"""Being away: for how long, who is named, and what it means as long as it lasts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from consent_app.audit.models import Leaf
from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from exemptions.actions import decisions, delegations, timekeeping
from exemptions.deadlines import end_of_day
from exemptions.errors import (
    DelegateNotAble,
    DelegationInPast,
    DelegationOutOfRange,
    DelegationOverlaps,
    NotAllowed,
    NotYourStep,
    ReasonMissing,
    TextTooLong,
)
from exemptions.models import Delegation, Verdict
from exemptions.queries import own, reviewing
from exemptions.rules import LONGEST_DELEGATION
from tests.conftest import NOON
from tests.exemption_fixtures import SENSITIVE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

TODAY = NOON.date()
DAY = timedelta(days=1)


@pytest.fixture
def deputy(make_employee):
    return make_employee("Ana Duarte")


@pytest.fixture
def away(organisation):
    """Begin a delegation of Jonas on whole days of his; the first and the last count from today."""

    def away(delegate=None, *, first=0, last=6, person=None, by=None, reason="Leave"):
        person = person or organisation.jonas
        return delegations.start_delegation(
            person=person,
            by=by or person,
            delegate=delegate,
            starts_at=end_of_day(TODAY + (first - 1) * DAY, time_zone=person.time_zone),
            ends_at=end_of_day(TODAY + last * DAY, time_zone=person.time_zone),
            reason=reason,
        )

    return away


def approve(request, by):
    return decisions.decide(
        request=request, by=by, seen=fresh(request).version, verdict=Verdict.APPROVE
    )


def can_open(person, request, at=NOON):
    try:
        return bool(reviewing.case_for(reviewing.reviewing_as(person, at=at), request.pk))
    except Http404:
        return False


# When


def test_today_begins_now_and_the_last_day_lasts_to_its_end(away, deputy):
    delegation = away(deputy, last=1)

    assert delegation.starts_at == NOON
    assert delegation.ends_at == datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now"),
    [
        # Still the 23rd there, already the 24th in UTC; and the other way round.
        ("America/Los_Angeles", datetime(2026, 11, 24, 4, tzinfo=UTC)),
        ("Pacific/Auckland", datetime(2026, 11, 22, 20, tzinfo=UTC)),
    ],
)
def test_today_is_a_day_of_the_person(away, make_employee, frozen_time, zone, now):
    person = make_employee("Ada Boss", time_zone=zone)
    frozen_time.move_to(now)

    delegation = away(person=person, last=0)

    assert (delegation.starts_at, delegation.ends_at) == (now, end_of_day(TODAY, time_zone=zone))
    with pytest.raises(DelegationInPast):
        away(person=person, first=-1, last=5)


def test_the_longest_lasts_so_many_days_also_where_the_clock_changes(away, make_employee):
    person = make_employee("Ada Boss", time_zone="America/Los_Angeles")

    with pytest.raises(DelegationOutOfRange):
        away(person=person, first=100, last=100 + LONGEST_DELEGATION)

    # Over the end of daylight saving time, with an hour more than so many times 24.
    delegation = away(person=person, first=330, last=329 + LONGEST_DELEGATION)
    lasts = delegation.ends_at - delegation.starts_at
    assert lasts == timedelta(days=LONGEST_DELEGATION, hours=1)


@pytest.mark.parametrize(("first", "last"), [(3, 2), (0, -1), (400, 401)])
def test_days_that_make_no_period_are_refused(away, first, last):
    with pytest.raises(DelegationOutOfRange):
        away(first=first, last=last)

    assert not Delegation.objects.exists()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (3, 3), (6, 9), (0, 20)])
def test_nobody_is_away_twice_at_once(away, deputy, first, last):
    away(deputy)

    with pytest.raises(DelegationOverlaps):
        away(first=first, last=last)

    assert Delegation.objects.count() == 1


def test_the_next_begins_when_the_last_one_ends(away, deputy):
    away(deputy)

    assert away(first=7, last=8).delegate is None


def test_one_that_never_began_leaves_room(away, deputy, organisation):
    planned = away(deputy, first=5, last=9)
    delegations.end_delegation(delegation=planned, by=organisation.jonas)

    assert away(deputy, first=2, last=8).reason == "Leave"


def test_the_database_lets_nobody_be_away_twice(away, organisation):
    away()

    with pytest.raises(IntegrityError, match="delegation_one_at_a_time"), transaction.atomic():
        Delegation.objects.create(
            person=organisation.jonas, starts_at=NOON + DAY, ends_at=NOON + 2 * DAY,
            reason="Leave", made_at=NOON,
        )  # fmt: skip


# Who, and why


def test_a_delegate_is_somebody_else_who_works_here_and_is_there(away, deputy, organisation):
    away(person=deputy, first=3, last=4)
    gone = organisation.it[0]
    Employee.objects.filter(pk=gone.pk).update(is_active=False)

    for unable in (deputy, gone, organisation.jonas):
        with pytest.raises(DelegateNotAble):
            away(unable)

    assert away(deputy, last=2).delegate == deputy


def test_everybody_speaks_for_themselves(away, deputy, organisation):
    with pytest.raises(NotAllowed):
        away(deputy, by=deputy)
    delegation = away(deputy)
    with pytest.raises(NotAllowed):
        delegations.end_delegation(delegation=delegation, by=deputy)

    assert Delegation.objects.get().ends_at == delegation.ends_at


def test_a_reason_is_one_line_of_some_words(away):
    with pytest.raises(ReasonMissing):
        away(reason=" \n ")
    with pytest.raises(TextTooLong):
        away(reason="x" * 201)

    assert away(reason=" Parental\r\nleave ").reason == "Parental leave"


def test_the_log_has_it_and_the_delegate_is_told_the_days(away, deputy, organisation):
    delegation = away(deputy, first=1, last=2)
    delegations.end_delegation(delegation=delegation, by=organisation.jonas)

    leaves = Leaf.objects.filter(subject=f"delegation:{delegation.pk}").order_by("index")
    assert [leaf.event for leaf in leaves] == ["delegation.started", "delegation.ended"]
    assert Notification.objects.get(recipient=deputy).context == {
        "from_name": "Jonas Lindqvist", "starts_on": "2026-11-24", "ends_on": "2026-11-25",
    }  # fmt: skip


def test_ending_twice_changes_nothing(away, organisation, frozen_time):
    delegation = away()
    ended = delegations.end_delegation(delegation=delegation, by=organisation.jonas)
    frozen_time.shift(60)

    delegations.end_delegation(delegation=delegation, by=organisation.jonas)

    assert Delegation.objects.get().ends_at == ended.ends_at == NOON
    assert Leaf.objects.filter(event="delegation.ended").count() == 1


# What it means


def test_both_may_decide_and_one_does(away, deputy, make_request, organisation):
    first, second = make_request(), make_request(organisation.noor)
    away(deputy)

    in_place, own_word = approve(first, deputy), approve(second, organisation.jonas)

    assert (in_place.by, in_place.on_behalf_of) == (deputy, organisation.jonas)
    assert own_word.on_behalf_of is None


def test_a_delegate_decides_in_the_managers_place_also_when_it_is_overdue(
    away, deputy, make_request, frozen_time
):
    away(deputy, last=20)
    request = make_request()
    frozen_time.shift(12 * DAY)
    timekeeping.keep_time()

    decision = approve(request, deputy)

    assert fresh(request).steps.first().escalated_at is not None
    assert decision.on_behalf_of == request.requester.line_manager


def test_who_steps_in_takes_nobodys_place(away, deputy, make_request, organisation):
    away()
    request = make_request()

    assert approve(request, organisation.hr[0]).on_behalf_of is None


def test_access_ends_with_the_delegation(away, deputy, make_request, organisation):
    delegation = away(deputy)
    request = make_request()
    before = can_open(deputy, request)

    delegations.end_delegation(delegation=delegation, by=organisation.jonas)

    assert (before, can_open(deputy, request)) == (True, False)
    with pytest.raises(NotYourStep):
        approve(request, deputy)


def test_access_begins_with_the_delegation(away, deputy, make_request):
    away(deputy, first=2)
    request = make_request()

    assert not can_open(deputy, request)
    assert can_open(deputy, request, at=NOON + 2 * DAY)


def test_confidential_requests_stay_closed_to_a_delegate(away, deputy, make_request, organisation):
    away(deputy)
    away(deputy, person=organisation.hr[0])
    request = make_request(ground=SENSITIVE)

    assert not can_open(deputy, request)


def test_a_delegate_does_not_hand_it_on(away, deputy, make_request, make_employee):
    third = make_employee("Third Person")
    away(deputy)
    away(third, person=deputy)
    request = make_request()

    assert own.open_step(request).escalated_at == NOON
    assert not can_open(third, request)


@pytest.mark.parametrize("why", ["the delegate left", "the delegate is away", "nobody was named"])
def test_a_step_that_nobody_is_there_for_goes_on_to_who_steps_in(
    away, deputy, make_request, organisation, why
):
    request = make_request()
    away(None if why == "nobody was named" else deputy)
    if why == "the delegate left":
        Employee.objects.filter(pk=deputy.pk).update(is_active=False)
    if why == "the delegate is away":
        away(person=deputy)

    timekeeping.keep_time()

    assert own.open_step(request).escalated_at == NOON
    assert can_open(organisation.hr[0], request)
    told = Notification.objects.filter(event="review_waiting", recipient=organisation.hr[0])
    assert told.count() == 1


def test_a_step_whose_delegate_is_there_waits_for_them(away, deputy, make_request):
    request = make_request()
    away(deputy)

    timekeeping.keep_time()

    assert own.open_step(request).escalated_at is None


def test_a_delegate_who_left_opens_nothing(away, deputy, make_request):
    away(deputy)
    request = make_request()
    Employee.objects.filter(pk=deputy.pk).update(is_active=False)

    assert not can_open(Employee.objects.get(pk=deputy.pk), request)
