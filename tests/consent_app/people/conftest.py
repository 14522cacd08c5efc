"""A directory as a file. A test names the rows and columns that matter to it."""

import csv
import io
from functools import partial
from pathlib import Path

import pytest

from consent_app.people.models import Employee
from consent_app.people.queries import system_user

COLUMNS = (
    "employee_number", "name", "email", "manager_number", "jurisdiction", "time_zone", "locale",
)  # fmt: skip


def row(number: str, manager: str = "", **cells: str) -> dict[str, str]:
    """Return the cells of one person, with plausible defaults."""
    defaults = {
        "employee_number": number,
        "name": f"Person {number}",
        "email": f"{number.lower()}@example.com",
        "manager_number": manager,
        "jurisdiction": "US-CA",
        "time_zone": "America/Los_Angeles",
        "locale": "en-US",
    }
    return defaults | cells


def write_csv(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = ()) -> Path:
    """Write rows as a directory; columns that only some rows have are added."""
    names = columns or tuple(dict.fromkeys([*COLUMNS, *(name for r in rows for name in r)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


@pytest.fixture
def write_directory(tmp_path):
    return partial(write_csv, tmp_path / "directory.csv")


@pytest.fixture
def places(make_jurisdiction):
    for code in ("US", "US-CA", "DE"):
        make_jurisdiction(code)


@pytest.fixture
def system(places):
    return system_user()


@pytest.fixture
def everybody():
    """Return a function that tells the directory as it stands: number -> (e-mail, active)."""

    def tell() -> dict[str, tuple[str, bool]]:
        rows = Employee.objects.exclude(employee_number="SYSTEM")
        return {one.employee_number: (one.email, one.is_active) for one in rows}

    return tell
