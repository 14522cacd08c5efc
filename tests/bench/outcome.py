"""What a measurement found, beside what was promised."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.bench.figures import table

VERDICTS = {True: "met", False: "NOT MET", None: ""}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `is_met` is None where nothing was promised or nothing could be measured."""

    what: str
    value: str
    target: str = ""
    is_met: bool | None = None

    @classmethod
    def at_most(cls, what: str, value: float, limit: float, form: str = "{:,.1f}") -> "Figure":
        return cls(what, form.format(value), f"under {form.format(limit)}", value < limit)

    @classmethod
    def at_least(cls, what: str, value: float, limit: float, form: str = "{:,.0f}") -> "Figure":
        return cls(what, form.format(value), f"at least {form.format(limit)}", value >= limit)

    @classmethod
    def not_measured(cls, what: str, why: str) -> "Figure":
        return cls(what, f"not measured: {why}")


@dataclass
class Outcome:
    """The figures of one part, tables that explain them, and how many answers were wrong."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def add_errors(self, errors: dict[str, int], *, during: str = "") -> None:
        for kind, count in errors.items():
            name = f"{during}: {kind}" if during else kind
            self.errors[name] = self.errors.get(name, 0) + count

    def text(self) -> str:
        """Return it as `make bench` prints it."""
        parts = [f"\n## {self.title}", *self.tables]
        if self.figures:
            parts.append(figures_table(self.figures))
        parts += [f"ERROR {kind}: {count:,}" for kind, count in self.errors.items()]
        return "\n\n".join(parts)


def figures_table(figures: Iterable[Figure]) -> str:
    rows = [[one.what, one.value, one.target, VERDICTS[one.is_met]] for one in figures]
    return table(["what", "figure", "target", ""], rows)
