"""What came of it: counts, times and errors by kind."""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

PERCENTS: Final = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of all values do not exceed (nearest rank)."""
    return _ranked(sorted(values), percent)


class Tally:
    """Eight bytes for each time; names of times and kinds of errors are few."""

    def __init__(self) -> None:
        self.times: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.errors: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.measured_seconds = 0.0
        """How long requests were begun, without waiting for the last answers."""

    def time(self, name: str, seconds: float) -> None:
        self.times[name].append(seconds)

    def error(self, kind: str) -> None:
        self.errors[kind] += 1

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] += number

    def summary(self) -> dict[str, object]:
        """Return all of it as JSON can say it; times in seconds."""
        return {
            "measured_seconds": round(self.measured_seconds, 3),
            "times": {name: _spread(values) for name, values in sorted(self.times.items())},
            "errors": dict(self.errors.most_common()),
            "counts": dict(sorted(self.counts.items())),
        }


def _spread(values: Sequence[float]) -> Mapping[str, float]:
    ordered = sorted(values)
    spread = {f"p{percent}": _ranked(ordered, percent) for percent in PERCENTS}
    return {"count": len(ordered), **spread, "longest": ordered[-1]}


def _ranked(ordered: Sequence[float], percent: float) -> float:
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]
