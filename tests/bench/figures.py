"""Percentiles, and tables that line up."""

import math
from collections.abc import Sequence

UNKNOWN = "?"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of all values do not exceed (nearest rank)."""
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as text, the first column to the left and the figures to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def thousands(number: float) -> str:
    return f"{number:,.0f}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def share(part: float | None) -> str:
    return UNKNOWN if part is None else f"{part:.0%}"
