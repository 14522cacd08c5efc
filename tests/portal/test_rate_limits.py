"""Counting attempts: over the time just past, and many at once one by one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connection

from portal.lib.rate_limits import RateLimited, check_rate


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


def attempt(who: str = "dana") -> int:
    """Return 0, or after how many seconds another attempt is worth it."""
    try:
        check_rate("knocking", who, most=3, per_seconds=60)
    except RateLimited as limited:
        return limited.retry_after_seconds
    return 0


def test_counts_the_time_just_past(frozen_time):
    said = []
    for seconds in (0, 20, 10, 10, 19, 1, 1):
        frozen_time.shift(seconds)
        said.append(attempt())

    assert said == [0, 0, 0, 20, 1, 0, 19]


def test_counts_everybody_apart(frozen_time):
    for _ in range(3):
        attempt("dana")

    assert (attempt("dana"), attempt("hugo")) == (60, 0)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_count_as_many():
    start = threading.Barrier(12)

    def run(_):
        start.wait()
        try:
            return attempt()
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(run, range(12)))

    assert said.count(0) == 3
