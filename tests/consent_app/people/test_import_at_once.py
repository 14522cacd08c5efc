"""Imports that run at the same time follow one another; none decides on another's half."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from consent_app.audit.verification import verify_log
from consent_app.people.actions import import_directory, load_jurisdictions
from consent_app.people.errors import DirectoryRefused
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from tests.consent_app.people.conftest import row, write_csv

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Run the works in threads that start together; return what each returned or raised."""
    barrier = Barrier(len(works))

    def run(work):
        try:
            barrier.wait(10)
            return work()
        except DirectoryRefused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_two_imports_of_the_same_people_make_each_person_once(system, tmp_path):
    rows = [row(f"E{number}") for number in range(200)]
    path = write_csv(tmp_path / "directory.csv", *rows)

    changes = at_once(*[lambda: import_directory(path, complete=True, by=system)] * 3)

    assert sorted(len(change.created) for change in changes) == [0, 0, 200]
    assert Employee.objects.filter(is_active=True).count() == 200
    assert verify_log([]).is_intact


def test_two_imports_can_not_close_a_cycle_together(system, tmp_path):
    import_directory(
        write_csv(tmp_path / "all.csv", row("E1"), row("E2")), complete=True, by=system
    )
    one = write_csv(tmp_path / "one.csv", row("E1", manager="E2"))
    other = write_csv(tmp_path / "other.csv", row("E2", manager="E1"))

    answers = at_once(
        lambda: import_directory(one, complete=False, by=system),
        lambda: import_directory(other, complete=False, by=system),
    )

    assert [isinstance(answer, DirectoryRefused) for answer in answers].count(True) == 1


def test_two_loads_of_jurisdictions_change_and_log_each_once():
    system_user()

    changes = at_once(load_jurisdictions, load_jurisdictions)

    assert sorted(len(change) for change in changes) == [0, 58]
    assert verify_log([]).head.size == 58
