"""The morning's digest: once, at eight where the reviewer works, and only if something waits."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from exemptions.actions import conversation
from exemptions.actions.decisions import decide
from exemptions.actions.delegations import start_delegation
from exemptions.actions.digest import send_digests
from exemptions.actions.timekeeping import keep_time
from exemptions.models import Verdict
from exemptions.queries.workload import Morning, Waiting, waiting_for, waiting_this_morning
from tests.exemption_fixtures import (
    BATTERY,
    PROTECTED,
    SENSITIVE,
    TWO_PEOPLE,
    fresh,
    give_role,
)

TUESDAY = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
THANKSGIVING = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock(frozen_time):
    frozen_time.move_to(TUESDAY - timedelta(hours=12))
    return frozen_time


def digests_of(person) -> list[dict]:
    owed = Notification.objects.filter(recipient=person, event="review_digest")
    return [notification.context for notification in owed]


def test_says_how_much_waits_is_due_soon_and_is_overdue(clock, make_request, organisation):
    for sent_on in (datetime(2026, 11, day, 20, 0, tzinfo=UTC) for day in (23, 24, 30)):
        clock.move_to(sent_on)
        make_request(ground=BATTERY)
    clock.move_to(datetime(2026, 12, 1, 8, 0, tzinfo=UTC))

    send_digests()

    # Due after three business days, with Thanksgiving and a day of California's between.
    assert digests_of(organisation.jonas) == [{"waiting": 3, "due_soon": 1, "overdue": 1}]


def test_a_team_finds_what_waits_for_no_one_by_name(clock, make_request, organisation):
    make_request(ground=SENSITIVE)
    clock.move_to(TUESDAY)

    send_digests()

    for reviewer in organisation.hr:
        assert digests_of(reviewer) == [{"waiting": 1, "due_soon": 0, "overdue": 0}]
    for reviewer in (organisation.jonas, *organisation.legal, *organisation.it):
        assert digests_of(reviewer) == []


def test_is_sent_once_a_morning_however_often_it_is_run(clock, make_request, organisation):
    make_request()
    clock.move_to(TUESDAY)

    sent = [send_digests()]
    clock.shift(15 * 60)
    sent.append(send_digests())
    clock.shift(24 * 3600)
    sent.append(send_digests())

    assert sent == [1, 0, 1]
    assert len(digests_of(organisation.jonas)) == 2


@pytest.mark.parametrize(
    "at", [TUESDAY - timedelta(minutes=1), TUESDAY + timedelta(hours=4), SATURDAY, THANKSGIVING]
)
def test_is_not_sent_at_night_in_the_afternoon_or_on_a_day_off(clock, make_request, at):
    make_request()
    clock.move_to(at)

    assert send_digests() == 0


def test_eight_is_eight_where_the_reviewer_works(clock, make_request, organisation):
    Employee.objects.update(time_zone="America/Los_Angeles")
    make_request()
    clock.move_to(TUESDAY)

    early = send_digests()
    clock.shift(8 * 3600)

    assert (early, send_digests()) == (0, 1)


def test_what_came_after_eight_waits_for_the_next_morning(clock, make_request):
    clock.move_to(TUESDAY)
    make_request()
    clock.shift(15 * 60)

    today = send_digests()
    clock.shift(24 * 3600)

    assert (today, send_digests()) == (0, 1)


def test_what_waits_for_an_answer_does_not_count(clock, make_request, organisation):
    request = make_request()
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Since when?"
    )
    clock.move_to(TUESDAY)

    assert send_digests() == 0


def test_whoever_left_is_told_nothing(clock, make_request, organisation):
    make_request()
    Employee.objects.filter(pk=organisation.jonas.pk).update(is_active=False)
    clock.move_to(TUESDAY)

    send_digests()

    assert digests_of(organisation.jonas) == []


def test_counts_for_all_what_the_queue_of_each_has(clock, make_request, organisation):
    many_requests(make_request, organisation)
    clock.move_to(datetime(2026, 12, 4, 12, 0, tzinfo=UTC))
    make_request(ground=BATTERY, applications=frozenset({"15five"}))
    clock.move_to(datetime(2026, 12, 8, 12, 0, tzinfo=UTC))
    keep_time()
    away(organisation)
    now = timezone.now()
    people = {person.pk: person for person in Employee.objects.all()}
    morning = Morning(began_at=now, soon_until=datetime(2026, 12, 10, 0, 0, tzinfo=UTC))

    counted = waiting_this_morning(dict.fromkeys(people, morning), at=now)

    each = {pk: waiting_for(person, at=now) for pk, person in people.items()}
    assert counted == {pk: count for pk, count in each.items() if count != Waiting()}
    assert len(counted) == 8
    assert {count.due_soon for count in counted.values()} == {0, 1}


def many_requests(make_request, organisation) -> None:
    """Make requests of many people at many steps, over two weeks."""
    jonas, dana, priya = organisation.jonas, organisation.hr[0], organisation.legal[0]
    Employee.objects.filter(pk=organisation.noor.pk).update(line_manager=dana)
    give_role(jonas, Role.IT_ADMINISTRATOR)
    noor = Employee.objects.get(pk=organisation.noor.pk)
    for requester, ground, application in (
        (organisation.mira, BATTERY, "calendly"),
        (organisation.mira, SENSITIVE, "calendly"),
        (noor, SENSITIVE, "calendly"),
        (noor, PROTECTED, "clion"),
        (dana, TWO_PEOPLE, "calendly"),
        (priya, TWO_PEOPLE, "calendly"),
    ):
        make_request(requester, ground=ground, applications=frozenset({application}))
    half_decided = make_request(ground=TWO_PEOPLE, applications=frozenset({"clion"}))
    decide(
        request=half_decided, by=priya, seen=fresh(half_decided).version, verdict=Verdict.APPROVE
    )
    with_it = make_request(ground=BATTERY)
    decide(request=with_it, by=jonas, seen=fresh(with_it).version, verdict=Verdict.APPROVE)


def away(organisation) -> None:
    now = timezone.now()
    start_delegation(
        person=organisation.jonas, by=organisation.jonas, delegate=organisation.auditor,
        starts_at=now, ends_at=now + timedelta(days=2), reason="holiday",
    )  # fmt: skip


def test_as_many_queries_for_many_reviewers_as_for_one(
    clock, make_request, make_employee, organisation, django_assert_max_num_queries
):
    for number in range(12):
        manager = make_employee(f"Manager {number}")
        make_request(make_employee(f"Report {number}", line_manager=manager))
    clock.move_to(TUESDAY)

    with django_assert_max_num_queries(10):
        assert send_digests() == 12


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_send_one(make_request, organisation):
    with time_machine.travel(TUESDAY - timedelta(hours=12)):
        make_request()
    sent = []

    def run() -> None:
        sent.append(send_digests())
        connection.close()

    with time_machine.travel(TUESDAY):
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(sent) == [0, 0, 0, 1]
    assert len(digests_of(organisation.jonas)) == 1
