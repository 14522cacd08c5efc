"""Bars stay inside, on their side of the line, and have one scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_app.ledger.charts import PLOT, Point, draw, round_up
from consent_app.ledger.templatetags.ledger import grouped, short_number

counts = st.integers(min_value=0, max_value=2**31 - 1)
points = st.lists(st.builds(Point, st.just("a"), st.just(""), counts, counts), min_size=1).filter(
    lambda found: any(point.collected or point.left_out for point in found)
)


def share(percent):
    return float(percent.removesuffix("%"))


@given(points)
def test_every_bar_stays_inside_and_on_its_side(found):
    chart = draw(found)
    zero = share(chart.zero)

    for bar in chart.bars:
        top, above = share(bar.above_top), share(bar.above_height)
        assert top >= -0.7
        assert top + above == pytest.approx(zero, abs=0.002)
        assert zero + share(bar.below_height) <= PLOT + 0.7
        assert 0 <= share(bar.left) <= share(bar.left) + share(bar.width) <= 100.001


@given(points)
def test_what_happened_at_all_is_seen(found):
    for bar in draw(found).bars:
        assert (share(bar.above_height) > 0) == (bar.point.collected > 0)
        assert (share(bar.below_height) > 0) == (bar.point.left_out > 0)


def test_both_directions_have_one_scale():
    [bar] = draw([Point("a", "", 700, 350)]).bars

    assert share(bar.above_height) == pytest.approx(2 * share(bar.below_height), abs=0.01)


def test_nothing_is_not_drawn():
    with pytest.raises(ValueError, match="no counts"):
        draw([Point("a", "", 0, 0)])


@pytest.mark.parametrize(
    ("count", "rounded"),
    [(0, 0), (1, 1), (3, 3), (7, 8), (9, 10), (11, 15), (450, 500), (2010, 2500), (9999, 10_000)],
)
def test_the_scale_ends_at_a_round_number(count, rounded):
    assert round_up(count) == rounded


def test_counts_are_written_for_people():
    assert [short_number(count) for count in (0, 950, 1500, 40_000, 2_000_000)] == [
        "0", "950", "1.5k", "40k", "2M",
    ]  # fmt: skip
    assert grouped(1204) == "1,204"
