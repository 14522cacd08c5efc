"""Limits that a process keeps in memory: many at once, then by and by, each key apart."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.lib.bursts import BurstLimit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_many_at_once_and_then_by_and_by(clock):
    limit = BurstLimit(burst=3, per_second=0.5, clock=clock)

    assert [limit.take("a") for _ in range(5)] == [True, True, True, False, False]
    clock.now += 1.9
    assert not limit.take("a")
    clock.now += 0.2
    assert [limit.take("a") for _ in range(2)] == [True, False]


def test_what_is_refused_does_not_count(clock):
    limit = BurstLimit(burst=1, per_second=1, clock=clock)
    limit.take("a")
    for _ in range(50):
        limit.take("a")

    clock.now += 1

    assert limit.take("a")


def test_nobody_saves_more_than_a_burst(clock):
    limit = BurstLimit(burst=2, per_second=1, clock=clock)
    limit.take("a")
    clock.now += 3600

    assert [limit.take("a") for _ in range(3)] == [True, True, False]


def test_each_key_has_its_own(clock):
    limit = BurstLimit(burst=1, per_second=1, clock=clock)

    assert [limit.take("a"), limit.take("b"), limit.take("a")] == [True, True, False]


def test_looking_does_not_count(clock):
    limit = BurstLimit(burst=1, per_second=1, clock=clock)

    assert [limit.allows("a") for _ in range(3)] == [True, True, True]
    limit.count("a")
    assert not limit.allows("a")


def test_forgets_who_came_longest_ago(clock):
    limit = BurstLimit(burst=1, per_second=0.001, most_keys=2, clock=clock)
    for key in "abc":
        limit.take(key)

    assert not limit.allows("b")
    assert not limit.allows("c")
    assert limit.allows("a")


def test_many_threads_count_as_many(clock):
    limit = BurstLimit(burst=50, per_second=1, clock=clock)
    start = threading.Barrier(8)

    def run(_):
        start.wait()
        return sum(limit.take("a") for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(run, range(8))) == 50
