"""`manage.py import_directory` tells what it did, and names file and line of each problem."""

import pytest
from django.core.management import CommandError, call_command

from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from tests.consent_app.people.conftest import row

pytestmark = pytest.mark.django_db


def people() -> set[str]:
    return set(Employee.objects.filter(is_active=True).values_list("employee_number", flat=True))


def test_tells_how_many_it_changed(places, write_directory, capsys):
    call_command("import_directory", write_directory(row("E1"), row("E2")))
    path = write_directory(row("E1"), row("E3"))

    call_command("import_directory", path, complete=True)

    said = capsys.readouterr().out.splitlines()[-1]
    assert said == "1 created, 0 updated, 1 deactivated, 1 unchanged."
    assert people() == {"E1", "E3"}


def test_a_dry_run_tells_and_changes_nothing(places, write_directory, capsys):
    path = write_directory(row("E1"))

    call_command("import_directory", path, dry_run=True)

    assert "1 would be created" in capsys.readouterr().out
    assert people() == set()


def test_names_file_and_line_of_every_problem(places, write_directory, capsys):
    path = write_directory(row("E1", jurisdiction="XX"), row("E2", locale="?"))

    with pytest.raises(CommandError, match=r"The file has 2 problems; nothing was changed\."):
        call_command("import_directory", path)

    assert capsys.readouterr().err.splitlines() == [
        f"{path}:2: The jurisdiction 'XX' is unknown.",
        f"{path}:3: '?' is no locale such as en or en-GB.",
    ]
    assert people() == set()


def test_says_when_the_file_is_not_there(places, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_directory", tmp_path / "nowhere.csv")


def test_never_deactivates_the_system_itself(places, write_directory):
    Employee.objects.filter(pk=system_user().pk).update(is_active=True)

    call_command("import_directory", write_directory(row("E1")), complete=True)

    assert people() == {"SYSTEM", "E1"}
