"""How the service itself does: its processes, queue, mails, database and keys, each as it is now.

Whatever can't be known is None, and said to be unknown; nothing here waits for long, and a broker
that is away breaks nothing.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from kombu.exceptions import KombuError

from consent_app.notifications.queries import late_mails
from portal.celery import app
from portal.lib.key_ages import KeyAge, key_ages
from portal.schedule import PULSE

ANSWER_SECONDS = 0.5
MOST_COUNTED = 1_000
# A message that is mailed as it should be is not counted: in a small place it could tell what its
# reader just did.
MAILED_WITHIN = timedelta(minutes=1)
# The parts that `environment.process_name` and `asgi` name; a server process has two of them.
SESSIONS = """
    SELECT split_part(application_name, ' ', 2) AS part,
           split_part(application_name, ' ', 3) AS pid,
           bool_or(query LIKE 'LISTEN %') AS listens
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'consent-portal %'
     GROUP BY 1, 2
"""
DATABASE = """
    SELECT current_setting('server_version'), pg_database_size(current_database()),
           (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
           current_setting('max_connections')::int
"""


@dataclass(frozen=True, slots=True)
class Processes:
    """How many of each part have the database open. One that serves polls serves pages too."""

    servers: int
    polling: int
    listening: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Tasks that wait at the broker, and whether a worker answers; None where it is not known."""

    waiting: int | None
    has_worker: bool | None
    is_reached: bool


@dataclass(frozen=True, slots=True)
class Mails:
    """Messages that wait for longer than MAILED_WITHIN."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Database:
    version: str
    size_bytes: int
    connections: int
    most_connections: int
    answer_ms: float


@dataclass(frozen=True, slots=True)
class Health:
    at: datetime
    processes: Processes
    queue: Queue
    mails: Mails
    database: Database
    pulse: datetime | None
    keys: list[KeyAge]


def health() -> Health:
    """Look at everything once."""
    now = timezone.now()
    return Health(
        at=now,
        processes=_processes(),
        queue=_queue(),
        mails=Mails(*late_mails(owed_before=now - MAILED_WITHIN, most=MOST_COUNTED)),
        database=_database(),
        pulse=cache.get(PULSE),
        keys=key_ages(),
    )


def _processes() -> Processes:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS)
        rows = cursor.fetchall()
    serving = {pid for part, pid, _ in rows if part in ("pages", "poll")}
    polling = {pid: listens for part, pid, listens in rows if part == "poll"}
    return Processes(
        servers=len(serving),
        polling=len(polling),
        listening=sum(polling.values()),
    )


def _database() -> Database:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        answer_ms = (time.perf_counter() - began) * 1000
        cursor.execute(DATABASE)
        version, size_bytes, connections, most = cursor.fetchone()
    return Database(version.split(" ")[0], size_bytes, connections, most, answer_ms)


def _queue() -> Queue:
    """Ask the broker, which may be away."""
    broker: Any = app.connection_for_read(connect_timeout=ANSWER_SECONDS)
    try:
        with broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=1)
            waiting = _length(broker)
            # The first answer is enough: to wait for all takes the whole time, whoever answers.
            answers = app.control.ping(timeout=ANSWER_SECONDS, connection=broker, limit=1) or []
    except (OSError, KombuError, *broker.connection_errors):
        return Queue(None, None, is_reached=False)
    return Queue(waiting, bool(answers), is_reached=True)


def _length(broker: Any) -> int:
    """Return how many tasks wait. Redis drops a queue that is empty, so none there means none."""
    try:
        queue = app.conf.task_default_queue
        return int(broker.default_channel.queue_declare(queue=queue, passive=True)[1])
    except broker.channel_errors:
        return 0
