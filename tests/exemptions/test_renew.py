"""Renewing: near the end, once, with no day between, and checked by reviewers anew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from exemptions.actions import conversation, decisions, submission
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import AlreadyRenewed, NothingToRenew, NotInRegister, TooManyRequests
from exemptions.models import ExemptionRequest, State, Verdict
from exemptions.queries import own, standings
from exemptions.sealed import message_text
from tests.conftest import NOON
from tests.exemption_fixtures import PROTECTED, denied, fresh, nothing_changes, told

pytestmark = pytest.mark.usefixtures("frozen_time")


def renew(request):
    return submission.renew_exemption(request=request, by=request.requester)


@pytest.fixture
def granted(make_request, decide_all):
    """Granted for 61 days, today the first of them."""
    return decide_all(make_request(text="Clients trust me."))


def test_renewal_asks_for_as_long_again(granted):
    renewal = renew(granted)

    first_day = granted.granted_ends_on + timedelta(days=1)
    assert renewal.asked.starts_on == first_day
    assert renewal.asked.ends_on == first_day + timedelta(days=60)
    assert (renewal.state, renewal.renews) == (State.IN_REVIEW, granted)
    assert message_text(renewal, own.statement_of(renewal)) == "Clients trust me."


def test_renewal_leaves_no_day_between(granted, laptop, frozen_time):
    end = granted.exemption.ends_at
    frozen_time.shift(timedelta(days=59))

    renew(granted)

    assert denied(laptop, end - timedelta(seconds=1)) == {"exemption"}
    assert denied(laptop, end) == {"protection"}


def test_question_makes_no_day_between(granted, organisation, laptop, frozen_time):
    renewal = renew(granted)
    conversation.ask_for_information(
        request=renewal, by=organisation.jonas, seen=renewal.version, text="Still?"
    )

    assert denied(laptop, granted.exemption.ends_at) == {"protection"}


def test_approved_renewal_follows_the_first(granted, decide_all, laptop, organisation, frozen_time):
    end = granted.exemption.ends_at
    renewal = decide_all(renew(granted))

    keep_time()
    frozen_time.shift(timedelta(days=55))
    keep_time()

    assert renewal.exemption.starts_at == end
    assert fresh(granted).exemption.ends_at == end
    assert denied(laptop, end) == {"exemption"}
    assert "exemption_expiring" not in told(organisation.mira)


def test_declined_renewal_leaves_what_there_was(granted, decide_all, laptop):
    end = granted.exemption.ends_at
    decide_all(renew(granted), Verdict.DECLINE)

    assert denied(laptop, end - timedelta(seconds=1)) == {"exemption"}
    assert denied(laptop, end) == set()


def test_renewal_after_the_end_is_not_protected_by_what_there_was(granted, frozen_time):
    frozen_time.shift(timedelta(days=90))

    renewal = renew(granted)

    step = own.open_step(renewal)
    assert renewal.asked.starts_on == NOON.date() + timedelta(days=90)
    assert renewal.protection.starts_at > step.due_at


def test_open_exemption_is_renewed_when_it_is_looked_at_again(
    make_request, decide_all, laptop, frozen_time
):
    granted = decide_all(make_request(days=None))
    frozen_time.shift(timedelta(days=150))

    renewal = decide_all(renew(granted))

    first_day = granted.granted_review_on + timedelta(days=1)
    assert (renewal.granted.starts_on, renewal.granted.ends_on) == (first_day, None)
    granted.exemption.refresh_from_db()
    assert granted.exemption.ends_at == renewal.exemption.starts_at


def test_renewal_is_sent_once(granted):
    renew(granted)

    with nothing_changes(), pytest.raises(AlreadyRenewed):
        renew(granted)


def test_nothing_is_renewed_long_before_its_end(make_request, decide_all):
    granted = decide_all(make_request(days=61))

    with nothing_changes(), pytest.raises(NothingToRenew):
        renew(granted)


def test_nothing_is_renewed_that_was_not_granted(make_request, decide_all):
    for request in (make_request(), decide_all(make_request(), Verdict.DECLINE)):
        with nothing_changes(), pytest.raises(NothingToRenew):
            renew(request)


def test_revoked_exemption_is_not_renewed(granted, organisation):
    decisions.revoke_exemption(
        request=granted, by=organisation.hr[0], seen=granted.version,
        last_day=decisions.earliest_last_day(granted, at=NOON), text="The work ended.",
    )  # fmt: skip

    with nothing_changes(), pytest.raises(NothingToRenew):
        renew(granted)


def test_renewal_is_about_what_the_register_has(granted):
    ExemptionRequest.objects.filter(pk=granted.pk).update(granted_applications=["left-long-ago"])

    with nothing_changes(), pytest.raises(NotInRegister):
        renew(granted)


def test_renewal_counts_among_those_that_may_be_open(granted, make_request):
    for _ in range(10):
        make_request()

    with nothing_changes(), pytest.raises(TooManyRequests):
        renew(granted)


def test_grounds_that_protect_do_so_from_the_renewals_first_day(make_request, decide_all, laptop):
    granted = decide_all(make_request(ground=PROTECTED))

    renewal = renew(granted)

    assert renewal.protected_scope
    assert renewal.protection.starts_at == granted.exemption.ends_at
    assert denied(laptop, granted.exemption.ends_at) == {"protection"}


@pytest.mark.parametrize("end", ["declined", "withdrawn", "approved", "in review"])
def test_says_renewed_of_nothing_that_was_refused(
    granted, decide_all, organisation, frozen_time, end
):
    renewal = renew(granted)
    if end == "withdrawn":
        submission.withdraw_request(request=renewal, by=organisation.mira)
    elif end != "in review":
        decide_all(renewal, Verdict.DECLINE if end == "declined" else Verdict.APPROVE)
    frozen_time.shift(timedelta(days=70))

    request = standings.request_for(organisation.mira, granted.pk)
    standing = standings.standing(request, at=timezone.now())

    is_renewed = end in ("approved", "in review")
    assert (standing.word == "Renewed") == is_renewed
    assert ("takes nothing away" in standing.effect) != is_renewed
