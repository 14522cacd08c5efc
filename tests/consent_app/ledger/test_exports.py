"""The CSV runs nothing in a spreadsheet and loses nothing, whatever a device is called."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_app.ledger.exports import COLUMNS, FORMULA, csv_lines
from consent_app.ledger.queries.own import Row

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.builds(
    "{}{}".format, st.sampled_from(FORMULA), st.text("=+-@CMD|'\"!A0,\n\r\t", max_size=20)
)
rows = st.builds(
    Row, st.just(AT), names, names, names, names, st.integers(min_value=1, max_value=2**31 - 1)
)


def read(lines):
    text = "".join(lines)
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(rows, max_size=5))
def test_no_cell_is_a_formula_and_none_is_lost(found):
    head, *lines = read(csv_lines(found))

    assert head == list(COLUMNS)
    for row, line in zip(found, lines, strict=True):
        assert len(line) == len(COLUMNS)
        assert not any(cell.startswith(FORMULA) for cell in line)
        written = (row.device, row.application, row.kind, row.outcome)
        assert [cell.removeprefix("'") for cell in line[1:5]] == [
            name.removeprefix("'") for name in written
        ]
        assert line[5] == str(row.count)


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1"]
)
def test_a_formula_is_shown_as_text(name):
    [_, line] = read(csv_lines([Row(AT, name, "slack", "keystrokes", "allowed", 1)]))

    assert line[1] == f"'{name}"
