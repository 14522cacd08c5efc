"""What time does: reminders, escalation, protection by silence, and ends that are told once."""

from datetime import timedelta

import pytest

from exemptions.actions import decisions, timekeeping
from exemptions.actions.timekeeping import keep_time
from exemptions.errors import NotYourStep
from exemptions.models import Verdict
from exemptions.queries import own
from tests.conftest import NOON
from tests.exemption_fixtures import (
    ORDINARY,
    PROTECTED,
    denied,
    events_of,
    fresh,
    nothing_changes,
    told,
)

pytestmark = pytest.mark.usefixtures("frozen_time")
DUE = NOON.replace(hour=0) + timedelta(days=8)
SILENT = NOON.replace(hour=0) + timedelta(days=10)  # two business days of grace
A_SECOND = timedelta(seconds=1)


def approve(request, by):
    return decisions.decide(
        request=request, by=by, seen=fresh(request).version, verdict=Verdict.APPROVE
    )


def test_reminds_a_business_day_before_and_once(make_request, organisation, frozen_time):
    request = make_request()
    frozen_time.move_to(own.open_step(request).remind_at - A_SECOND)
    keep_time()
    assert "review_reminder" not in told(organisation.jonas)
    frozen_time.shift(A_SECOND)

    keep_time()
    keep_time()

    assert told(organisation.jonas).count("review_reminder") == 1
    assert events_of(request).count("step.reminded") == 1


def test_overdue_step_comes_to_the_fallback_as_well(make_request, organisation, frozen_time):
    request = make_request()
    frozen_time.move_to(DUE - A_SECOND)
    with nothing_changes(), pytest.raises(NotYourStep):
        approve(request, organisation.hr[0])
    frozen_time.shift(A_SECOND)

    keep_time()
    keep_time()

    assert own.open_step(request).escalated_at == DUE
    assert events_of(request).count("step.escalated") == 1
    assert told(organisation.hr[0]) == ["review_escalated"]
    assert told(organisation.legal[0]) == []
    approve(request, organisation.hr[0])


def test_manager_may_still_decide_once_overdue(make_request, organisation, frozen_time):
    request = make_request()
    frozen_time.move_to(DUE)
    keep_time()

    assert approve(request, organisation.jonas).on_behalf_of is None


def test_silence_protects_the_device_with_nothing_running(make_request, laptop):
    make_request(ground=ORDINARY)

    assert denied(laptop, SILENT - A_SECOND) == set()
    assert denied(laptop, SILENT) == {"protection"}


def test_silence_protects_the_next_step_anew(make_request, organisation, laptop, frozen_time):
    request = make_request(ground=ORDINARY)
    frozen_time.shift(timedelta(days=7))

    approve(request, organisation.jonas)

    later = fresh(request).protection.starts_at
    assert later > SILENT
    assert denied(laptop, SILENT) == set()
    assert denied(laptop, later) == {"protection"}


def test_protection_by_silence_lasts_until_the_decision(
    make_request, organisation, laptop, frozen_time
):
    request = make_request(ground=ORDINARY)
    frozen_time.move_to(SILENT + timedelta(days=1))

    approve(request, organisation.jonas)

    assert fresh(request).protection.starts_at == SILENT
    assert denied(laptop, SILENT + timedelta(days=1)) == {"protection"}
    decisions.decide(
        request=request, by=organisation.hr[0], seen=fresh(request).version,
        verdict=Verdict.DECLINE, code="ground_not_met", text="No.",
    )  # fmt: skip
    assert denied(laptop, SILENT + timedelta(days=1)) == set()


def test_protection_by_silence_covers_what_was_asked_for(make_request, laptop):
    request = make_request(kinds=frozenset({"keystrokes"}), first_day=40)

    [deny] = laptop.newest_document().deny
    assert deny.kinds == {"keystrokes"}
    assert deny.starts_at == NOON.replace(hour=0) + timedelta(days=40)
    assert deny.ends_at == request.protection.ends_at


def test_protection_by_silence_is_told_once(make_request, organisation, frozen_time):
    request = make_request(ground=ORDINARY)
    keep_time()
    assert "request_protected" not in told(organisation.mira)
    frozen_time.move_to(SILENT)

    keep_time()
    keep_time()

    assert told(organisation.mira).count("request_protected") == 1
    assert events_of(request).count("request.protected") == 1


def test_protection_by_grounds_is_no_news(make_request, organisation, frozen_time):
    make_request(ground=PROTECTED)
    frozen_time.move_to(SILENT)

    keep_time()

    assert "request_protected" not in told(organisation.mira)


def expiring(person):
    messages = person.notifications.filter(event="exemption_expiring").order_by("owed_at")
    return [message.context["days"] for message in messages]


def test_end_is_told_at_30_7_and_1_days_and_once_each(
    make_request, decide_all, organisation, frozen_time
):
    request = decide_all(make_request(days=60))

    for _ in range(61):
        keep_time()
        keep_time()
        assert "exemption.expired" not in events_of(request)
        frozen_time.shift(timedelta(days=1))
    keep_time()
    keep_time()

    assert expiring(organisation.mira) == [30, 7, 1]
    assert told(organisation.mira).count("exemption_expired") == 1
    assert events_of(request).count("exemption.expired") == 1
    assert not request.is_in_force(NOON + timedelta(days=61))


def test_review_of_an_open_exemption_is_told_and_ends_nothing(
    make_request, decide_all, organisation, frozen_time
):
    request = decide_all(make_request(days=None))

    for _ in range(190):
        keep_time()
        frozen_time.shift(timedelta(days=1))

    assert told(organisation.mira).count("exemption_review") == 4
    assert "exemption_expired" not in told(organisation.mira)
    assert request.is_in_force(NOON + timedelta(days=190))


def test_short_exemption_is_told_the_days_it_has(make_request, decide_all, organisation):
    decide_all(make_request(days=4))

    keep_time()

    assert expiring(organisation.mira) == [5]


def test_after_an_outage_only_the_last_is_told(make_request, decide_all, organisation, frozen_time):
    decide_all(make_request(days=60))
    frozen_time.shift(timedelta(days=200))

    keep_time()

    assert expiring(organisation.mira) == []
    assert told(organisation.mira).count("exemption_expired") == 1


def test_days_are_those_of_the_requester(
    make_request, make_employee, decide_all, organisation, frozen_time
):
    far = make_employee(
        "Aroha Ngata", time_zone="Pacific/Kiritimati", line_manager=organisation.jonas
    )
    request = decide_all(make_request(far, first_day=1))
    frozen_time.move_to(request.exemption.ends_at - A_SECOND)
    keep_time()
    assert expiring(far) == [1]

    frozen_time.shift(A_SECOND)
    keep_time()

    assert told(far).count("exemption_expired") == 1


def test_many_told_before_hold_up_nobody(
    make_request, decide_all, organisation, frozen_time, monkeypatch
):
    monkeypatch.setattr(timekeeping, "BATCH", 1)
    for _ in range(6):
        decide_all(make_request(days=20))

    for _ in range(6):
        keep_time()

    assert expiring(organisation.mira) == [21] * 6


def test_one_at_fault_holds_up_no_other(make_request, organisation, frozen_time, caplog):
    broken, sound = make_request(), make_request(organisation.noor)
    type(broken).objects.filter(pk=broken.pk).update(protection=None)
    type(broken.protection).objects.filter(pk=broken.protection.pk).delete()
    own.open_step(broken).delete()
    frozen_time.move_to(DUE)

    keep_time()

    assert own.open_step(sound).escalated_at == DUE
