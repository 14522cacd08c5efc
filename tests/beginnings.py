"""What many tests begin with is made once in each worker; later tests begin with its rows.

Loading the register or the grounds takes tenths of a second, again and again, and always gives the
same. So the first test that begins so runs the real action, and the others copy what it wrote. A
test whose database holds more than people by then runs the real action too: what the log holds and
which devices there are would make a difference.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction

from consent_app.people.models import SYSTEM_NUMBER, Employee, Jurisdiction
from consent_app.people.queries import system_user

# Of whom there are is what is loaded independent.
PEOPLE = frozenset({"people", "auth", "account", "contenttypes", "sessions"})


@dataclass(frozen=True)
class Beginning:
    """The portal's own user, in whose name it was made, and the rows of each table."""

    by: Employee
    where: Jurisdiction
    tables: dict[str, bytes]


_kept: dict[str, Beginning] = {}


def begin_with(name: str, make: Callable[[], object]) -> None:
    """Bring about what `make` writes in the portal's name; the same `name` is the same rows."""
    if not _is_empty():
        make()
    elif (kept := _kept.get(name)) is not None:
        _write(kept)
    else:
        make()
        by = system_user()
        _kept[name] = Beginning(by, by.jurisdiction, dict(_read()))


def _is_empty() -> bool:
    """Whether there are at most people, and rows can be written past triggers."""
    if Employee.objects.filter(employee_number=SYSTEM_NUMBER).exists():
        return False
    filled = " OR ".join(f'EXISTS (SELECT FROM "{table}")' for table in _tables())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT ({filled}) AND current_setting('is_superuser')::bool")
        return bool(cursor.fetchone()[0])


def _tables() -> list[str]:
    return [
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.label not in PEOPLE
        for model in config.get_models(include_auto_created=True)
    ]


def _read() -> Iterator[tuple[str, bytes]]:
    for table in _tables():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
            if cursor.fetchone()[0]:
                with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT BINARY)') as rows:
                    yield table, b"".join(rows)


def _write(kept: Beginning) -> None:
    """Write the rows past triggers, which would refuse to add to what is published."""
    with transaction.atomic(), connection.cursor() as cursor:
        Jurisdiction.objects.bulk_create([copy(kept.where)], ignore_conflicts=True)
        Employee.objects.bulk_create([copy(kept.by)])
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, rows in kept.tables.items():
            with cursor.copy(f'COPY "{table}" FROM STDIN (FORMAT BINARY)') as writing:
                writing.write(rows)
        cursor.execute("SET LOCAL session_replication_role = origin")
        # A server that was killed gives out keys again that no committed row has: these copies'.
        models = apps.get_models(include_auto_created=True)
        written = [model for model in models if model._meta.db_table in kept.tables]
        cursor.execute("".join(connection.ops.sequence_reset_sql(no_style(), written)))
