"""Reads the files that make a register, and names every line of them that can't be meant.

`applications.csv` and `protected_content.csv` hold the rows, `programme.toml` the words. A reader
goes on after a problem, so that one run names them all; whether the rows fit together is checked
here too (no identifier belongs to two rows). Nothing here touches the database.
"""

import csv
import io
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consent_agent.protocol.safeguards import Detector
from consent_app.register import rules
from consent_app.register.errors import Problem, RegisterInvalid
from consent_app.register.models import Application, Category, Safeguard
from consent_app.register.programme import Programme
from consent_app.register.rules import Check, Row, values

APPLICATIONS = "applications.csv"
SAFEGUARDS = "protected_content.csv"
PROGRAMME = "programme.toml"


@dataclass(frozen=True, slots=True)
class Source:
    """What the files say, checked. The rows belong to no version yet."""

    applications: list[Application]
    safeguards: list[Safeguard]
    programme: Programme


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file and the line that it begins on."""

    number: int
    row: Row


def read_source(folder: Path) -> Source:
    """Read the three files in `folder`.

    Raises:
        RegisterInvalid: with everything that is wrong in any of them.
    """
    problems: list[Problem] = []
    programme = _read_programme(folder / PROGRAMME, problems)
    applications = _read_table(
        folder / APPLICATIONS, rules.APPLICATION_COLUMNS, rules.check_application, problems
    )
    safeguards = _read_table(
        folder / SAFEGUARDS, rules.SAFEGUARD_COLUMNS, rules.check_safeguard, problems
    )
    problems += _repeated(APPLICATIONS, applications, identifiers_of)
    problems += _repeated(SAFEGUARDS, safeguards, lambda row: [("id", row["id"])])
    problems += _wrong_category_examples(applications, safeguards)
    if problems or programme is None:
        raise RegisterInvalid(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    kinds = [kind.code for kind in programme.kinds]
    return Source(
        applications=[application_of(line.row, kinds) for line in applications],
        safeguards=[safeguard_of(line.row) for line in safeguards],
        programme=programme,
    )


def _read_programme(path: Path, problems: list[Problem]) -> Programme | None:
    try:
        programme = Programme.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems += [Problem(path.name, 0, _in_words(found)) for found in error.errors()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem(path.name, 0, _unreadable(error)))
    else:
        problems += [Problem(path.name, 0, text) for text in programme.contradictions()]
        return programme
    return None


def _in_words(error: ErrorDetails) -> str:
    """Say where in the file it is, counting from 1: `kinds 2 retention_days: …`."""
    place = " ".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    return f"{place}: {error['msg']}"


def _unreadable(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return f"not UTF-8 at byte {error.start}"
        case OSError():
            return f"can't be read ({error.strerror})"
        case _:
            return str(error)


def _read_table(
    path: Path, columns: Sequence[str], check: Check, problems: list[Problem]
) -> list[Line]:
    """Return the rows that have all columns; add to `problems` whatever is wrong with any row."""
    lines: list[Line] = []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(path.name, 0, _unreadable(error)))
        return []
    lines, found = _lines(text, path.name, columns, check)
    problems += found
    return lines


def read_applications(data: bytes, name: str = APPLICATIONS) -> tuple[list[Line], list[Problem]]:
    """Read a table of applications; return its lines, and everything that is wrong with any."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Problem(name, 0, _unreadable(error))]
    lines, problems = _lines(text, name, rules.APPLICATION_COLUMNS, rules.check_application)
    problems += _repeated(name, lines, identifiers_of)
    return lines, sorted(problems, key=lambda problem: problem.line)


def _lines(
    text: str, name: str, columns: Sequence[str], check: Check
) -> tuple[list[Line], list[Problem]]:
    lines: list[Line] = []
    problems: list[Problem] = []
    try:
        for number, cells in _records(text):
            if number == 1 and tuple(cells) != tuple(columns):
                problems.append(Problem(name, 1, f"columns must be {','.join(columns)}"))
                break
            if len(cells) != len(columns):
                wrong = f"{len(cells)} cells instead of {len(columns)}"
                problems.append(Problem(name, number, wrong))
            elif number > 1:
                lines.append(Line(number, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        problems.append(Problem(name, 0, _unreadable(error)))
    else:
        if not lines:
            problems.append(Problem(name, 0, "holds no rows"))
    problems += [Problem(name, line.number, wrong) for line in lines for wrong in check(line.row)]
    return lines, problems


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record's first line, and its cells; empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    first = 1
    for cells in reader:
        if cells:
            yield first, cells
        first = reader.line_num + 1


def _repeated(
    file: str, lines: list[Line], names_of: Callable[[Row], Iterable[tuple[str, str]]]
) -> Iterator[Problem]:
    """Find names that belong to an earlier row."""
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        for name in names_of(line.row):
            first = seen.setdefault(name, line.number)
            if first != line.number:
                yield Problem(file, line.number, f"{name[0]} {name[1]!r} belongs to line {first}")


def identifiers_of(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (column, name) of everything that a row is told apart by, as devices compare it."""
    yield "slug", row["slug"]
    for column, has_capitals in rules.IDENTIFIER_COLUMNS.items():
        for name in values(row[column]):
            yield column, name if has_capitals else name.lower()


def _wrong_category_examples(applications: list[Line], safeguards: list[Line]) -> Iterator[Problem]:
    """Check the safeguards whose examples are applications of a category, and of another one."""
    category_of = {line.row["slug"]: line.row["category"] for line in applications}
    for line in safeguards:
        if line.row["detector"] != Detector.APP_CATEGORY:
            continue
        category = line.row["pattern"]
        if category not in Category:
            yield Problem(SAFEGUARDS, line.number, f"pattern {category!r} is not a category")
        if category_of.get(line.row["example_match"]) != category:
            text = f"example_match is no application of category {category!r}"
            yield Problem(SAFEGUARDS, line.number, text)
        if category_of.get(line.row["example_no_match"], category) == category:
            text = f"example_no_match is no application of another category than {category!r}"
            yield Problem(SAFEGUARDS, line.number, text)


def application_of(row: Row, kinds: list[str]) -> Application:
    """Return what a row says, of no version yet; an excluded one has none of `kinds`."""
    is_excluded = row["default_scope"] == "excluded"
    return Application(
        slug=row["slug"],
        name=row["name"],
        vendor=row["vendor"],
        category=row["category"],
        macos_bundle_ids=values(row["macos_bundle_id"]),
        windows_executables=values(row["windows_executable"]),
        linux_executables=values(row["linux_executable"]),
        domains=values(row["domains"]),
        communication=row["is_communication"] == "true",
        sensitivity=row["sensitivity"],
        kinds=[] if is_excluded else kinds,
        excluded=is_excluded,
        reason=row["default_exclusion_reason"],
        verified=row["verified"] == "yes",
        source=row["source"],
    )


def safeguard_of(row: Row) -> Safeguard:
    return Safeguard(
        safeguard_id=row["id"],
        protects=row["class"],
        detector=row["detector"],
        pattern=row["pattern"],
        validator=row["validator"],
        action=row["action"],
        explanation=row["explanation"],
    )
