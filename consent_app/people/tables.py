"""Reads CSV files that people write by hand: every problem is found and given its line.

Knows nothing of what the columns mean; `directory_file` and `jurisdictions_file` do.
"""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from consent_app.people.errors import Problem
from consent_app.people.rules import invisible_character


@dataclass(frozen=True)
class Row:
    """One line's cells by column, without surrounding blanks. `line` counts the header as 1."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass
class Table:
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_table(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> Table:
    """Return the rows that have the right form and the problems of all others.

    UTF-8, with or without a byte order mark. Columns may stand in any order.
    """
    table = Table()
    text = _decoded(path.read_bytes(), table)
    if table.problems:
        return table
    records = _records(text, table)
    _, header = next(records, (1, []))
    table.columns = [name.strip() for name in header]
    table.problems += _header_problems(table.columns, required=required, optional=optional)
    if not table.problems:
        _read_rows(records, table)
    return table


def _decoded(raw: bytes, table: Table) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        table.problems.append(Problem(line, "This is not UTF-8 text. Save the file as UTF-8."))
        return ""
    if not text.strip():
        table.problems.append(Problem(1, "The file is empty."))
    return text


def _records(text: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of each record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        table.problems.append(Problem(line, f"This is not a CSV record: {error}."))


def _header_problems(
    columns: list[str], *, required: Collection[str], optional: Collection[str]
) -> list[Problem]:
    missing = [name for name in required if name not in columns]
    unknown = [name for name in columns if name not in required and name not in optional]
    double = sorted({name for name in columns if columns.count(name) > 1})
    return (
        [Problem(1, f"The column {name} is missing.") for name in missing]
        + [Problem(1, f"The column {name!r} is unknown.") for name in unknown]
        + [Problem(1, f"The column {name} stands there twice.") for name in double]
    )


def _read_rows(records: Iterator[tuple[int, list[str]]], table: Table) -> None:
    for line, record in records:
        if len(record) != len(table.columns):
            found, wanted = len(record), len(table.columns)
            table.problems.append(Problem(line, f"This row has {found} cells instead of {wanted}."))
            continue
        cells = {name: cell.strip() for name, cell in zip(table.columns, record, strict=True)}
        hidden = _hidden_characters(line, cells)
        table.problems += hidden
        if not hidden:
            table.rows.append(Row(line, cells))
    if not table.rows and not table.problems:
        table.problems.append(Problem(1, "The file has a header and no rows."))


def _hidden_characters(line: int, cells: dict[str, str]) -> list[Problem]:
    """Refuse what a reader can't see: it makes two names look alike, or a name read backwards."""
    return [
        Problem(line, f"{column} has the invisible character {character}.")
        for column, cell in cells.items()
        if (character := invisible_character(cell)) is not None
    ]
