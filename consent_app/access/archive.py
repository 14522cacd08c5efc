"""Writes the ZIP: a page to read, and all of it as JSON, section by section and row by row.

The page shows the first rows of long tables and says how many there are; the data files have all.
Nothing in it runs: the page has no script and its style is a file beside it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from io import RawIOBase
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from portal.lib.sections import Section, Table

PAGE = "my-data.html"
STYLE = Path(__file__).parent / "data" / "style.css"
SHOWN_ROWS = 200
WIDEST = 7


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table as the page shows it: its first rows as words, and how many it has."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    count: int

    @property
    def is_wide(self) -> bool:
        """Whether it has more columns than can be read side by side."""
        return len(self.columns) > WIDEST

    @property
    def entries(self) -> list[list[tuple[str, str]]]:
        """The rows of a wide table, each as what it says under which name."""
        pairs = (zip(self.columns, row, strict=True) for row in self.rows)
        return [[(name, value) for name, value in row if value] for row in pairs]


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section as the page shows it; `data` and `files` are paths in the ZIP."""

    name: str
    title: str
    explanation: str
    tables: list[ShownTable]
    data: str
    files: list[str]


def sections_of(person: Employee) -> Iterator[Section]:
    """Yield what every room holds about this person, in the order of settings.ACCESS_SECTIONS."""
    for path in settings.ACCESS_SECTIONS:
        yield import_string(path)(person)


@sensitive_variables()
def write_archive(to: RawIOBase, *, person: Employee, made_at: datetime) -> None:
    """Write everything that is held about a person to a file that need not be seekable."""
    with (
        ZipFile(to, "w", ZIP_DEFLATED) as archive,
        timezone.override(ZoneInfo(person.time_zone)),
    ):
        writer = _Writer(archive, made_at)
        shown = [writer.section(section) for section in sections_of(person)]
        context = {"person": person, "made_at": made_at, "sections": shown}
        writer.file(PAGE, render_to_string("access/my_data.html", context).encode())
        writer.file("style.css", STYLE.read_bytes())


class _Writer:
    """Adds files to a ZIP, one after the other, all with the time of the copy."""

    def __init__(self, archive: ZipFile, made_at: datetime) -> None:
        self._archive = archive
        self._date = made_at.timetuple()[:6]

    def file(self, path: str, content: bytes) -> None:
        with self._open(path) as file:
            file.write(content)

    @sensitive_variables()
    def section(self, section: Section) -> ShownSection:
        """Write a section's data and its files, and return what the page shows of it."""
        path = f"data/{section.name}.json"
        with self._open(path) as file:
            file.write(f'{{"title": {_json(section.title)}, "tables": {{'.encode())
            tables = []
            for number, table in enumerate(section.tables):
                file.write(f"{',' if number else ''}\n {_json(table.name)}: [".encode())
                tables.append(_write_rows(file, table))
                file.write(b"]")
            file.write(b"\n}}\n")
        files = []
        for attached in section.files:
            self.file(attached.path, attached.read())
            files.append(attached.path)
        return ShownSection(section.name, section.title, section.explanation, tables, path, files)

    def _open(self, path: str) -> IO[bytes]:
        entry = ZipInfo(path, date_time=self._date)
        entry.compress_type = ZIP_DEFLATED
        return self._archive.open(entry, "w")


@sensitive_variables()
def _write_rows(file: IO[bytes], table: Table) -> ShownTable:
    """Write all rows, each an object on a line of its own, and keep the first for the page."""
    shown_columns = [column for column in table.columns if column not in table.only_data]
    kept: list[list[str]] = []
    count = 0
    for values in table.rows:
        row = dict(zip(table.columns, values, strict=True))
        file.write(f"{',' if count else ''}\n  {_json(row)}".encode())
        count += 1
        if len(kept) < SHOWN_ROWS:
            kept.append([in_words(row[column]) for column in shown_columns])
    return ShownTable(table.title, [_label(column) for column in shown_columns], kept, count)


def in_words(value: object) -> str:
    """Return a value as the page shows it, times in the zone that is active."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            local = timezone.localtime(value)
            return f"{date_format(local, 'j F Y, H:i:s')} {local:%Z}"
        case date():
            return date_format(value, "j F Y")
        case time():
            return f"{value:%H:%M}"
        case Mapping():
            return "; ".join(f"{_label(str(name))}: {in_words(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(in_words(one) for one in value)
        case _:
            return str(value)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
