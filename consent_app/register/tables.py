"""Writes the tables that `source` reads: what is read back says the same.

No cell begins like a formula that a spreadsheet would run. In names and words `rules` refuses such
a cell; a pattern may begin so, and has an apostrophe before it that reading takes away.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from consent_app.register.models import Application, Safeguard
from consent_app.register.rules import (
    FORMULA,
    KINDS,
    PORTAL_SLUG,
    SAFEGUARD_COLUMNS,
    TABLE_COLUMNS,
    VERBATIM,
    Row,
)

# A formula behind as many apostrophes as there are: one more is put before it, or taken away.
_FORMULA = re.compile(rf"'*[{re.escape(''.join(FORMULA))}]")
# What an application and a safeguard of the draft don't know of the row that they came from.
NOT_KEPT: Final = ("example_match", "example_no_match", "source")


def row_of(application: Application) -> Row:
    """Return the cells of an application by column."""
    programs = {
        "mac": application.macos_bundle_ids,
        "windows": application.windows_executables,
        "linux": application.linux_executables,
        "web": application.domains,
    }
    platforms = [platform for platform, names in programs.items() if names]
    is_program = any(names for platform, names in programs.items() if platform != "web")
    kind = "both" if is_program and application.domains else "desktop" if is_program else "web"
    return {
        "slug": application.slug,
        "name": application.name,
        "vendor": application.vendor,
        "kind": kind,
        "category": application.category,
        "platforms": ";".join(platforms),
        "macos_bundle_id": ";".join(application.macos_bundle_ids),
        "windows_executable": ";".join(application.windows_executables),
        "linux_executable": ";".join(application.linux_executables),
        "domains": ";".join(application.domains),
        "is_communication": "true" if application.communication else "false",
        "sensitivity": application.sensitivity,
        "default_scope": "excluded" if application.excluded else "captured",
        "default_exclusion_reason": application.reason,
        "verified": "yes" if application.verified else "no",
        "source": application.source,
    }


def row_of_safeguard(safeguard: Safeguard) -> Row:
    """Return the cells of a safeguard by column; what is NOT_KEPT is empty."""
    return {
        "id": safeguard.safeguard_id,
        "class": safeguard.protects,
        "detector": safeguard.detector,
        "pattern": safeguard.pattern,
        "validator": safeguard.validator,
        "action": safeguard.action,
        "explanation": safeguard.explanation,
        **dict.fromkeys(NOT_KEPT, ""),
    }


def applications_csv(applications: Iterable[Application]) -> str:
    """Return the table of all but the portal's own entry, which no file may name."""
    rows = [
        {**row_of(one), KINDS: ";".join(one.kinds)}
        for one in applications
        if one.slug != PORTAL_SLUG
    ]
    return written(TABLE_COLUMNS, rows)


def safeguards_csv(safeguards: Iterable[Safeguard]) -> str:
    return written(SAFEGUARD_COLUMNS, map(row_of_safeguard, safeguards))


def written(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Return the table of `rows`, as `source` reads it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            quoted(row[column]) if column in VERBATIM else row[column] for column in columns
        )
    return file.getvalue()


def quoted(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unquoted(cell: str) -> str:
    """Return what was `quoted`; anything else stays as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
