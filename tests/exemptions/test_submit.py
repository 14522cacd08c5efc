"""Sending a request: what has to be there, how many, what protects from then, by when it is due."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consent_app.people.models import Jurisdiction
from consent_app.register.queries import application_slugs
from exemptions import rules
from exemptions.actions import decisions, drafts, submission
from exemptions.actions.drafts import Covering
from exemptions.errors import (
    DraftNotComplete,
    GroundNotOffered,
    NotInRegister,
    PeriodOutOfRange,
    SameScopePending,
    SomebodyWasFirst,
    TooManyRequests,
    WrongState,
)
from exemptions.models import ExemptionRequest, Ground, RouteState, State, Verdict
from exemptions.queries import own
from exemptions.scope import Scope
from tests.conftest import NOON
from tests.exemption_fixtures import (
    ORDINARY,
    PROTECTED,
    SENSITIVE,
    denied,
    events_of,
    fresh,
    nothing_changes,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")


def submit(request):
    return submission.submit_request(request=request, by=request.requester)


def test_complete_draft_is_sent_on_its_route(make_draft, organisation):
    draft = make_draft()

    request = submit(draft)

    step = own.open_step(request)
    assert (request.state, request.submitted_at) == (State.IN_REVIEW, NOON)
    assert (step.position, step.reviewer, step.due_at) == (1, "manager", NOON.replace(hour=0) + (
        timedelta(days=8)  # three business days; Thanksgiving and a weekend lie between
    ))  # fmt: skip
    assert events_of(request) == ["request.submitted", "step.opened"]
    assert told(organisation.mira) == ["request_submitted"]
    assert told(organisation.jonas) == ["review_waiting"]
    assert told(organisation.noor) == []


def test_sent_request_is_not_sent_again(make_request):
    request = make_request()

    with nothing_changes(), pytest.raises(WrongState, match="Mira Okafor sent the request"):
        submit(request)


def test_draft_without_a_period_is_not_sent(grounds, organisation):
    draft = drafts.start_draft(employee=organisation.mira, ground=grounds[ORDINARY])
    drafts.write_statement(request=draft, text="I do not want it.")

    with nothing_changes(), pytest.raises(DraftNotComplete, match="from when to when"):
        submit(draft)


def test_draft_without_a_statement_is_not_sent(grounds, organisation):
    draft = drafts.start_draft(employee=organisation.mira, ground=grounds[ORDINARY])
    today = NOON.date()
    drafts.choose_period(request=draft, scope=Scope(None, None, today, ends_on=today))

    with nothing_changes(), pytest.raises(DraftNotComplete, match="your own words"):
        submit(draft)


def test_draft_whose_first_day_went_by_is_not_sent(make_draft, frozen_time):
    draft = make_draft()
    frozen_time.shift(timedelta(days=1))

    with nothing_changes(), pytest.raises(PeriodOutOfRange, match="in the past"):
        submit(draft)


def test_draft_about_what_left_the_register_is_not_sent(make_draft):
    draft = make_draft()
    ExemptionRequest.objects.filter(pk=draft.pk).update(applications=["left-long-ago"])

    with nothing_changes(), pytest.raises(NotInRegister):
        submit(draft)


def test_draft_on_grounds_that_are_no_longer_offered_is_not_sent(make_draft):
    draft = make_draft()
    Ground.objects.filter(pk=draft.ground_id).update(is_offered=False)

    with nothing_changes(), pytest.raises(GroundNotOffered):
        submit(draft)


def test_draft_without_a_route_in_force_is_not_sent(make_draft):
    draft = make_draft()
    draft.ground.routes.update(state=RouteState.RETIRED)

    with nothing_changes(), pytest.raises(GroundNotOffered):
        submit(draft)


def test_ten_requests_may_be_open_and_no_eleventh(make_request, make_draft):
    for _ in range(10):
        make_request()
    eleventh = make_draft()

    with nothing_changes(), pytest.raises(TooManyRequests):
        submit(eleventh)


def test_colleague_may_send_while_ten_are_open(make_request, organisation):
    for _ in range(10):
        make_request()

    assert make_request(organisation.noor).state == State.IN_REVIEW


def test_five_drafts_may_be_open_and_no_sixth(make_draft):
    for _ in range(5):
        make_draft()

    with nothing_changes(), pytest.raises(TooManyRequests):
        make_draft()


def test_nobody_sends_and_withdraws_without_end(make_request, make_draft, frozen_time):
    for _ in range(rules.MAX_SENT):
        submission.withdraw_request(request=(sent := make_request()), by=sent.requester)
    draft = make_draft()

    with nothing_changes(), pytest.raises(TooManyRequests):
        submit(draft)
    frozen_time.shift(timedelta(days=1))
    drafts.choose_period(request=draft, scope=replace(draft.asked, starts_on=draft.ends_on))
    submit(draft)


def test_same_scope_is_not_protected_twice(make_request, make_draft):
    first = make_request(ground=PROTECTED)
    again = make_draft(ground=SENSITIVE)

    with nothing_changes(), pytest.raises(SameScopePending):
        submit(again)
    submission.withdraw_request(request=first, by=first.requester)
    assert submit(again).protection is not None


def test_other_scope_is_protected_beside_it(make_request):
    slug = min(application_slugs())
    make_request(ground=PROTECTED)

    assert make_request(ground=PROTECTED, applications=frozenset({slug})).protected_scope


def test_same_scope_is_protected_for_each_person(make_request, organisation):
    make_request(ground=PROTECTED)

    assert make_request(organisation.noor, ground=PROTECTED).protected_scope


def test_declined_lately_protects_only_by_silence(make_request, decide_all):
    decide_all(make_request(ground=PROTECTED), Verdict.DECLINE)

    again = make_request(ground=PROTECTED)

    assert again.protected_scope == ""
    assert again.protection.starts_at > own.open_step(again).due_at


@pytest.mark.parametrize("verdict", [Verdict.DECLINE, Verdict.APPROVE_IN_PART])
@pytest.mark.parametrize("asked", [{"kinds": frozenset({"keystrokes"})}, {}])
def test_other_words_for_what_was_declined_do_not_protect(
    make_request, organisation, verdict, asked
):
    declined = make_request(ground=SENSITIVE)
    decide_by_two(declined, organisation, verdict)

    assert make_request(ground=SENSITIVE, **asked).protected_scope == ""


def test_withdrawing_again_and_again_does_not_protect_for_ever(make_request):
    protected = []
    for _ in range(4):
        request = make_request(ground=SENSITIVE)
        protected.append(request.protected_scope != "")
        submission.withdraw_request(request=request, by=request.requester)

    assert protected == [True, True, True, False]


def test_what_was_revoked_does_not_protect_again_at_once(make_request, decide_all, organisation):
    request = decide_all(make_request(ground=SENSITIVE, days=None))
    decisions.revoke_exemption(
        request=request, by=organisation.hr[0], seen=request.version, text="It is over.",
        last_day=decisions.earliest_last_day(request, at=request.decided_at),
    )  # fmt: skip

    assert make_request(ground=SENSITIVE).protected_scope == ""


def test_what_was_not_asked_for_before_protects(make_request, decide_all):
    one, other = sorted(application_slugs())[:2]
    decide_all(make_request(ground=PROTECTED, applications=frozenset({one})), Verdict.DECLINE)

    assert make_request(ground=PROTECTED, applications=frozenset({other})).protected_scope


def decide_by_two(request, organisation, verdict):
    """Let HR say `verdict`, then Legal approve what is left of it."""
    words = {"code": "ground_not_met"} if verdict == Verdict.DECLINE else {}
    less = replace(request.asked, applications=frozenset({min(application_slugs())}))
    decisions.decide(
        request=request, by=organisation.hr[0], seen=request.version, verdict=verdict,
        text="Not all of it.", scope=less, **words,
    )  # fmt: skip
    if verdict == Verdict.APPROVE_IN_PART:
        decisions.decide(
            request=request, by=organisation.legal[0], seen=fresh(request).version,
            verdict=Verdict.APPROVE,
        )  # fmt: skip


def test_declined_long_ago_protects_again(make_request, decide_all, frozen_time):
    decide_all(make_request(ground=PROTECTED), Verdict.DECLINE)
    frozen_time.shift(timedelta(days=90))

    assert make_request(ground=PROTECTED).protected_scope


def test_appeal_does_not_make_the_same_protected_twice(make_request, decide_all, organisation):
    declined = decide_all(make_request(ground=PROTECTED), Verdict.DECLINE)
    submission.appeal(request=declined, by=organisation.mira, text="Look again.")

    assert make_request(ground=PROTECTED).protected_scope == ""


def test_protection_begins_on_the_first_day_asked_for(make_request, laptop):
    request = make_request(ground=PROTECTED, first_day=3)

    first_day = NOON.replace(hour=0) + timedelta(days=3)
    assert request.protection.starts_at == first_day
    assert denied(laptop, first_day - timedelta(seconds=1)) == set()
    assert denied(laptop, first_day) == {"protection"}


def test_protected_device_collects_nothing_from_submission(make_request, laptop):
    make_request(ground=PROTECTED)

    assert laptop.newest().state == "protected"
    assert denied(laptop, NOON) == {"protection"}


def test_legal_deadline_counts_calendar_days_of_the_place(make_request, organisation):
    Jurisdiction.objects.filter(code="US-CA").update(response_deadline_days=45)

    request = make_request()

    assert request.legal_due_on == date(2027, 1, 7)


def test_place_without_a_legal_deadline_has_none(make_request):
    assert make_request().legal_due_on is None


def test_route_that_changes_later_leaves_a_running_request_alone(make_request):
    request = make_request()
    route = request.route
    route.state = RouteState.RETIRED
    route.save()

    assert fresh(request).route == route


def test_discarded_draft_can_not_be_sent(make_draft):
    draft = make_draft()
    drafts.discard_draft(request=draft)

    with pytest.raises(SomebodyWasFirst, match="discarded"):
        submit(draft)


def test_file_with_an_unreadable_name_gets_a_plain_one(make_draft):
    draft = make_draft()
    drafts.attach_file(request=draft, name="\x00\n", content=b"words")

    [kept] = own.attachments_of(draft)
    assert kept.extension == "txt"


def test_scope_keeps_what_was_chosen(make_draft):
    slug = min(application_slugs())
    draft = make_draft()
    drafts.choose_covering(
        request=draft, covering=Covering(frozenset({slug}), frozenset({"keystrokes"}))
    )

    assert submit(fresh(draft)).asked == Scope(
        frozenset({slug}),
        frozenset({"keystrokes"}),
        NOON.date(),
        ends_on=NOON.date() + timedelta(days=60),
    )
