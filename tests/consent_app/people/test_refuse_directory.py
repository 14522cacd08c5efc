"""A directory with anything wrong is refused whole, with every problem and its line."""

import pytest

from consent_app.audit.models import Leaf
from consent_app.people.actions import import_directory
from consent_app.people.errors import DirectoryRefused
from consent_app.people.models import Employee
from consent_app.people.rules import manager_cycles
from tests.consent_app.people.conftest import COLUMNS, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def refuse(system, everybody):
    """Return a function that imports, and proves that it was refused and changed nothing."""

    def attempt(path, *, complete: bool = False) -> list[tuple[int, str]]:
        before, entries = everybody(), Leaf.objects.count()
        with pytest.raises(DirectoryRefused) as caught:
            import_directory(path, complete=complete, by=system)
        assert everybody() == before
        assert Leaf.objects.count() == entries
        return caught.value.problems

    return attempt


@pytest.fixture
def stands(system, write_directory):
    """E1 manages E2; E9 has left."""
    import_directory(
        write_directory(row("E1"), row("E2", manager="E1"), row("E9")), complete=True, by=system
    )
    import_directory(write_directory(row("E1"), row("E2", manager="E1")), complete=True, by=system)


def test_names_the_cycle_and_its_first_line(refuse, write_directory):
    path = write_directory(
        row("E4"), row("E3", manager="E2"), row("E2", manager="E1"), row("E1", manager="E3")
    )

    assert refuse(path) == [(3, "The managers go round in a circle: E1 → E3 → E2 → E1.")]


def test_refuses_somebody_as_their_own_manager(refuse, write_directory):
    path = write_directory(row("E1", manager="E1"))

    assert refuse(path) == [(2, "The managers go round in a circle: E1 → E1.")]


def test_refuses_a_cycle_through_people_who_are_not_in_the_file(stands, refuse, write_directory):
    path = write_directory(row("E1", manager="E2"))

    assert refuse(path) == [(2, "The managers go round in a circle: E1 → E2 → E1.")]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"jurisdiction": "XX"}, "The jurisdiction 'XX' is unknown."),
        ({"jurisdiction": "ZZ"}, "The jurisdiction 'ZZ' is unknown."),
        ({"jurisdiction": ""}, "The jurisdiction '' is unknown."),
        ({"manager_number": "E7"}, "There is no manager E7."),
        ({"manager_number": "E9"}, "There is no manager E9."),
        ({"manager_number": "SYSTEM"}, "There is no manager SYSTEM."),
        ({"email": "e2@example.com"}, "e2@example.com belongs to employee number E2."),
        ({"email": "\uff252@EXAMPLE.com"}, "e2@example.com belongs to employee number E2."),
        ({"email": "e9@example.com"}, "e9@example.com belongs to employee number E9."),
        (
            {"email": "system@portal.invalid"},
            "system@portal.invalid belongs to employee number SYSTEM.",
        ),
        ({"email": "mira"}, "'mira' is no e-mail address."),
        ({"email": ""}, "'' is no e-mail address."),
        ({"email": "ᏣᎳᎩ@example.com"}, "'ᏣᎳᎩ@example.com' is no e-mail address."),
        (
            {"time_zone": "Mars/Olympus"},
            "'Mars/Olympus' is no time zone of the IANA database, such as Europe/Berlin.",
        ),
        ({"locale": "English"}, "'English' is no locale such as en or en-GB."),
        ({"name": ""}, "The name is empty or longer than 120 characters."),
        ({"name": "x" * 121}, "The name is empty or longer than 120 characters."),
        ({"name": "Mira \u202eroofakO"}, "name has the invisible character U+202E."),
        ({"name": "Mira\u200bOkafor"}, "name has the invisible character U+200B."),
        ({"name": "Mira\x00Okafor"}, "name has the invisible character U+0000."),
        ({"name": "Mira\nOkafor"}, "name has the invisible character U+000A."),
        ({"employee_number": ""}, "The employee number is empty or longer than 40 characters."),
        (
            {"employee_number": "SYSTEM"},
            "The employee number SYSTEM belongs to the portal itself.",
        ),
    ],
)
def test_refuses_a_wrong_cell(stands, refuse, write_directory, cells, message):
    path = write_directory(row("E3") | cells)

    assert refuse(path) == [(2, message)]


def test_refuses_an_unknown_role(refuse, write_directory):
    [(line, message)] = refuse(write_directory(row("E3", roles="auditor;boss")))

    assert line == 2
    assert message.startswith("'boss' is no role; there are hr_reviewer,")


def test_refuses_numbers_and_addresses_that_stand_there_twice(refuse, write_directory):
    path = write_directory(
        row("E1", email="straße@example.com"), row("E1"), row("E2", email="STRASSE@example.com")
    )

    assert refuse(path) == [
        (3, "The employee number E1 stands in line 2 already."),
        (4, "The e-mail address strasse@example.com stands in line 2 already."),
    ]


def test_refuses_a_manager_who_would_be_deactivated(stands, refuse, write_directory):
    path = write_directory(row("E3", manager="E1"))

    assert refuse(path, complete=True) == [(2, "The manager E1 is not in this file.")]


def test_names_every_problem_of_every_line(refuse, write_directory):
    path = write_directory(
        row("E1", jurisdiction="XX", time_zone="here"), row("E2"), row("E3", manager="E8")
    )

    assert [line for line, _ in refuse(path)] == [2, 2, 4]


def test_refuses_a_missing_and_an_unknown_column(refuse, write_directory):
    columns = (*(name for name in COLUMNS if name != "email"), "e-mail")

    assert refuse(write_directory(row("E1"), columns=columns)) == [
        (1, "The column 'e-mail' is unknown."),
        (1, "The column email is missing."),
    ]


def test_refuses_a_column_that_stands_there_twice(refuse, write_directory):
    path = write_directory(row("E1"))
    path.write_text(path.read_text().replace("locale", "locale,locale"))

    assert refuse(path) == [(1, "The column locale stands there twice.")]


def test_refuses_rows_with_too_few_and_too_many_cells(refuse, write_directory):
    path = write_directory(row("E1"))
    path.write_text(path.read_text() + "E2,Anna\n" + "E3" + ",x" * 7 + "\n")

    assert refuse(path) == [
        (3, "This row has 2 cells instead of 7."),
        (4, "This row has 8 cells instead of 7."),
    ]


def test_counts_lines_as_an_editor_does(refuse, write_directory):
    path = write_directory(row("E1", name="Mira\nOkafor"), row("E2", locale="?"))
    path.write_text(path.read_text().replace("\nE1", "\n\n\nE1"))

    assert [line for line, _ in refuse(path)] == [4, 6]


def test_refuses_a_wrong_encoding_naming_the_line(refuse, write_directory):
    path = write_directory(row("E1"), row("E2", name="Jürgen Groß"))
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))

    assert refuse(path) == [(3, "This is not UTF-8 text. Save the file as UTF-8.")]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_refuses_an_empty_file(refuse, tmp_path, content):
    path = tmp_path / "directory.csv"
    path.write_bytes(content)

    assert refuse(path, complete=True) == [(1, "The file is empty.")]


def test_refuses_a_file_without_people(refuse, stands, write_directory):
    assert refuse(write_directory(), complete=True) == [(1, "The file has a header and no rows.")]


def test_refuses_an_open_quote(refuse, write_directory):
    path = write_directory(row("E1"))
    path.write_text(path.read_text() + 'E2,"Anna\n')

    [(line, message)] = refuse(path)

    assert line == 3
    assert message.startswith("This is not a CSV record")


def test_reads_a_file_with_a_byte_order_mark(system, write_directory):
    path = write_directory(row("E1"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    import_directory(path, complete=False, by=system)

    assert Employee.objects.filter(employee_number="E1").exists()


@pytest.mark.parametrize(
    ("manager_of", "cycles"),
    [
        ({}, []),
        ({"a": None, "b": "a", "c": "b"}, []),
        ({"a": "b", "b": "a", "c": "a"}, [["a", "b"]]),
        ({"x": "c", "c": "b", "b": "c", "d": "d"}, [["b", "c"], ["d"]]),
        ({"a": "somebody else"}, []),
    ],
)
def test_finds_each_cycle_once(manager_of, cycles):
    assert sorted(manager_cycles(manager_of)) == cycles
