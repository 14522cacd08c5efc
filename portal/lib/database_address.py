"""Where connections go that are not Django's: to the database that Django uses."""

from django.conf import settings
from psycopg.conninfo import make_conninfo


def database_address(application_name: str) -> str:
    """Return a libpq connection string; `application_name` is what pg_stat_activity shows."""
    database = settings.DATABASES["default"]
    return make_conninfo(
        host=database["HOST"] or None,
        port=database["PORT"] or None,
        dbname=database["NAME"],
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        application_name=application_name,
        connect_timeout=2,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
    )
