"""Empties the database after a test that committed something.

Django truncates all tables, which makes each of them and its indexes anew: a third of a second of
the processor, most of it for tables in which nothing was. Here only the filled ones are emptied,
and the cache's, which is no model's: attempts that one test counted must not slow down another.
"""

from collections.abc import Sequence

from django.conf import settings
from django.core.management.color import Style
from django.db.backends.base.base import BaseDatabaseWrapper


def empty_quickly(connection: BaseDatabaseWrapper) -> None:
    """Let `flush` on this connection delete what is there; without a superuser it truncates."""
    truncate = connection.ops.sql_flush

    def sql_flush(style: Style, tables: Sequence[str], **options: bool) -> list[str]:
        tables = [*tables, settings.CACHES["default"]["LOCATION"]]
        filled = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables]
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('is_superuser')::bool")
            if options.get("reset_sequences") or not cursor.fetchone()[0]:
                return truncate(style, tables, **options)
            cursor.execute(" UNION ALL ".join(filled))
            # As a replica no trigger refuses it, and nobody asks who refers to whom.
            return [
                "SET LOCAL session_replication_role = replica",
                *(f'DELETE FROM "{table}"' for (table,) in cursor.fetchall()),
            ]

    connection.ops.sql_flush = sql_flush
