"""Writes rows by COPY: much faster than `bulk_create`, and triggers still look at each row."""

from collections.abc import Iterable, Sequence
from enum import Enum
from operator import attrgetter

from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb


def copy_models(rows: Sequence[models.Model]) -> None:
    """Write new rows of one model; keys that the database counts up are left to it."""
    if not rows:
        return
    fields = [
        field
        for field in type(rows[0])._meta.concrete_fields
        if not (isinstance(field, models.AutoField) and rows[0].pk is None)
    ]
    values = attrgetter(*(field.attname for field in fields))
    copy_rows(type(rows[0]), [field.column for field in fields], map(values, rows))


def copy_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write rows of a model, given as values of these columns; a dict is JSON."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        write = copy.write_row
        for row in rows:
            write([_plain(value) for value in row])


def _plain(value: object) -> object:
    """Return what the driver takes without asking a field: it is several times as fast."""
    if isinstance(value, Enum):
        return value.value
    return Jsonb(value) if isinstance(value, dict) else value
