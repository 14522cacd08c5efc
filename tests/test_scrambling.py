"""The option that shuffles: it does, and leaves alone what a query orders."""

import pytest

from consent_app.people.models import Jurisdiction
from tests.scrambling import scramble

CODES = [f"X{number:02}" for number in range(40)]


@pytest.fixture
def places(make_jurisdiction, monkeypatch):
    for code in CODES:
        make_jurisdiction(code)
    scramble(monkeypatch)
    return Jurisdiction.objects.filter(code__in=CODES)


def codes(places) -> list[str]:
    return [place.code for place in places]


def test_rows_without_an_order_are_shuffled(places):
    unordered = places.order_by()

    assert sorted(codes(unordered)) == CODES
    assert codes(unordered.all()) != codes(unordered.all())


def test_ties_are_shuffled_and_what_is_ordered_is_not(places):
    by_regime = places.order_by("regime")

    assert codes(by_regime.all()) != codes(by_regime.all())
    assert codes(places.order_by("code")) == CODES
    assert codes(places.order_by("-code")) == CODES[::-1]


def test_other_forms_of_a_query_mean_the_same(places):
    assert places.order_by().count() == len(CODES)
    assert places.order_by().exists()
    assert set(places.order_by().values_list("regime", flat=True).distinct()) == {"test"}
    assert len(codes(places.order_by("regime").distinct("regime"))) == 1
    assert len(codes(places.order_by()[:7])) == 7
    both = places.filter(code="X01").union(places.filter(code="X02"))
    assert sorted(codes(both)) == ["X01", "X02"]
