"""The demo's requests: in all states, something for each of the cast, a past that goes forwards."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.audit.verification import verify_log
from consent_app.ledger.queries.own import every_count, reporters_of
from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from exemptions.deadlines import add_business_days, end_of_day, local_day
from exemptions.models import ExemptionRequest, Message, State
from exemptions.queries.own import requests_of
from exemptions.queries.reviewing import queue_of, reviewing_as
from portal.demo.clock import demo_clock
from portal.demo_data import CAST, PASSWORD

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW_YEAR_WEEKEND = datetime(2027, 1, 3, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module", params=[MONDAY, NEW_YEAR_WEEKEND], ids=lambda at: f"{at:%Y-%m-%d}")
def now(request, django_db_setup, django_db_blocker, tmp_path_factory):
    """Seed once for all tests here, at a moment that stays; undo it after the last."""
    keys = tmp_path_factory.mktemp("keys")
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        override_settings(DEMO=True, KEYS_DIR=keys),
        time_machine.travel(request.param, tick=False),
    ):
        call_command("seed_demo", verbosity=0)
        yield request.param
        transaction.set_rollback(True)


def person(name: str) -> Employee:
    return Employee.objects.get(name=name)


def queue(name: str, now: datetime) -> list:
    return list(queue_of(reviewing_as(person(name), at=now)))


def test_forty_requests_are_in_all_states(now):
    requests = ExemptionRequest.objects.all()

    assert requests.count() == 40
    assert {request.state for request in requests} == set(State.values)


def test_the_log_goes_forwards_and_is_intact(now):
    times = list(Leaf.objects.order_by("index").values_list("at", flat=True))

    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] > now - timedelta(days=65)
    assert times[-1] < now
    assert verify_log([]).is_intact


def test_mira_has_one_of_each(now):
    mira = person("Mira Okafor")

    requests = list(requests_of(mira))

    assert Counter(request.state for request in requests) == {
        State.DRAFT: 1,
        State.IN_REVIEW: 1,
        State.INFORMATION_REQUESTED: 1,
        State.APPROVED: 3,
        State.PARTLY_APPROVED: 1,
        State.DECLINED: 1,
        State.WITHDRAWN: 1,
    }
    today = local_day(now, time_zone=mira.time_zone)
    approved = [request for request in requests if request.state == State.APPROVED]
    assert {(request.granted_ends_on, request.is_in_force(now)) for request in approved} == {
        (None, True),
        (today + timedelta(days=6), True),
        (today - timedelta(days=9), False),
    }


def test_jonas_has_one_due_one_overdue_and_one_answered(now):
    steps = queue("Jonas Lindqvist", now)

    overdue = [step for step in steps if step.escalated_at]
    assert [step.request.requester.name for step in overdue] == ["Lucía Fernández"]
    assert overdue[0].request.protection.starts_at < now
    place = person("Jonas Lindqvist").jurisdiction_id
    today = local_day(now, time_zone="America/Los_Angeles")
    next_end = end_of_day(
        add_business_days(today, 0, jurisdiction=place), time_zone="America/Los_Angeles"
    )
    assert [step.due_at for step in steps].count(next_end) == 1
    assert Message.objects.filter(request__steps__in=steps, kind="answer").count() == 1


def test_jonas_has_no_confidential_one(now):
    steps = queue("Jonas Lindqvist", now)

    assert len(steps) == 4
    assert not any(step.request.is_sensitive for step in steps)


def test_hr_and_legal_have_twenty_open_requests_and_confidential_ones(now):
    steps = queue("Dana Ortiz", now) + queue("Priya Raman", now)

    assert len({step.request_id for step in steps}) >= 20
    assert sum(step.request.is_sensitive for step in steps) >= 10
    assert any(step.request.decisions.exists() for step in steps)


def test_it_has_requests(now):
    assert len(queue("Samuel Adeyemi", now)) == 3


def test_nobody_is_mailed_today_about_what_happened_then(now):
    assert Notification.objects.exists()
    assert not Notification.objects.unsent().exists()
    assert Notification.objects.unread().exists()


def test_the_cast_has_the_known_password_and_nobody_else_has_one(now):
    with_password = [person for person in Employee.objects.all() if person.has_usable_password()]

    assert {person.email for person in with_password} == {part.email for part in CAST}
    assert with_password[0].check_password(PASSWORD)


def test_seeding_again_changes_nothing(now):
    before = Leaf.objects.count(), passwords(), versions()

    call_command("seed_demo", verbosity=0)

    assert (Leaf.objects.count(), passwords(), versions()) == before


def passwords() -> set[str]:
    return set(Employee.objects.values_list("password", flat=True))


def versions() -> set[tuple]:
    return set(ExemptionRequest.objects.values_list("pk", "version", "state"))


def test_the_real_clock_is_back(now):
    assert timezone.now() == now


def test_a_clock_of_the_past_is_refused_outside_the_demo(settings):
    settings.DEMO = False

    with pytest.raises(RuntimeError), demo_clock(MONDAY):
        pass


def test_the_clock_never_goes_back(settings):
    settings.DEMO = True

    with demo_clock(MONDAY) as clock, pytest.raises(ValueError, match="past"):
        clock.move_to(MONDAY - timedelta(seconds=1))

    assert abs(timezone.now() - datetime.now(UTC)) < timedelta(seconds=5)


# Counts of the laptop before


def test_the_laptop_before_has_six_weeks_of_counts_and_is_removed(now):
    [reporter] = reporters_of(person("Mira Okafor"))
    counts = list(every_count([reporter]))

    assert reporter.device.hostname == "LAPTOP-0"
    assert reporter.device.revoked_at < now
    assert len({row.hour.date() for row in counts}) >= 25
    assert {row.outcome for row in counts} == {"allowed", "pause", "safeguard"}
    assert min(row.hour for row in counts) > now - timedelta(days=43)
