"""The geometry of the chart: what was collected above a line, what was not below it. Pure.

Everything is a share of the picture's width or height, so it fits any screen and its words keep
their size. The template draws it (`templates/ledger/chart.html`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

# Shares of the height and of a bar's place. The rest of the height holds the words of the axis.
PLOT = 86.0
HEAD = 4.0
BAR = 0.72
LEAST_HEIGHT = 0.6
# The words of two lines need as much room between them.
LEAST_DISTANCE = 7.0
ROUND = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100)  # tenths of a power of ten
# Below the line there is always room for a glance, also where little was left out.
LEAST_BELOW = 0.12


@dataclass(frozen=True, slots=True)
class Point:
    """One hour or day: its name in full, its name on the axis (or none), and its two counts."""

    name: str
    mark: str
    collected: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A point as it is drawn; every member but `point` is a percentage."""

    point: Point
    place: str
    place_width: str
    left: str
    width: str
    middle: str
    above_top: str
    above_height: str
    below_height: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale, and the count that it stands for."""

    y: str
    count: int


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    lines: list[Line]
    zero: str
    floor: str


def draw(points: Sequence[Point]) -> Chart:
    """Place the bars; both directions have one scale, so that heights compare.

    Raises:
        ValueError: there is nothing to draw.
    """
    most_above = max(point.collected for point in points)
    most_below = max(point.left_out for point in points)
    if not most_above and not most_below:
        raise ValueError("no counts")
    above, below = round_up(most_above), round_up(most_below)
    room_below = max(below, LEAST_BELOW * above)
    unit = (PLOT - HEAD) / (above + room_below)
    zero = HEAD + above * unit
    place = 100 / len(points)
    bars = []
    for number, point in enumerate(points):
        height_above = _height(point.collected, unit)
        bars.append(
            Bar(
                point,
                place=_percent(number * place),
                place_width=_percent(place),
                left=_percent((number + (1 - BAR) / 2) * place),
                width=_percent(BAR * place),
                middle=_percent((number + 0.5) * place),
                above_top=_percent(zero - height_above),
                above_height=_percent(height_above),
                below_height=_percent(_height(point.left_out, unit)),
            )
        )
    scale = [(above, zero - above * unit), (below, zero + below * unit)]
    if above % 2 == 0:
        scale.append((above // 2, zero - above / 2 * unit))
    lines = [Line(_percent(y), count) for count, y in scale if abs(y - zero) >= LEAST_DISTANCE]
    return Chart(bars, lines, _percent(zero), _percent(PLOT))


def round_up(count: int) -> int:
    """Return the next round number: 1 to 6, 8, 10, 15, 20, 25, 30, 40 and so on; 0 for nothing."""
    if count == 0:
        return 0
    step: int = 10 ** (len(str(count)) - 1)
    sizes = (size * step for size in ROUND)
    return next(size // 10 for size in sizes if size % 10 == 0 and size // 10 >= count)


def _height(count: int, unit: float) -> float:
    """Return a bar's height; what happened at all can be seen."""
    return max(count * unit, LEAST_HEIGHT) if count else 0.0


def _percent(share: float) -> str:
    return f"{share:.3f}%"
