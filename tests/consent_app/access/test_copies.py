"""Asking for a copy, making it once whatever happens to workers, keeping it, deleting it."""

import threading
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from consent_app.access import actions, archive, parts, queries, rules
from consent_app.access.errors import AskedToday, CopyInTheMaking
from consent_app.access.models import CopyPart, DataCopy
from consent_app.access.schedule import prepare, sweep
from consent_app.audit.models import Leaf
from consent_app.notifications.models import Notification
from portal.lib.sealing import Unreadable, add_key, key_id_of
from portal.lib.sections import File, Section
from tests.consent_app.access.conftest import unpacked


def events(person) -> list[str]:
    found = Leaf.objects.filter(person=person.pseudonym, event__startswith="access.")
    return list(found.order_by("index").values_list("event", flat=True))


def ask(person) -> DataCopy:
    return actions.request_copy(employee=person, by=person)


@pytest.fixture
def broken_section(settings):
    """Let the making of every copy fail."""
    settings.ACCESS_SECTIONS = [f"{__name__}.fail"]


def fail(person) -> Section:
    raise OSError("no space")


def test_makes_a_copy_and_tells(mira, make_copy):
    copy = make_copy(mira)

    assert unpacked(copy).archive.testzip() is None
    assert copy.expires_at == timezone.now() + timedelta(days=7)
    assert events(mira) == ["access.requested", "access.prepared"]
    assert Notification.objects.get(recipient=mira).event == "access_ready"


def test_one_is_in_the_making_at_a_time(mira):
    ask(mira)

    with pytest.raises(CopyInTheMaking):
        ask(mira)

    assert DataCopy.objects.count() == 1
    assert events(mira) == ["access.requested"]


def test_the_database_lets_one_be_in_the_making_too(mira):
    ask(mira)

    with pytest.raises(IntegrityError), transaction.atomic():
        DataCopy.objects.create(employee=mira, requested_at=timezone.now())


def test_one_a_day(mira, make_copy, frozen_time):
    make_copy(mira)

    frozen_time.shift(timedelta(hours=24) - timedelta(seconds=1))
    with pytest.raises(AskedToday):
        ask(mira)
    frozen_time.shift(1)
    ask(mira)

    assert DataCopy.objects.count() == 2


def test_a_new_one_takes_the_place_of_the_last(mira, make_copy, frozen_time):
    first = make_copy(mira)
    frozen_time.shift(rules.ASKED_AGAIN_AFTER)

    second = make_copy(mira)

    assert list(DataCopy.objects.all()) == [second]
    assert not CopyPart.objects.filter(copy=first.pk).exists()
    assert events(mira)[-3:] == ["access.requested", "access.deleted", "access.prepared"]


def test_others_are_not_held_up(mira, make_employee):
    ask(mira)

    ask(make_employee("Noor Haddad"))

    assert DataCopy.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_ask_at_once_one_gets_a_copy(keys, make_employee):
    mira = make_employee()
    outcomes = []
    together = threading.Barrier(2)

    def ask_now():
        together.wait()
        try:
            outcomes.append(ask(mira))
        except CopyInTheMaking:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_now) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count(None) == 1
    assert DataCopy.objects.count() == 1


# Workers


def test_a_second_worker_leaves_it_alone(mira):
    copy = ask(mira)
    DataCopy.objects.update(claimed_until=timezone.now() + timedelta(seconds=1))

    assert not actions.prepare_copy(copy_id=copy.pk)

    assert not CopyPart.objects.exists()


def test_what_is_done_is_not_made_again(mira, make_copy):
    copy = make_copy(mira)

    prepare(str(copy.pk))

    assert events(mira) == ["access.requested", "access.prepared"]


def test_a_copy_that_is_gone_is_nobodys_fault(mira, make_copy):
    copy = make_copy(mira)
    DataCopy.objects.all().delete()

    assert not actions.prepare_copy(copy_id=copy.pk)


def test_what_a_killed_worker_left_is_made_by_the_sweep(mira, frozen_time):
    copy = ask(mira)
    DataCopy.objects.update(claimed_until=timezone.now() + actions.CLAIM, attempts=1)

    sweep()
    assert not DataCopy.objects.get().prepared_at
    frozen_time.shift(actions.CLAIM)
    sweep()

    copy.refresh_from_db()
    assert unpacked(copy).archive.testzip() is None


def test_half_a_copy_leaves_nothing(mira, settings, frozen_time):
    copy = ask(mira)
    settings.ACCESS_SECTIONS = [*settings.ACCESS_SECTIONS[:1], f"{__name__}.large_then_broken"]

    with pytest.raises(OSError, match="no space"):
        actions.prepare_copy(copy_id=copy.pk)

    assert not CopyPart.objects.exists()
    assert queries.waiting(at=timezone.now(), limit=1) == [copy.pk]


def large_then_broken(person) -> Section:
    incompressible = File("files/large", lambda: bytes_of(3 * parts.PART_BYTES))
    return Section("large", "Large", "", [], [incompressible, File("files/broken", broken)])


def broken() -> bytes:
    assert CopyPart.objects.count() >= 2, "parts are stored as they come"
    raise OSError("no space")


def bytes_of(count: int) -> bytes:
    """Return what can't be compressed, the same every time."""
    return b"".join(sha256(f"{number}".encode()).digest() for number in range(count // 32))


@pytest.mark.usefixtures("broken_section")
def test_is_given_up_after_three_times_and_can_be_asked_for_again(mira):
    ask(mira)

    for _ in range(actions.MAX_ATTEMPTS + 1):
        sweep()

    assert DataCopy.objects.get().failed_at
    assert events(mira) == ["access.requested", "access.failed"]
    assert Notification.objects.get(recipient=mira).event == "access_failed"
    ask(mira)


def test_a_fault_does_not_hold_up_others(mira, make_employee, settings):
    ask(mira)
    settings.ACCESS_SECTIONS = [f"{__name__}.fail_for_mira"]
    ask(make_employee("Noor Haddad"))

    sweep()

    assert [copy.employee.name for copy in DataCopy.objects.ready(timezone.now())] == [
        "Noor Haddad"
    ]


def fail_for_mira(person) -> Section:
    if person.name == "Mira Okafor":
        raise OSError("no space")
    return Section("empty", "Empty", "", [])


# At rest


def test_nothing_is_stored_in_the_clear(mira, make_copy):
    copy = make_copy(mira)

    stored = b"".join(bytes(part.content) for part in copy.parts.all())

    assert b"my-data.html" in b"".join(queries.content_of(copy))
    assert b"my-data.html" not in stored


def test_a_large_copy_is_kept_in_parts(mira, make_copy, settings):
    settings.ACCESS_SECTIONS = [f"{__name__}.large"]

    copy = make_copy(mira)

    assert copy.part_count == 4
    pieces = list(queries.content_of(copy))
    assert sum(map(len, pieces)) == copy.size_bytes
    assert max(map(len, pieces)) == parts.PART_BYTES
    assert unpacked(copy).archive.read("files/large") == bytes_of(3 * parts.PART_BYTES)


def large(person) -> Section:
    content = File("files/large", lambda: bytes_of(3 * parts.PART_BYTES))
    return Section("large", "Large", "", [], [content])


def test_parts_that_changed_places_do_not_open(mira, make_copy, settings):
    settings.ACCESS_SECTIONS = [f"{__name__}.large"]
    copy = make_copy(mira)
    first, second = copy.parts.all()[:2]
    CopyPart.objects.filter(pk=first.pk).update(content=second.content)

    with pytest.raises(Unreadable):
        list(queries.content_of(copy))


def test_its_key_follows_a_rotation(mira, make_copy, keys):
    copy = make_copy(mira)
    new = add_key(keys)

    assert actions.rewrap_keys() == 1
    assert actions.rewrap_keys() == 0

    copy.refresh_from_db()
    assert actions.key_ids_in_use() == {new} == {key_id_of(bytes(copy.sealing_key))}
    assert unpacked(copy).archive.testzip() is None


# Afterwards


def test_is_deleted_after_seven_days(mira, make_copy, frozen_time):
    make_copy(mira)

    frozen_time.shift(rules.KEPT_FOR - timedelta(seconds=1))
    sweep()
    assert DataCopy.objects.exists()
    frozen_time.shift(1)
    sweep()

    assert not DataCopy.objects.exists()
    assert not CopyPart.objects.exists()
    assert events(mira)[-1] == "access.deleted"


@pytest.mark.usefixtures("broken_section")
def test_what_failed_is_forgotten_too(mira, frozen_time):
    ask(mira)
    for _ in range(actions.MAX_ATTEMPTS + 1):
        sweep()

    frozen_time.shift(rules.KEPT_FOR)
    sweep()

    assert not DataCopy.objects.exists()


def test_in_words_knows_every_value():
    assert archive.in_words({"a_b": [True, None, 3]}) == "A b: yes, , 3"
