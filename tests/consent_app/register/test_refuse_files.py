"""Files that can't be meant: every problem is named with file and line, and nothing is changed."""

import csv

import pytest

from consent_app.people.queries import system_user
from consent_app.register.actions import load_register
from consent_app.register.errors import RegisterInvalid
from consent_app.register.models import RegisterVersion
from tests.consent_app.register.conftest import PORTAL_HOST

# What one cell of the first row is changed to, and what is then said.
WRONG_APPLICATION_CELLS = [
    ({"slug": ""}, "slug is empty"),
    ({"slug": "Fifteen Five"}, "slug 'Fifteen Five' is not lower-case words joined by hyphens"),
    ({"slug": "consent-portal"}, "slug consent-portal is the portal's own"),
    ({"slug": "slack"}, "slug 'slack' belongs to line 2"),
    ({"name": ""}, "name is empty"),
    ({"name": " 15Five"}, "name begins or ends with a space"),
    ({"name": "15\u202eFive"}, "name holds the invisible character U+202E"),
    ({"name": "x" * 121}, "name has 121 characters, 120 at most"),
    ({"vendor": ""}, "vendor is empty"),
    ({"kind": "app"}, "kind 'app' is none of both, desktop, web"),
    ({"category": "fun"}, "category 'fun' is none of"),
    ({"platforms": "web;amiga"}, "platforms 'amiga' not known"),
    ({"is_communication": "TRUE"}, "is_communication 'TRUE' is none of false, true"),
    ({"sensitivity": "low"}, "sensitivity 'low' is none of"),
    ({"default_scope": "maybe"}, "default_scope 'maybe' is none of captured, excluded"),
    ({"default_exclusion_reason": ""}, "default_exclusion_reason is empty"),
    ({"default_scope": "captured"}, "default_exclusion_reason stands beside"),
    ({"verified": "?"}, "verified '?' is none of no, yes"),
    ({"domains": ""}, "no identifier: it could never be recognised"),
    ({"domains": "15five.com;"}, "domains holds an empty value"),
    ({"domains": "https://15five.com"}, "'https://15five.com' is not a host name"),
    ({"domains": "15Five.com"}, "'15Five.com' is not a host name in lower case"),
    ({"domains": "localhost"}, "'localhost' is not a host name"),
    ({"domains": "slack.com"}, "domains 'slack.com' belongs to line 2"),
    ({"windows_executable": "SLACK.EXE"}, "windows_executable 'slack.exe' belongs to line 2"),
    ({"macos_bundle_id": "x" * 256}, "macos_bundle_id holds a value longer than 255"),
]
WRONG_SAFEGUARD_CELLS = [
    ({"id": "card-number"}, "id 'card-number' belongs to line 2"),
    ({"id": "Pwd"}, "id 'Pwd' is not lower-case words"),
    ({"class": "Password field"}, "class 'Password field' is not a word"),
    ({"detector": "telepathy"}, "devices would refuse it"),
    ({"pattern": "(unclosed"}, "devices would refuse it"),
    ({"pattern": ""}, "devices would refuse it"),
    ({"validator": "crc"}, "devices would refuse it"),
    ({"action": "shrug"}, "devices would refuse it"),
    ({"explanation": ""}, "explanation is empty"),
    ({"example_match": "tag=input;type=text"}, "example_match is not found by the pattern"),
    ({"example_no_match": "type=password"}, "example_no_match is found by the pattern"),
]
WRONG_PROGRAMMES = [
    ("retention_days = 90", 'retention_days = "long"', "kinds 1 retention_days: Input should be"),
    ("retention_days = 90", "retention_days = 0", "kinds 1 retention_days: Input should be"),
    ("purpose = ", "porpoise = ", "purpose: Field required"),
    ("purpose = ", "porpoise = ", "porpoise: Extra inputs are not permitted"),
    ('code = "mouse_click"', 'code = "mouse_movement"', "kind mouse_movement appears twice"),
    ('code = "mouse_click"', 'code = "Clicks!"', "kinds 2 code: String should match"),
    ('code = "mouse_click"', 'code = "screen_content"', "screen content and passwords are never"),
    ('code = "mouse_click"', 'code = "webcam"', "screen content and passwords are never"),
    ("[[kinds]]", "[[kinds", "Expected"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("cells", "said"), WRONG_APPLICATION_CELLS)
def test_names_a_wrong_application(files, cells, said):
    move_to_first_row(files / "applications.csv", "slug", "slack")
    spoil(files / "applications.csv", "15five", cells)

    problems = problems_of(files)

    assert len(problems) >= 1
    assert any(
        problem.startswith("applications.csv:3: ") and said in problem for problem in problems
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("cells", "said"), WRONG_SAFEGUARD_CELLS)
def test_names_a_wrong_safeguard(files, cells, said):
    move_to_first_row(files / "protected_content.csv", "id", "card-number")
    spoil(files / "protected_content.csv", "pwd-input", cells)

    problems = problems_of(files)

    place = "protected_content.csv:3: "
    assert any(problem.startswith(place) and said in problem for problem in problems)


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new", "said"), WRONG_PROGRAMMES)
def test_names_a_wrong_programme(files, old, new, said):
    path = files / "programme.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    problems = problems_of(files)

    assert any(problem.startswith("programme.toml: ") and said in problem for problem in problems)


@pytest.mark.django_db
def test_names_the_problems_of_all_files_at_once(files):
    spoil(files / "applications.csv", "15five", {"category": "fun"})
    spoil(files / "applications.csv", "slack", {"vendor": ""})
    spoil(files / "protected_content.csv", "iban", {"explanation": ""})
    (files / "programme.toml").unlink()

    problems = problems_of(files)

    assert [problem.split(" ")[0] for problem in problems] == [
        "applications.csv:2:",
        f"applications.csv:{line_of(files / 'applications.csv', 'slack')}:",
        "programme.toml:",
        *[f"protected_content.csv:{line_of(files / 'protected_content.csv', 'iban')}:"] * 2,
    ]


@pytest.mark.django_db
def test_names_an_example_of_another_category(files):
    spoil(files / "protected_content.csv", "cat-health", {"example_match": "slack"})
    spoil(files / "protected_content.csv", "cat-hr-payroll", {"example_no_match": "bamboohr"})

    problems = problems_of(files)

    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "example_match is no application of category 'health_benefits'",
        "example_no_match is no application of another category than 'hr_payroll'",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "applications.csv: holds no rows"),
        (b"slug,name\na,b\n", "applications.csv:1: columns must be slug,name,vendor"),
        (b"\xff\xfe\x00", "applications.csv: not UTF-8 at byte 0"),
        (b'"slug', "applications.csv:1: unexpected end of data"),
    ],
)
def test_names_a_file_that_is_no_table(files, content, said):
    (files / "applications.csv").write_bytes(content)

    problems = problems_of(files)

    assert any(problem.startswith(said) for problem in problems)


@pytest.mark.django_db
def test_names_the_lack_of_any_safeguard_of_password_fields(files):
    path = files / "protected_content.csv"
    write(path, [row for row in read(path) if row["class"] != "password_field"])

    assert problems_of(files) == ["protected_content.csv: nothing has the class password_field"]


@pytest.mark.django_db
def test_names_the_line_on_which_a_row_begins(files):
    path = files / "applications.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[1:1] = ['a,"two\nlines"\n', "\n", "short,row\n"]
    path.write_text("".join(lines), encoding="utf-8")

    problems = problems_of(files)

    assert problems == [
        "applications.csv:2: 2 cells instead of 16",
        "applications.csv:5: 2 cells instead of 16",
    ]


@pytest.mark.django_db
def test_names_the_line_on_which_a_quotation_mark_opens_that_never_closes(files):
    path = files / "applications.csv"
    with path.open("a", encoding="utf-8") as file:
        file.write('last,"not closed\n\n')
    last = len(path.read_text(encoding="utf-8").splitlines()) - 1

    assert problems_of(files)[0] == f"applications.csv:{last}: unexpected end of data"


def problems_of(files) -> list[str]:
    """Load the files, which must be refused, and return what was said about them."""
    with pytest.raises(RegisterInvalid) as refused:
        load_register(by=system_user(), portal_host=PORTAL_HOST, folder=files)
    assert not RegisterVersion.objects.exists()
    assert refused.value.message == "\n".join(map(str, refused.value.problems))
    return [str(problem) for problem in refused.value.problems]


def spoil(path, row_name: str, cells: dict[str, str]) -> None:
    """Change cells of the row that is called so."""
    rows = read(path)
    row = next(row for row in rows if row_name in (row.get("slug"), row.get("id")))
    row.update(cells)
    write(path, rows)


def move_to_first_row(path, column: str, name: str) -> None:
    rows = read(path)
    write(path, sorted(rows, key=lambda row: row[column] != name))


def line_of(path, name: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(f"{name},"))


def read(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
