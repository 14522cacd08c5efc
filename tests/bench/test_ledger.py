"""That the loader of counts still loads what people see, for as long as counts are kept."""

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from consent_app.ledger import rules
from consent_app.ledger.models import HourlyCount, Reporter
from tests.bench.__main__ import options_from
from tests.bench.fleet import enrol_fleet
from tests.bench.ledger import ROWS_A_DAY, load_ledger, measure_deletion, readers


@pytest.fixture
def loaded(ceilings):
    enrol_fleet(2)  # as for what `make bench` measures before
    with connection.cursor() as cursor:
        return load_ledger(cursor, rows=2 * 90 * ROWS_A_DAY)


def test_loads_as_many_counts_as_were_asked_for(loaded):
    assert len(loaded.agents) == 2
    assert loaded.rows == HourlyCount.objects.count()
    assert loaded.rows == pytest.approx(2 * 90 * ROWS_A_DAY, rel=0.02)


def test_what_is_loaded_stands_on_the_page(loaded, sign_in):
    [reader, _] = readers(loaded.agents)

    page = sign_in(reader).get(reverse("my-data"), {"show": "month"})

    counted = page.context["counted"]
    assert any(point.left_out for point in counted.points)
    assert len([point for point in counted.points if point.collected]) == 29  # not yet today


def test_all_but_the_oldest_day_is_left_after_deleting_it(loaded):
    measure_deletion()

    days = HourlyCount.objects.dates("hour", "day")
    assert len(days) == rules.RETENTION.days - 1
    assert min(days) > rules.oldest_day_kept(timezone.now())
    assert Reporter.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ([], 2_000_000),
        (["--only", "ledger"], 50_000_000),
        (["--ledger-rows", "100000"], 100_000),
        (["--only", "ledger", "--ledger-rows", "500000"], 500_000),
    ],
)
def test_the_whole_benchmark_loads_less_than_the_ledger_s_own(arguments, rows):
    assert options_from(arguments).ledger_rows == rows
