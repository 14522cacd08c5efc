"""Writes applications as the table that `source` reads: what is read back says the same.

Nothing is put before a cell that a spreadsheet could take for a formula, because the file is read
again; `rules` refuses such cells instead.
"""

import csv
import io
from collections.abc import Iterable

from consent_app.register.models import Application
from consent_app.register.rules import APPLICATION_COLUMNS, PORTAL_SLUG, Row


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


def applications_csv(applications: Iterable[Application]) -> str:
    """Return the table of all but the portal's own entry, which no file may name."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, APPLICATION_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_of(one) for one in applications if one.slug != PORTAL_SLUG)
    return file.getvalue()
