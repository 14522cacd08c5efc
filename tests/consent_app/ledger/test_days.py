"""The tables of days: made ahead, dropped past the retention, by the role that owns none."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.utils import DataError

from consent_app.ledger import rules
from consent_app.ledger.actions import keep_days, receive_report
from consent_app.ledger.actions.days import make_days
from consent_app.ledger.models import HourlyCost, HourlyCount, Reporter
from consent_app.ledger.rules import Counted, Spent
from consent_app.ledger.schedule import keep_days as task
from portal.management.commands.prepare_database import grant_serving_role
from tests.conftest import NOON


def days(table="ledger_hourlycount"):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_inherits ON oid = inhrelid"
            " WHERE inhparent = %s::regclass ORDER BY relname",
            [table],
        )
        return [name.rsplit("_", 1)[1] for (name,) in cursor.fetchall()]


def test_makes_the_days_to_come_once(db, frozen_time):
    frozen_time.move_to(datetime(2031, 3, 1, 12, tzinfo=UTC))

    for _ in range(2):
        keep_days()

    assert days() == days("ledger_hourlycost")
    assert days()[0] == "20310221"
    assert days()[-1] == "20310315"


def test_drops_each_day_90_days_after_its_end_and_no_other(make_device, declared, frozen_time):
    device = make_device().device
    for hour in (NOON - timedelta(days=1), NOON):
        counted = [Counted(hour, declared[0], "keystrokes", 1)]
        receive_report(device=device, counted=counted, spent=[Spent(hour, 1.0, 1, None)])
    frozen_time.move_to(datetime(2027, 2, 21, 0, 0, tzinfo=UTC))

    task()

    assert list(HourlyCount.objects.values_list("hour", flat=True)) == [NOON]
    assert list(HourlyCost.objects.values_list("hour", flat=True)) == [NOON]
    assert Reporter.objects.get().first_captured_at == NOON - timedelta(days=1)
    frozen_time.move_to(datetime(2027, 2, 22, 0, 0, tzinfo=UTC))
    task()
    assert not HourlyCount.objects.exists()


@pytest.fixture
def as_portal(db):
    """Go on as the role that serves requests."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'portal'")
        assert cursor.fetchone()
    grant_serving_role("portal")
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE portal")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def test_the_serving_role_makes_and_drops_days_by_these_functions_alone(as_portal, frozen_time):
    frozen_time.move_to(datetime(2031, 3, 1, 12, tzinfo=UTC))

    assert keep_days() > 0

    assert days()[0] == "20310221"
    with pytest.raises(ProgrammingError, match="must be owner"), transaction.atomic():
        connection.cursor().execute("DROP TABLE ledger_hourlycount_20310221")


def test_makes_no_endless_row_of_days(db):
    with pytest.raises(DataError, match="63 days"), transaction.atomic():
        make_days(first=date(2026, 1, 1), last=date(2027, 1, 1))


def test_the_retention_is_longer_than_reports_may_be_late():
    assert rules.OLDEST_REPORT + timedelta(days=1) < rules.RETENTION
