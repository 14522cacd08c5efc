"""Revoking: by a team that decided, with notice and a reason."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consent_app.people.roles import Role
from exemptions.actions import decisions
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import (
    NoticeTooShort,
    NotYourStep,
    OwnRequest,
    PeriodOutOfRange,
    SomebodyWasFirst,
    TextMissing,
    WrongState,
)
from exemptions.models import MessageKind, State, Verdict
from exemptions.sealed import message_text
from tests.conftest import NOON
from tests.exemption_fixtures import (
    SENSITIVE,
    denied,
    events_of,
    fresh,
    give_role,
    nothing_changes,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")
# Five business days, with Thanksgiving, the day after and a weekend between.
EARLIEST = NOON.date() + timedelta(days=9)


def revoke(request, by, *, last_day=EARLIEST, text="The work ended.", seen=None):
    return decisions.revoke_exemption(
        request=request, by=by, last_day=last_day, text=text,
        seen=fresh(request).version if seen is None else seen,
    )  # fmt: skip


@pytest.fixture
def granted(make_request, decide_all):
    return decide_all(make_request())


def test_revoked_exemption_ends_after_the_notice(granted, organisation, laptop):
    revoke(granted, organisation.hr[1])

    request = fresh(granted)
    end = NOON.replace(hour=0) + timedelta(days=10)
    assert (request.state, request.granted_ends_on) == (State.REVOKED, EARLIEST)
    assert (request.revoked_at, request.exemption.ends_at) == (NOON, end)
    assert denied(laptop, end - timedelta(seconds=1)) == {"exemption"}
    assert denied(laptop, end) == set()
    assert events_of(request)[-1] == "exemption.revoked"
    assert "exemption_revoked" in told(organisation.mira)
    reason = request.messages.get(kind=MessageKind.REVOCATION)
    assert message_text(request, reason) == "The work ended."


def test_revoking_needs_notice(granted, organisation):
    with nothing_changes(), pytest.raises(NoticeTooShort):
        revoke(granted, organisation.hr[0], last_day=EARLIEST - timedelta(days=1))


def test_revoking_needs_a_reason(granted, organisation):
    with nothing_changes(), pytest.raises(TextMissing):
        revoke(granted, organisation.hr[0], text=" ")


@pytest.mark.parametrize("who", ["jonas", "noor", "owner", "legal"])
def test_only_a_team_that_had_a_step_revokes(granted, organisation, who):
    person = organisation.legal[0] if who == "legal" else getattr(organisation, who)

    with nothing_changes(), pytest.raises(NotYourStep):
        revoke(granted, person)


@pytest.mark.parametrize("is_also_of_the_team", [False, True])
def test_line_manager_never_revokes(
    make_request, decide_all, organisation, frozen_time, is_also_of_the_team
):
    request = make_request(days=200)
    frozen_time.shift(timedelta(days=8))
    keep_time()  # the manager's step is overdue, and others step in
    granted, jonas = decide_all(request), organisation.jonas
    if is_also_of_the_team:
        jonas = give_role(jonas, Role.HR_REVIEWER)

    with nothing_changes(), pytest.raises(NotYourStep):
        revoke(granted, jonas, last_day=NOON.date() + timedelta(days=60))


@pytest.mark.parametrize("far", [date(2999, 1, 1), date.max])
def test_last_day_is_not_far_away(make_request, decide_all, organisation, far):
    granted = decide_all(make_request(days=None))

    with nothing_changes(), pytest.raises(PeriodOutOfRange):
        revoke(granted, organisation.hr[0], last_day=far)


def test_nobody_revokes_their_own(make_request, organisation):
    dana, hugo = organisation.hr
    request = make_request(dana, ground=SENSITIVE)
    for person in (hugo, organisation.legal[0]):
        decisions.decide(
            request=request, by=person, seen=fresh(request).version, verdict=Verdict.APPROVE
        )

    with nothing_changes(), pytest.raises(OwnRequest):
        revoke(request, dana)


def test_what_ends_by_then_is_not_revoked(granted, organisation):
    with nothing_changes(), pytest.raises(WrongState, match="anyway"):
        revoke(granted, organisation.hr[0], last_day=granted.granted_ends_on)


def test_what_was_not_granted_is_not_revoked(make_request, decide_all, organisation):
    for request in (make_request(), decide_all(make_request(), Verdict.DECLINE)):
        with nothing_changes(), pytest.raises(WrongState):
            revoke(request, organisation.hr[0])


def test_revoked_exemption_is_not_revoked_again(granted, organisation):
    revoke(granted, organisation.hr[0])

    with nothing_changes(), pytest.raises(WrongState):
        revoke(granted, organisation.hr[0])
    with nothing_changes(), pytest.raises(SomebodyWasFirst, match="Dana Ortiz revoked"):
        revoke(granted, organisation.hr[1], seen=granted.version)


def test_exemption_revoked_before_its_first_day_never_begins(
    make_request, decide_all, organisation, laptop
):
    granted = decide_all(make_request(first_day=30))

    revoke(granted, organisation.hr[0])

    assert denied(laptop, granted.exemption.starts_at) == set()
    assert fresh(granted).granted.starts_on == EARLIEST


def test_revoked_part_keeps_its_first_day(make_request, organisation):
    request = make_request()
    later = replace(request.asked, starts_on=NOON.date() + timedelta(days=2))
    decisions.decide(
        request=request, by=organisation.jonas, seen=request.version,
        verdict=Verdict.APPROVE_IN_PART, text="From Wednesday on.", scope=later,
    )  # fmt: skip
    decisions.decide(
        request=request, by=organisation.hr[0], seen=fresh(request).version,
        verdict=Verdict.APPROVE,
    )  # fmt: skip

    revoke(request, organisation.hr[0])

    assert fresh(request).granted.starts_on == later.starts_on
