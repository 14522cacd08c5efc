"""What a room hands over of somebody, for the copy of everything that is held about them.

A room has `access.py` with a function from the person to a `Section`; `settings.ACCESS_SECTIONS`
names these functions. Rows are read when they are written, so that nobody holds them all at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Model, QuerySet

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one sort. `sources` are the labels of the models that they come from.

    `only_data` names columns that no reader needs: they stand in the data file alone.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    sources: frozenset[str]
    only_data: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class File:
    """Something that was attached, opened when it is written; `path` is relative and ours."""

    path: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Section:
    """What one room holds about a person, in the order of reading."""

    name: str
    title: str
    explanation: str
    tables: Sequence[Table]
    files: Iterable[File] = field(default=())


def sources(*models: type[Model]) -> frozenset[str]:
    """Return the labels of models, for a table whose rows are made by hand."""
    return frozenset(model._meta.label_lower for model in models)  # noqa: SLF001 (public)


def table_of(
    name: str,
    title: str,
    rows: "QuerySet[Model]",
    *fields: str,
    only_data: Sequence[str] = (),
    **renamed: str,
) -> Table:
    """Return a table of these fields of a query; `renamed` gives lookups another name."""
    lookups = [*fields, *renamed.values()]
    return Table(
        name=name,
        title=title,
        columns=(*fields, *renamed),
        rows=_read(rows, lookups),
        sources=sources(rows.model),
        only_data=frozenset(only_data),
    )


def _read(rows: "QuerySet[Model]", lookups: Sequence[str]) -> Iterator[Sequence[object]]:
    yield from rows.values_list(*lookups).iterator(chunk_size=ROWS_AT_ONCE)
