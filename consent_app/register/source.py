"""Reads the files that make a register, and names every line of them that can't be meant.

`applications.csv` and `protected_content.csv` hold the rows, `programme.toml` the words. A reader
goes on after a problem, so that one run names them all; whether the rows fit together is checked
here too (no identifier belongs to two rows). Nothing here touches the database.
"""

import csv
import io
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consent_app.register import rules
from consent_app.register.errors import Problem, RegisterInvalid
from consent_app.register.models import Application, Safeguard
from consent_app.register.programme import Programme
from consent_app.register.rules import Check, Row, values
from consent_app.register.tables import NOT_KEPT, row_of_safeguard, unquoted

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
    category_of = {line.row["slug"]: line.row["category"] for line in applications}
    problems += [
        Problem(SAFEGUARDS, line.number, wrong)
        for line in safeguards
        for wrong in rules.check_category_examples(line.row, category_of)
    ]
    if safeguards and not any(line.row["class"] == rules.PASSWORDS for line in safeguards):
        problems.append(Problem(SAFEGUARDS, 0, f"nothing has the class {rules.PASSWORDS}"))
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
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.append(Problem(path.name, 0, _unreadable(error)))
        return []
    lines, found = _lines(data, path.name, [columns], check)
    problems += found
    return lines


def read_applications(data: bytes, *, kinds: Collection[str]) -> tuple[list[Line], list[Problem]]:
    """Read a table of applications; return its lines, and everything that is wrong with any.

    It may have a column for `kinds`, those of the version, or be a file as it ships.
    """

    def check(row: Row) -> Iterator[str]:
        yield from rules.check_application(row)
        yield from rules.check_kinds(row, kinds)

    headers = [rules.TABLE_COLUMNS, rules.APPLICATION_COLUMNS]
    lines, problems = _lines(data, APPLICATIONS, headers, check)
    problems += _repeated(APPLICATIONS, lines, identifiers_of)
    return lines, sorted(problems, key=lambda problem: problem.line)


def read_safeguards(
    data: bytes, *, known: Mapping[str, Safeguard], category_of: Mapping[str, str]
) -> tuple[list[Line], list[Problem]]:
    """Read a table of safeguards, as `read_applications` does.

    One that says what a `known` one says needs no examples, any other is tried on its own.
    """

    def check(row: Row) -> Iterator[str]:
        before = known.get(row["id"])
        has_examples = bool(row["example_match"] or row["example_no_match"])
        if before is None or has_examples or not says_the_same(row, before):
            yield from rules.check_safeguard(row)
            yield from rules.check_category_examples(row, category_of)

    lines, problems = _lines(data, SAFEGUARDS, [rules.SAFEGUARD_COLUMNS], check)
    problems += _repeated(SAFEGUARDS, lines, lambda row: [("id", row["id"])])
    return lines, sorted(problems, key=lambda problem: problem.line)


def _lines(
    data: bytes, name: str, headers: Sequence[Sequence[str]], check: Check
) -> tuple[list[Line], list[Problem]]:
    """Read the rows beneath one of `headers`; the first of them is asked for."""
    columns = headers[0]
    lines: list[Line] = []
    problems: list[Problem] = []
    try:
        for number, cells in _records(data.decode("utf-8-sig")):
            if number == 1:
                columns = next((one for one in headers if tuple(one) == tuple(cells)), ())
                if columns:
                    continue
                problems.append(Problem(name, 1, f"columns must be {','.join(headers[0])}"))
                break
            if len(cells) != len(columns):
                wrong = f"{len(cells)} cells instead of {len(columns)}"
                problems.append(Problem(name, number, wrong))
            else:
                lines.append(Line(number, _row(columns, cells)))
    except UnicodeDecodeError as error:
        problems.append(Problem(name, 0, _unreadable(error)))
    except _NoRecord as error:
        problems.append(Problem(name, error.line, str(error)))
    else:
        if not lines and not problems:
            problems.append(Problem(name, 0, "holds no rows"))
    problems += [Problem(name, line.number, wrong) for line in lines for wrong in check(line.row)]
    return lines, problems


def _row(columns: Sequence[str], cells: Sequence[str]) -> Row:
    return {
        column: unquoted(cell) if column in rules.VERBATIM else cell
        for column, cell in zip(columns, cells, strict=True)
    }


class _NoRecord(Exception):
    """What begins on `line` is no record: a quotation mark is not closed, or stands amid words."""

    def __init__(self, line: int, error: csv.Error) -> None:
        self.line = line
        super().__init__(str(error))


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record's first line, and its cells; empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    first = 1
    try:
        for cells in reader:
            if cells:
                yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise _NoRecord(first, error) from None


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


def says_the_same(row: Row, safeguard: Safeguard) -> bool:
    """Whether a row says what a safeguard says, whatever its examples and source."""
    kept = {column: cell for column, cell in row.items() if column not in NOT_KEPT}
    return kept.items() <= row_of_safeguard(safeguard).items()


def applications_of(
    rows: Iterable[Row], known: Mapping[str, Application], every_kind: Iterable[str]
) -> list[Application]:
    """Return what a table says; `every_kind` has the version's kinds in order.

    In a table without kinds one that is collected from already keeps its own, and another one gets
    every kind.
    """
    every = list(every_kind)
    made = []
    for row in rows:
        before = known.get(row["slug"])
        if rules.KINDS in row:
            said = values(row[rules.KINDS])
            kinds = [kind for kind in every if kind in said]
        else:
            kinds = before.kinds if before and before.kinds else every
        made.append(application_of(row, kinds))
    return made


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
