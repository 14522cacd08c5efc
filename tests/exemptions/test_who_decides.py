"""Managers who change, leave, are away or have another role; reviewers who left or are given it."""

from datetime import timedelta

import pytest
from django.http import Http404

from consent_app.people.models import Employee
from consent_app.people.roles import Role
from exemptions.actions import decisions, delegations, steps
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import AssigneeNotAble, DecidedAlready, NotYourStep
from exemptions.models import State, Verdict
from exemptions.queries import own, reviewing
from exemptions.queries.history import history_of
from tests.conftest import NOON
from tests.exemption_fixtures import (
    ORDINARY,
    PROTECTED,
    SENSITIVE,
    events_of,
    fresh,
    give_role,
    nothing_changes,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")


def approve(request, by):
    return decisions.decide(
        request=request, by=by, seen=fresh(request).version, verdict=Verdict.APPROVE
    )


def queue(person):
    steps_now = reviewing.queue_of(reviewing.reviewing_as(person, at=NOON))
    return list(steps_now.values_list("request", flat=True))


def away(person, delegate=None, *, starts_in=timedelta(0)):
    return delegations.start_delegation(
        person=person, by=person, delegate=delegate, starts_at=NOON + starts_in,
        ends_at=NOON + starts_in + timedelta(days=20), reason="Holiday.",
    )  # fmt: skip


def test_new_manager_decides_and_the_former_does_not(make_request, make_employee, organisation):
    request = make_request()
    successor = make_employee("Ana Duarte")
    Employee.objects.filter(pk=organisation.mira.pk).update(line_manager=successor)

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, organisation.jonas)
    assert approve(request, successor).on_behalf_of is None
    assert queue(organisation.jonas) == []


def test_without_a_manager_the_fallback_decides_at_once(make_request, make_employee, organisation):
    alone = make_employee("Ada Solo")

    request = make_request(alone)

    assert own.open_step(request).escalated_at == NOON
    assert told(organisation.hr[0]) == ["review_waiting"]
    approve(request, organisation.hr[0])
    assert own.open_step(request).position == 2
    said = [entry.sentence for entry in history_of(request, for_requester=True)]
    assert "The portal asked others to step in, because no line manager is there." in said


def test_manager_who_left_is_passed_over(make_request, organisation):
    request = make_request()
    Employee.objects.filter(pk=organisation.jonas.pk).update(is_active=False)

    keep_time()
    keep_time()

    assert own.open_step(request).escalated_at == NOON
    assert events_of(request).count("step.escalated") == 1
    assert told(organisation.hr[0]) == ["review_waiting"]


def test_who_left_decides_nothing(make_request, organisation):
    request = make_request()
    Employee.objects.filter(pk=organisation.jonas.pk).update(is_active=False)

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, Employee.objects.get(pk=organisation.jonas.pk))


def test_manager_who_is_away_is_passed_over_at_once(make_request, organisation):
    away(organisation.jonas)

    assert own.open_step(make_request()).escalated_at == NOON


def test_manager_who_goes_away_is_passed_over_then(make_request, organisation):
    request = make_request()
    away(organisation.jonas)

    keep_time()

    assert own.open_step(request).escalated_at == NOON
    assert told(organisation.hr[1]) == ["review_waiting"]


@pytest.mark.parametrize("is_sent_before", [True, False])
def test_who_stands_in_and_is_away_too_is_passed_over(
    make_request, make_employee, organisation, is_sent_before
):
    deputy = make_employee("Ana Duarte")
    request = make_request() if is_sent_before else None
    away(organisation.jonas, deputy)
    away(deputy)
    request = request or make_request()

    keep_time()

    assert own.open_step(request).escalated_at == NOON


def test_whoever_stands_in_decides_in_the_managers_place(make_request, make_employee, organisation):
    deputy = make_employee("Ana Duarte")
    away(organisation.jonas, deputy)
    request = make_request()

    decision = approve(request, deputy)

    assert own.open_step(request).escalated_at is None
    assert (decision.by, decision.on_behalf_of) == (deputy, organisation.jonas)
    assert told(deputy) == ["delegation_received", "review_waiting"]


def test_requester_does_not_stand_in_on_their_own(make_request, organisation):
    away(organisation.jonas, organisation.mira)

    request = make_request()

    assert own.open_step(request).escalated_at == NOON
    assert queue(organisation.mira) == []


def test_standing_in_ends_by_its_date(make_request, make_employee, organisation, frozen_time):
    deputy = make_employee("Ana Duarte")
    away(organisation.jonas, deputy)
    request = make_request()
    frozen_time.shift(timedelta(days=20))

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, deputy)


def test_standing_in_for_a_team_needs_the_role(make_request, make_employee, organisation):
    deputy = make_employee("Ana Duarte")
    away(organisation.hr[0], deputy)
    request = make_request(ground=SENSITIVE)

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, deputy)


def test_manager_with_a_role_does_not_decide_twice(make_request, organisation):
    jonas = give_role(organisation.jonas, Role.HR_REVIEWER)
    request = make_request(ground=ORDINARY)
    approve(request, jonas)

    with nothing_changes(), pytest.raises(DecidedAlready):
        approve(request, jonas)
    assert queue(jonas) == []
    approve(request, organisation.hr[0])
    assert fresh(request).state == State.APPROVED


def test_manager_with_a_role_never_sees_a_confidential_request(make_request, organisation):
    jonas = give_role(organisation.jonas, Role.HR_REVIEWER)
    request = make_request(ground=SENSITIVE)

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, jonas)
    assert queue(jonas) == []
    with pytest.raises(Http404):
        reviewing.case_for(reviewing.reviewing_as(jonas, at=NOON), request.pk)
    assert queue(organisation.hr[0]) == [request.pk]


def test_confidential_request_of_somebody_without_a_manager(
    make_request, make_employee, organisation
):
    request = make_request(make_employee("Ada Solo"), ground=SENSITIVE)

    assert queue(organisation.hr[0]) == [request.pk]


def test_reviewer_on_a_later_step_sees_nothing_before(make_request, organisation):
    request = make_request(ground=SENSITIVE)

    assert queue(organisation.legal[0]) == []
    with pytest.raises(Http404):
        reviewing.case_for(reviewing.reviewing_as(organisation.legal[0], at=NOON), request.pk)


def test_role_that_was_taken_away_decides_nothing(make_request, organisation):
    request = make_request(ground=SENSITIVE)
    dana = organisation.hr[0]
    dana.groups.clear()

    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, Employee.objects.get(pk=dana.pk))


def test_step_of_a_reviewer_who_left_goes_back_to_the_team(make_request, organisation):
    request = make_request(ground=SENSITIVE)
    dana, hugo = organisation.hr
    steps.assign_step(request=request, by=hugo, to=dana)
    Employee.objects.filter(pk=dana.pk).update(is_active=False)

    keep_time()

    assert own.open_step(request).assignee is None
    assert events_of(request)[-1] == "step.released"
    assert approve(request, hugo).on_behalf_of is None


def test_teammate_decides_in_the_assignees_place(make_request, organisation):
    request = make_request(ground=SENSITIVE)
    dana, hugo = organisation.hr
    steps.assign_step(request=request, by=hugo, to=dana)

    assert approve(request, hugo).on_behalf_of == dana
    assert told(dana) == ["review_waiting"]


def test_step_is_given_to_nobody_who_can_not_decide(make_request, organisation):
    request = make_request(ground=SENSITIVE)
    dana = organisation.hr[0]

    for person in (organisation.legal[0], organisation.jonas, organisation.mira):
        with nothing_changes(), pytest.raises(AssigneeNotAble):
            steps.assign_step(request=request, by=dana, to=person)


def test_step_of_a_manager_is_given_to_nobody(make_request, organisation):
    request = make_request(ground=PROTECTED)

    for person in (organisation.jonas, organisation.hr[0], organisation.mira):
        with nothing_changes(), pytest.raises(NotYourStep):
            steps.assign_step(request=request, by=person, to=person)


def test_managers_of_each_other_decide_for_each_other(make_request, organisation):
    Employee.objects.filter(pk=organisation.jonas.pk).update(line_manager=organisation.mira)
    jonas = Employee.objects.get(pk=organisation.jonas.pk)

    approve(make_request(), jonas)
    approve(make_request(jonas), organisation.mira)
