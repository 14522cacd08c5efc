"""The directory comes in whole: people are created, updated, deactivated, and the log says so."""

import contextlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_app.audit.models import Details, Leaf
from consent_app.audit.verification import verify_log
from consent_app.people.actions import import_directory
from consent_app.people.errors import DirectoryRefused
from consent_app.people.models import Employee
from consent_app.people.roles import Role
from tests.consent_app.people.conftest import row

pytestmark = pytest.mark.django_db


def test_creates_people_with_their_managers(system, write_directory):
    path = write_directory(row("E2", manager="E1", name="Mira Okafor"), row("E1"))

    change = import_directory(path, complete=False, by=system)

    mira = Employee.objects.get(name="Mira Okafor")
    assert mira.line_manager.employee_number == "E1"
    assert mira.jurisdiction_id == "US-CA"
    assert not mira.has_usable_password()
    assert [one.employee_number for one in change.created] == ["E2", "E1"]


def test_the_same_file_again_changes_nothing(system, write_directory):
    path = write_directory(row("E1"), row("E2", manager="E1"))
    import_directory(path, complete=True, by=system)
    size = Leaf.objects.count()

    change = import_directory(path, complete=True, by=system)

    assert change.changed == []
    assert len(change.unchanged) == 2
    assert Leaf.objects.count() == size


def test_updates_what_a_row_says_and_leaves_the_password(system, write_directory):
    import_directory(write_directory(row("E1"), row("E2")), complete=False, by=system)
    person = Employee.objects.get(employee_number="E2")
    person.set_password("correct horse battery")
    person.save()

    path = write_directory(row("E2", manager="E1", jurisdiction="DE", time_zone="Europe/Berlin"))
    change = import_directory(path, complete=False, by=system)

    person.refresh_from_db()
    assert change.updated == [person]
    assert (person.jurisdiction_id, person.time_zone) == ("DE", "Europe/Berlin")
    assert person.line_manager.employee_number == "E1"
    assert person.check_password("correct horse battery")
    assert person.joined_at == change.updated[0].joined_at


def test_addresses_can_pass_from_one_person_to_another(system, write_directory, everybody):
    import_directory(
        write_directory(row("E1", email="a@example.com"), row("E2", email="b@example.com")),
        complete=False, by=system,
    )  # fmt: skip

    path = write_directory(row("E1", email="b@example.com"), row("E2", email="a@example.com"))
    import_directory(path, complete=False, by=system)

    assert everybody() == {"E1": ("b@example.com", True), "E2": ("a@example.com", True)}


def test_addresses_have_one_form(system, write_directory):
    path = write_directory(row("E1", email=" \uff2dira.OKAFOR@Example.COM "))

    import_directory(path, complete=False, by=system)

    assert Employee.objects.get(employee_number="E1").email == "mira.okafor@example.com"


def test_a_partial_file_leaves_others_alone(system, write_directory, everybody):
    import_directory(write_directory(row("E1"), row("E2")), complete=False, by=system)

    import_directory(write_directory(row("E3", manager="E1")), complete=False, by=system)

    assert {number for number, (_, active) in everybody().items() if active} == {"E1", "E2", "E3"}


def test_a_complete_file_deactivates_who_is_gone(system, write_directory, everybody):
    import_directory(write_directory(row("E1"), row("E2")), complete=True, by=system)

    change = import_directory(write_directory(row("E1")), complete=True, by=system)

    assert [one.employee_number for one in change.deactivated] == ["E2"]
    assert everybody()["E2"] == ("e2@example.com", False)


def test_somebody_who_comes_back_is_active_again(system, write_directory, everybody):
    import_directory(write_directory(row("E1"), row("E2")), complete=True, by=system)
    import_directory(write_directory(row("E1")), complete=True, by=system)

    change = import_directory(write_directory(row("E1"), row("E2")), complete=True, by=system)

    assert [one.employee_number for one in change.updated] == ["E2"]
    assert everybody()["E2"][1]


def test_the_next_request_of_a_deactivated_person_is_refused(
    system, write_directory, client, sign_in
):
    import_directory(write_directory(row("E1"), row("E2")), complete=True, by=system)
    sign_in(Employee.objects.get(employee_number="E2"))
    assert client.get("/account/logout/").status_code == 200

    import_directory(write_directory(row("E1")), complete=True, by=system)

    response = client.get("/account/logout/")
    assert response.status_code == 302
    assert response.url.startswith("/account/login/")


def test_an_old_session_stays_ended_when_somebody_comes_back(
    system, write_directory, client, sign_in
):
    both = row("E1"), row("E2")
    import_directory(write_directory(*both), complete=True, by=system)
    sign_in(Employee.objects.get(employee_number="E2"))

    import_directory(write_directory(row("E1")), complete=True, by=system)
    import_directory(write_directory(*both), complete=True, by=system)

    assert client.get("/account/logout/").status_code == 302


def test_hands_out_and_takes_back_roles(system, write_directory):
    first = write_directory(row("E1", roles="auditor; hr_reviewer"))
    import_directory(first, complete=False, by=system)
    assert Employee.objects.get(employee_number="E1").has_role(Role.HR_REVIEWER)

    second = write_directory(row("E1", roles="auditor"))
    change = import_directory(second, complete=False, by=system)

    person = Employee.objects.get(employee_number="E1")
    assert person.roles == {Role.AUDITOR}
    assert change.updated == [person]


def test_a_file_without_roles_leaves_them(system, write_directory):
    path = write_directory(row("E1", roles="auditor"))
    import_directory(path, complete=False, by=system)

    change = import_directory(write_directory(row("E1")), complete=True, by=system)

    assert Employee.objects.get(employee_number="E1").has_role(Role.AUDITOR)
    assert change.updated == []


def test_a_state_that_is_not_listed_counts_as_its_country(system, write_directory):
    import_directory(write_directory(row("E1", jurisdiction="us-fl")), complete=False, by=system)

    assert Employee.objects.get(employee_number="E1").jurisdiction_id == "US"


def test_the_log_names_changed_fields_and_no_values(system, write_directory):
    import_directory(write_directory(row("E1"), row("E2")), complete=True, by=system)
    person = Employee.objects.get(employee_number="E1")

    path = write_directory(row("E1", name="Anna Neu", jurisdiction="DE"))
    import_directory(path, complete=True, by=system)

    updated = Leaf.objects.get(event="employee.updated")
    assert (updated.person, updated.actor) == (person.pseudonym, system.pseudonym)
    assert Details.objects.get(leaf=updated).content == {"fields": ["jurisdiction", "name"]}
    assert list(Leaf.objects.order_by("index").values_list("event", flat=True)) == [
        "employee.created", "employee.created", "employee.updated", "employee.deactivated",
    ]  # fmt: skip


def test_the_log_still_verifies_after_imports_of_any_size(system, write_directory):
    for size in (1, 2, 5, 8):
        rows = [row(f"N{size}-{number}") for number in range(size)]
        import_directory(write_directory(*rows), complete=False, by=system)

    report = verify_log([])

    assert report.is_intact
    assert report.head.size == 16


def test_ten_times_the_people_cost_no_more_queries(system, write_directory):
    def queries_for(prefix: str, count: int) -> int:
        rows = [row(f"{prefix}{number}", roles="auditor") for number in range(count)]
        path = write_directory(*rows)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            import_directory(path, complete=True, by=system)
        return len(captured)

    queries_for("warm", 8)
    few, many = queries_for("A", 16), queries_for("B", 160)

    assert many <= few + 4  # the log's tree grows by a few levels
    assert many < 40


def test_two_boundaries_of_a_batch_are_no_boundaries(system, write_directory, monkeypatch):
    monkeypatch.setattr("consent_app.people.actions.directory.BATCH", 3)
    monkeypatch.setattr("consent_app.audit.actions.BATCH", 3)
    rows = [row(f"E{number}", manager=f"E{number + 1}") for number in range(9)]

    change = import_directory(write_directory(*rows, row("E9")), complete=True, by=system)

    assert len(change.created) == 10
    assert verify_log([]).is_intact


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(managers=st.lists(st.integers(0, 7), min_size=1, max_size=7))
def test_no_accepted_directory_has_a_cycle(managers, system, write_directory):
    """Number n's manager is managers[n - 1]; 0 is nobody. Every other file builds on the last."""
    rows = [
        row(f"E{number}", manager=f"E{manager}" if manager else "")
        for number, manager in enumerate(managers, 1)
    ]
    with contextlib.suppress(DirectoryRefused):
        import_directory(write_directory(*rows), complete=False, by=system)

    for employee in Employee.objects.exclude(employee_number="SYSTEM"):
        above, steps = employee.line_manager, 0
        while above is not None:
            above, steps = above.line_manager, steps + 1
            assert steps <= 8
