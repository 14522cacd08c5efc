"""Starting, extending and ending a pause: limits, refusals, races, and what is written."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from consent_app.audit.models import Leaf
from consent_app.restrictions.actions import extend_pause, resume, start_pause
from consent_app.restrictions.errors import (
    NoPauseToResume,
    PauseCoversEveryDevice,
    PauseLengthOutOfRange,
    PauseNotLonger,
    PauseOverlaps,
    RequestKeyReused,
)
from consent_app.restrictions.models import Restriction, Source
from consent_app.restrictions.signals import restrictions_changed
from tests.conftest import NOON

LAPTOP, DESKTOP = uuid.uuid4(), uuid.uuid4()


def minutes(count):
    return timedelta(minutes=count)


@pytest.fixture
def mira(make_employee, frozen_time):
    return make_employee()


@pytest.fixture
def heard():
    """Collect what the signal says."""
    calls = []

    def hear(sender, **facts):
        calls.append(facts)

    restrictions_changed.connect(hear)
    yield calls
    restrictions_changed.disconnect(hear)


def start(person, length=15, **options):
    return start_pause(employee=person, by=person, minutes=length, **options)


def events():
    written = Leaf.objects.filter(event__startswith="pause.").order_by("index")
    return list(written.values_list("event", flat=True))


def test_pause_takes_everything_away_until_its_end(mira, heard):
    pause = start(mira, 15)

    assert (pause.starts_at, pause.ends_at) == (NOON, NOON + minutes(15))
    assert (pause.applications, pause.kinds, pause.device) == (None, None, None)
    assert events() == ["pause.started"]
    assert [call["employees"] for call in heard] == [[mira]]
    assert heard[0]["at"] == NOON


@pytest.mark.parametrize("length", [1, 30])
def test_accepts_the_shortest_and_the_longest(mira, length):
    assert start(mira, length).ends_at == NOON + minutes(length)


@pytest.mark.parametrize("length", [0, -5, 31, 2**70, True])
def test_refuses_other_lengths(mira, heard, length):
    with pytest.raises(PauseLengthOutOfRange):
        start(mira, length)

    assert not Restriction.objects.exists()
    assert not events()
    assert not heard


def test_refuses_more_than_the_ceiling_allows(mira):
    with pytest.raises(PauseLengthOutOfRange, match="1 to 10 minutes"):
        start(mira, 11, longest=10)

    assert not Restriction.objects.exists()


def test_ceiling_never_allows_more_than_30(mira):
    with pytest.raises(PauseLengthOutOfRange):
        start(mira, 31, longest=60)


def test_refuses_a_second_pause_while_one_is_in_force(mira, frozen_time):
    start(mira, 15)
    frozen_time.shift(minutes(14))

    with pytest.raises(PauseOverlaps):
        start(mira, 5)

    assert Restriction.objects.count() == 1


def test_another_may_start_the_moment_it_ended(mira, frozen_time):
    start(mira, 15)
    frozen_time.shift(minutes(15))

    assert start(mira, 15).starts_at == NOON + minutes(15)


def test_pauses_of_two_devices_stand_beside_each_other(mira):
    start(mira, 5, device=LAPTOP)

    start(mira, 10, device=DESKTOP)

    assert Restriction.objects.in_force(NOON).count() == 2


def test_pause_on_all_devices_takes_the_place_of_single_ones(mira, frozen_time):
    start(mira, 5, device=LAPTOP)
    frozen_time.shift(minutes(1))

    whole = start(mira, 15)

    assert list(Restriction.objects.in_force(NOON + minutes(1))) == [whole]
    assert events() == ["pause.started", "pause.ended", "pause.started"]


def test_pause_on_all_devices_shortens_no_longer_one(mira):
    longer = start(mira, 30, device=LAPTOP)

    start(mira, 5)

    longer.refresh_from_db()
    assert longer.ends_at == NOON + minutes(30)
    assert events() == ["pause.started", "pause.started"]


def test_refuses_a_device_pause_within_one_on_all_devices(mira):
    start(mira, 15)

    with pytest.raises(PauseOverlaps):
        start(mira, 5, device=LAPTOP)


def test_same_request_key_gives_the_same_pause(mira, frozen_time):
    first = start(mira, 5, device=LAPTOP, request_key="key-00001")
    frozen_time.shift(minutes(1))

    again = start(mira, 5, device=LAPTOP, request_key="key-00001")

    assert again == first
    assert events() == ["pause.started"]


def test_same_request_key_after_the_pause_was_ended_starts_none(mira, frozen_time):
    first = start(mira, 5, device=LAPTOP, request_key="key-00001")
    frozen_time.shift(minutes(1))
    resume(employee=mira, by=mira)

    again = start(mira, 5, device=LAPTOP, request_key="key-00001")

    assert again == first
    assert not Restriction.objects.in_force(NOON + minutes(1)).exists()


def test_same_request_key_for_another_length_is_refused(mira):
    start(mira, 5, device=LAPTOP, request_key="key-00001")

    with pytest.raises(RequestKeyReused):
        start(mira, 10, device=LAPTOP, request_key="key-00001")


def test_extension_counts_from_now(mira, frozen_time, heard):
    start(mira, 15)
    frozen_time.shift(minutes(10))

    (pause,) = extend_pause(employee=mira, by=mira, minutes=30)

    assert pause.ends_at == NOON + minutes(40)
    assert events() == ["pause.started", "pause.extended"]
    assert len(heard) == 2


def test_extension_refuses_more_than_30_minutes_from_now(mira):
    pause = start(mira, 15)

    with pytest.raises(PauseLengthOutOfRange):
        extend_pause(employee=mira, by=mira, minutes=31)

    pause.refresh_from_db()
    assert pause.ends_at == NOON + minutes(15)


def test_extension_refuses_more_than_the_ceiling_allows(mira):
    start(mira, 5)

    with pytest.raises(PauseLengthOutOfRange, match="1 to 10 minutes"):
        extend_pause(employee=mira, by=mira, minutes=11, longest=10)

    assert events() == ["pause.started"]


def test_extension_reaches_every_device_that_would_go_on_earlier(mira, frozen_time):
    short = start(mira, 5, device=LAPTOP)
    longer = start(mira, 20, device=DESKTOP)

    assert extend_pause(employee=mira, by=mira, minutes=15) == [short]
    assert set(extend_pause(employee=mira, by=mira, minutes=30)) == {short, longer}

    ends = Restriction.objects.pauses().values_list("ends_at", flat=True)
    assert set(ends) == {NOON + minutes(30)}


def test_extension_never_shortens(mira):
    start(mira, 15)

    with pytest.raises(PauseNotLonger):
        extend_pause(employee=mira, by=mira, minutes=15)

    assert events() == ["pause.started"]


def test_extension_of_a_pause_that_is_over_is_refused(mira, frozen_time):
    start(mira, 15)
    frozen_time.shift(minutes(15))

    with pytest.raises(NoPauseToResume):
        extend_pause(employee=mira, by=mira, minutes=15)


def test_resume_ends_it_now(mira, frozen_time, heard):
    start(mira, 15)
    frozen_time.shift(minutes(3))

    ended = resume(employee=mira, by=mira)

    assert [pause.ends_at for pause in ended] == [NOON + minutes(3)]
    assert events() == ["pause.started", "pause.ended"]
    assert len(heard) == 2


def test_resume_twice_is_refused(mira):
    start(mira, 15)
    resume(employee=mira, by=mira)

    with pytest.raises(NoPauseToResume):
        resume(employee=mira, by=mira)

    assert events() == ["pause.started", "pause.ended"]


def test_device_can_end_its_own_pause_only(mira):
    start(mira, 15, device=LAPTOP)

    with pytest.raises(NoPauseToResume):
        resume(employee=mira, by=mira, device=DESKTOP)

    assert resume(employee=mira, by=mira, device=LAPTOP)


def test_device_can_not_end_a_pause_on_all_devices(mira):
    pause = start(mira, 15)

    with pytest.raises(PauseCoversEveryDevice):
        resume(employee=mira, by=mira, device=LAPTOP)

    pause.refresh_from_db()
    assert pause.ends_at == NOON + minutes(15)


def test_pause_of_one_person_says_nothing_of_another(mira, make_employee):
    other = make_employee("Tom Berg")
    start(mira, 15)

    with pytest.raises(NoPauseToResume):
        resume(employee=other, by=other)
    assert start(other, 5)


@pytest.mark.django_db(transaction=True)
def test_50_simultaneous_requests_give_exactly_one_pause(make_employee):
    person = make_employee()
    barrier, outcomes = threading.Barrier(50), []

    def ask():
        barrier.wait()
        try:
            start(person, 15)
            outcomes.append("paused")
        except PauseOverlaps:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["paused"] + ["refused"] * 49
    assert Restriction.objects.count() == 1
    assert events() == ["pause.started"]


@pytest.mark.django_db(transaction=True)
def test_extend_and_resume_at_once_have_one_order(make_employee):
    person = make_employee()
    start(person, 15)
    barrier, outcomes = threading.Barrier(2), {}

    def race(name, action):
        barrier.wait()
        try:
            action()
            outcomes[name] = True
        except NoPauseToResume:
            outcomes[name] = False
        finally:
            connection.close()

    threads = [
        threading.Thread(target=race, args=("resume", lambda: resume(employee=person, by=person))),
        threading.Thread(
            target=race,
            args=("extend", lambda: extend_pause(employee=person, by=person, minutes=30)),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    pause = Restriction.objects.get()
    assert outcomes["resume"]
    assert pause.ends_at == pause.decided_at
    assert len(events()) == 2 + outcomes["extend"]


def make_row(person, **fields):
    defaults = {
        "employee": person,
        "source": Source.PAUSE,
        "starts_at": NOON,
        "ends_at": NOON + minutes(15),
        "decided_at": NOON,
    }
    return Restriction.objects.create(**defaults | fields)


WRONG_ROWS = {
    "restriction_pause_at_most_30_minutes": {"ends_at": NOON + minutes(30) + timedelta(seconds=1)},
    "restriction_ends_after_start": {"ends_at": NOON - minutes(1)},
    "restriction_lists_not_empty": {"source": Source.PREFERENCE, "applications": []},
    "restriction_device_has_employee": {
        "employee": None, "source": Source.PROGRAMME, "device": LAPTOP,
    },
}  # fmt: skip


@pytest.mark.parametrize("constraint", WRONG_ROWS)
def test_database_refuses_what_must_never_be(mira, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_row(mira, **WRONG_ROWS[constraint])


@pytest.mark.parametrize(
    "fields",
    [
        {"ends_at": None},
        {"kinds": ["keystrokes"]},
        {"applications": ["slack"]},
        {"employee": None},
    ],
)
def test_database_refuses_a_pause_that_is_not_one(mira, fields):
    with pytest.raises(IntegrityError, match="at_most_30"), transaction.atomic():
        make_row(mira, **fields)


def test_database_refuses_overlapping_pauses(mira):
    make_row(mira)

    with pytest.raises(IntegrityError, match="one_pause_at_a_time"), transaction.atomic():
        make_row(mira, starts_at=NOON + minutes(14), ends_at=NOON + minutes(20))

    assert make_row(mira, starts_at=NOON + minutes(15), ends_at=NOON + minutes(20))


def test_database_refuses_a_cohort_and_a_person_together(mira):
    with pytest.raises(IntegrityError, match="one_or_of_a_cohort"), transaction.atomic():
        make_row(mira, source=Source.PROGRAMME, cohort=mira.jurisdiction)


def test_database_refuses_a_longer_pause_by_a_bulk_update(mira):
    start(mira, 30)

    with pytest.raises(IntegrityError, match="at_most_30"), transaction.atomic():
        Restriction.objects.update(ends_at=NOON + minutes(45))
