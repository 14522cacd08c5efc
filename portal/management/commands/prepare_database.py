"""Make the tables and give the role that serves requests what it needs, and no more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

# Tables of the audit log: the serving role may add and read, never change or remove.
APPEND_ONLY = ("audit_leaf", "audit_details", "audit_node")

GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
    *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {{role}}" for table in APPEND_ONLY),
    # A hung lock or query must not hold a page: it fails, is told, and can be tried again.
    "ALTER ROLE {role} SET statement_timeout = '10s'",
    "ALTER ROLE {role} SET lock_timeout = '3s'",
    "ALTER ROLE {role} SET idle_in_transaction_session_timeout = '30s'",
)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", default="portal", help="the role that serves requests")

    def handle(self, *, role: str, verbosity: int, **_options: Any) -> None:
        call_command("migrate", verbosity=max(0, verbosity - 1), interactive=False)
        call_command("createcachetable", verbosity=0)
        grant_serving_role(role)
        if verbosity:
            self.stdout.write(f"Tables are made; {role} may serve requests.")


def grant_serving_role(role: str) -> None:
    """Let `role` serve requests from the tables as they are now; run again after each migration.

    Raises:
        CommandError: the role owns the tables, or does not exist.
    """
    # All at once: between the first grant and the last the role could erase from the log.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user = %s, to_regrole(%s) IS NOT NULL", [role, role])
        is_owner, exists = cursor.fetchone()
        if is_owner:
            raise CommandError(
                f"{role} would own the tables. Set DATABASE_OWNER_URL to the owner's address."
            )
        if not exists:
            raise CommandError(f"There is no role {role}; docs/operations.md shows how to make it.")
        for grant in GRANTS:
            statement = sql.SQL(grant).format(role=sql.Identifier(role))
            cursor.execute(statement.as_string(None))
