"""`--scramble`: rows that a query gives no order come in another one each time.

PostgreSQL promises no order beyond what is asked for, yet nearly always gives rows as they were
written. What relies on that holds for months and fails once: a list that jumps about on a page, or
a test. With this option the database shuffles ties and unordered rows, for all that the tests' own
process asks through Django.
"""

from collections.abc import Iterator

import pytest
from django.db.models.expressions import OrderBy
from django.db.models.functions import Random
from django.db.models.sql.compiler import SQLCompiler


class Shuffled(Random):
    """`ORDER BY random()` that adds nothing to GROUP BY."""

    def get_group_by_cols(self) -> list[object]:
        return []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--scramble", action="store_true", help="shuffle rows that queries give no order"
    )


@pytest.fixture(autouse=True, scope="session")
def _scrambled_rows(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.config.getoption("--scramble"):
            scramble(monkeypatch)
        yield


def scramble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every query end its ORDER BY with chance, where SQL allows that."""
    order_by = SQLCompiler.get_order_by

    def get_order_by(self: SQLCompiler) -> list:
        wanted, query = order_by(self), self.query
        is_fixed = query.combinator or (
            query.distinct and not (query.distinct_fields and query.order_by)
        )
        if is_fixed:
            return wanted
        chance = OrderBy(Shuffled())
        return [*wanted, (chance, (*self.compile(chance), False))]

    monkeypatch.setattr(SQLCompiler, "get_order_by", get_order_by)
