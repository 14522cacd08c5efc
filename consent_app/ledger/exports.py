"""One's own counts as CSV and as JSON, made line by line. Pure."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from consent_agent.protocol.times import format_time
from consent_app.ledger.models import HourlyCost
from consent_app.ledger.queries.own import Row
from consent_app.register.rules import FORMULA as SIGNS_OF_A_FORMULA

COLUMNS = ("hour", "device", "application", "kind", "outcome", "count")
# What a spreadsheet would take for a formula, wide forms included. Source: OWASP, CSV injection.
FORMULA = (*SIGNS_OF_A_FORMULA, "\t", "\r", "\n")


class _Line:
    """What csv writes to: hands the line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a head and a line for each count; hours are in UTC."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow(
            [
                format_time(row.hour),
                harmless(row.device),
                harmless(row.application),
                harmless(row.kind),
                harmless(row.outcome),
                row.count,
            ]
        )


def harmless(text: str) -> str:
    """Return `text` so that no spreadsheet runs it: a name can come from a device."""
    return f"'{text}" if text.startswith(FORMULA) else text


def json_pieces(
    rows: Iterable[Row], costs: Iterable[tuple[str, HourlyCost]], *, made_at: datetime
) -> Iterator[str]:
    """Yield one document, `my-ledger/1`, piece by piece."""
    yield f'{{"schema": "my-ledger/1", "made_at": {json.dumps(format_time(made_at))}, "counts": ['
    yield from _listed(
        [format_time(row.hour), row.device, row.application, row.kind, row.outcome, row.count]
        for row in rows
    )
    yield '], "costs": ['
    yield from _listed_costs(costs)
    yield "]}\n"


def _listed(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        comma = ",\n" if number else "\n"
        yield comma + json.dumps(dict(zip(COLUMNS, row, strict=True)))


def _listed_costs(costs: Iterable[tuple[str, HourlyCost]]) -> Iterator[str]:
    for number, (device, cost) in enumerate(costs):
        comma = ",\n" if number else "\n"
        entry = {
            "hour": format_time(cost.hour),
            "device": device,
            "cpu_seconds": cost.cpu_milliseconds / 1000,
            "bytes": cost.sent_bytes,
            "battery_mwh": cost.battery_milliwatt_hours,
        }
        yield comma + json.dumps(entry)
