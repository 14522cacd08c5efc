"""Routes are data: written by the programme owner, approved by somebody else, kept by what runs."""

import re

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role
from exemptions.actions import routes as actions
from exemptions.actions.decisions import decide
from exemptions.actions.submission import submit_request
from exemptions.errors import (
    NotAllowed,
    ReasonMissing,
    RouteNotSound,
    SamePerson,
    SomebodyWasFirst,
    WrongState,
)
from exemptions.models import Route, RouteState, Verdict
from exemptions.queries import own
from exemptions.queries.routes import newest_route, routes_for
from exemptions.rules import StepPlan
from exemptions.words.route_versions import changes
from tests.exemption_fixtures import ORDINARY, SENSITIVE, fresh, give_role

HR_ALONE = StepPlan("hr_reviewer", people=1, target_days=4, grace_days=1, fallback="legal_reviewer")


@pytest.fixture
def write(grounds, organisation, frozen_time):
    """Write a draft of the ground's next version, a minute after what was before."""

    def write(ground=ORDINARY, *, by=None, steps=(HR_ALONE,), note="Managers need not read it."):
        frozen_time.shift(60)
        return actions.save_route(
            ground=grounds[ground],
            by=by or organisation.owner,
            steps=steps,
            protects_while_pending=True,
            appeal_reviewer="legal_reviewer",
            change_note=note,
            seen=newest_route(grounds[ground]).drafted_at,
        )

    return write


@pytest.fixture
def propose(write, organisation):
    def propose(ground=ORDINARY, **written):
        route = write(ground, **written)
        return actions.propose_route(route=route, by=organisation.owner, seen=route.drafted_at)

    return propose


@pytest.fixture
def approve(organisation):
    def approve(route, by=None):
        by = by or organisation.legal[0]
        return actions.approve_route(route=route, by=by, seen=route.drafted_at)

    return approve


def in_force(grounds, ground=ORDINARY):
    return own.route_in_force(grounds[ground])


# The life of a version


def test_a_version_takes_effect_when_legal_approves_it(propose, approve, grounds, organisation):
    first = in_force(grounds)

    approve(propose())

    second = in_force(grounds)
    assert (second.version, second.approved_by) == (2, organisation.legal[0])
    assert [step.reviewer for step in second.steps.all()] == ["hr_reviewer"]
    first.refresh_from_db()
    assert first.state == RouteState.RETIRED
    events = Leaf.objects.filter(subject=f"route:{second.pk}").order_by("index")
    assert list(events.values_list("event", flat=True)) == [
        "route.drafted", "route.proposed", "route.approved",
    ]  # fmt: skip


def test_a_request_that_runs_keeps_the_route_it_started_with(
    make_request, propose, approve, organisation, decide_all
):
    before = make_request()
    approve(propose())
    after = make_request(organisation.noor)

    decide(request=before, by=organisation.jonas, seen=before.version, verdict=Verdict.APPROVE)
    second = own.open_step(fresh(before))
    before = decide_all(before)
    after = decide_all(after)

    assert (second.reviewer, second.target_days) == ("hr_reviewer", 5)
    assert [step.reviewer for step in before.steps.all()] == ["manager", "hr_reviewer"]
    assert [step.reviewer for step in after.steps.all()] == ["hr_reviewer"]
    assert [before.route.version, after.route.version] == [1, 2]


def test_a_request_written_before_and_sent_after_takes_the_new_route(
    make_draft, propose, approve, organisation
):
    draft = make_draft()
    approve(propose())

    sent = submit_request(request=draft, by=organisation.mira)

    assert sent.route.version == 2
    assert sent.protection is not None


def test_what_comes_back_from_legal_is_changed_and_proposed_again(
    write, propose, approve, organisation
):
    route = propose()
    actions.return_route(
        route=route, by=organisation.legal[1], seen=route.drafted_at, note="Two days are too few."
    )

    again = write(note="Five days then.")

    assert (again.pk, again.state, again.review_note) == (
        route.pk, RouteState.DRAFT, "Two days are too few.",
    )  # fmt: skip
    actions.propose_route(route=again, by=organisation.owner, seen=again.drafted_at)
    assert approve(again).version == 2


def test_legal_is_told_of_a_proposal_and_the_writer_of_the_answer(propose, approve, organisation):
    approve(propose())

    told = Notification.objects.values_list("event", "recipient__name").order_by("event")
    assert set(told) == {
        ("route_decided", organisation.owner.name),
        *(("route_proposed", reviewer.name) for reviewer in organisation.legal),
    }


# Two people


def test_nobody_approves_or_returns_what_they_wrote(propose, approve, organisation, grounds):
    both = give_role(organisation.owner, Role.LEGAL_REVIEWER)
    route = propose(by=both)

    with pytest.raises(SamePerson):
        approve(route, by=both)
    with pytest.raises(SamePerson):
        actions.return_route(route=route, by=both, seen=route.drafted_at, note="Hm.")

    assert in_force(grounds).version == 1
    with pytest.raises(IntegrityError, match="route_two_people"), transaction.atomic():
        Route.objects.filter(pk=route.pk).update(approved_by=both)


@pytest.mark.parametrize("who", ["mira", "jonas", "auditor", "hr", "legal"])
def test_only_the_programme_owner_writes_and_proposes(write, organisation, grounds, who):
    person = getattr(organisation, who)
    person = person[0] if isinstance(person, list) else person
    draft = write()

    with pytest.raises(NotAllowed):
        write(by=person)
    with pytest.raises(NotAllowed):
        actions.propose_route(route=draft, by=person, seen=draft.drafted_at)

    assert Route.objects.get(pk=draft.pk).state == RouteState.DRAFT


@pytest.mark.parametrize("who", ["mira", "jonas", "auditor", "hr", "owner"])
def test_only_legal_approves_and_sends_back(propose, approve, organisation, grounds, who):
    person = getattr(organisation, who)
    person = person[0] if isinstance(person, list) else person
    route = propose()

    with pytest.raises(NotAllowed):
        approve(route, by=person)
    with pytest.raises(NotAllowed):
        actions.return_route(route=route, by=person, seen=route.drafted_at, note="No.")

    assert in_force(grounds).version == 1


# Coming second


def test_nobody_approves_what_was_written_anew_meanwhile(write, propose, approve, organisation):
    read = propose()
    actions.return_route(
        route=read, by=organisation.legal[1], seen=read.drafted_at, note="Change it."
    )
    again = write(note="Something else.")
    actions.propose_route(route=again, by=organisation.owner, seen=again.drafted_at)

    with pytest.raises(SomebodyWasFirst, match="Look again"):
        approve(read)

    assert Route.objects.get(pk=read.pk).state == RouteState.PROPOSED


def test_the_second_of_two_answers_is_told_how_it_stands(propose, approve, organisation):
    route = propose()
    approve(route)

    with pytest.raises(SomebodyWasFirst, match="It is in force since"):
        approve(route, by=organisation.legal[1])
    with pytest.raises(SomebodyWasFirst, match="It is in force since"):
        actions.return_route(
            route=route, by=organisation.legal[1], seen=route.drafted_at, note="Wait."
        )


def test_nobody_writes_over_a_draft_they_did_not_see(write, grounds, organisation):
    seen = newest_route(grounds[ORDINARY]).drafted_at
    write()

    with pytest.raises(SomebodyWasFirst, match=organisation.owner.name):
        actions.save_route(
            ground=grounds[ORDINARY], by=organisation.owner, steps=[HR_ALONE],
            protects_while_pending=False, appeal_reviewer="hr_reviewer", change_note="Mine.",
            seen=seen,
        )  # fmt: skip

    assert newest_route(grounds[ORDINARY]).change_note == "Managers need not read it."


def test_what_legal_has_can_not_be_changed(propose, write):
    propose()

    with pytest.raises(WrongState, match="Legal has this version"):
        write()


# What can't be a route


def test_the_line_manager_has_no_step_on_confidential_grounds(write, grounds):
    manager = StepPlan("manager", people=1, target_days=3, grace_days=2, fallback="")

    with pytest.raises(RouteNotSound, match="never reads"):
        write(SENSITIVE, steps=[manager])

    assert newest_route(grounds[SENSITIVE]).version == 1


def test_a_version_says_why(write):
    with pytest.raises(ReasonMissing):
        write(note="  ")


def test_the_database_keeps_what_was_approved(propose, approve):
    route = approve(propose())
    step = route.steps.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        step.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Route.objects.filter(pk=route.pk).update(protects_while_pending=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Route.objects.filter(pk=route.pk).update(state=RouteState.DRAFT)


def test_the_database_lets_no_later_version_in_force_without_approval(propose):
    route = propose()

    with pytest.raises(IntegrityError, match="route_approved_but_the_first"), transaction.atomic():
        Route.objects.filter(pk=route.pk).update(
            state=RouteState.IN_FORCE, in_force_since=timezone.now()
        )


# In words


def test_a_version_says_what_it_changes(write, grounds):
    route = write(steps=[HR_ALONE])

    found = {
        change.what: (change.before, change.after) for change in changes(in_force(grounds), route)
    }

    assert found == {
        "Step 1: who decides": ("the line manager", "HR"),
        "Step 1: time to decide": ("3 business days", "4 business days"),
        "Step 1: who steps in after that": ("HR", "Legal"),
        "Step 1: when silence protects": (
            "2 business days after that",
            "1 business day after that",
        ),
        "Step 2": (
            "HR within 5 business days, then Legal as well, protected 2 business days after that",
            "no such step",
        ),
        "While a request waits": (
            "Collection goes on while a request waits, until a deadline passes in silence.",
            "Nothing that a request is about is collected while it waits.",
        ),
        "Who hears an appeal": ("HR", "Legal"),
    }


def test_routes_are_read_in_few_queries(
    propose, approve, organisation, django_assert_max_num_queries
):
    approve(propose())
    propose(SENSITIVE)

    with django_assert_max_num_queries(4):
        shown = routes_for(organisation.auditor)

    assert len(shown) == 13
    assert all(
        re.match(r"(The line manager|HR|Legal|Two people)", words.in_force.steps[0])
        for words in shown
    )
