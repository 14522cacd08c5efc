"""Reads of a draft's parts, and of what a table would make of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from django.shortcuts import get_object_or_404

from consent_app.register.diff import Change, diff
from consent_app.register.errors import Problem
from consent_app.register.models import Application, RegisterVersion, Safeguard
from consent_app.register.queries.review import snapshot, too_large
from consent_app.register.rules import (
    APPLICATION_COLUMNS,
    KINDS,
    PASSWORDS,
    PORTAL_SLUG,
    SAFEGUARD_COLUMNS,
    TABLE_COLUMNS,
    Row,
)
from consent_app.register.source import (
    SAFEGUARDS,
    Line,
    applications_of,
    read_applications,
    read_safeguards,
    safeguard_of,
    says_the_same,
)
from consent_app.register.tables import written


class Table(StrEnum):
    """Which part of a draft a table lists."""

    APPLICATIONS = "applications"
    SAFEGUARDS = "safeguards"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a table would change in a draft; `text` is the same in the portal's own writing."""

    table: Table
    text: str
    count: int
    changes: list[Change]
    is_too_large: bool

    @property
    def added(self) -> int:
        return sum(not change.field and not change.before for change in self.changes)

    @property
    def taken_out(self) -> int:
        return sum(not change.field and not change.after for change in self.changes)

    @property
    def changed(self) -> int:
        """Count what is listed before and after, and not in the same words."""
        return len({change.key for change in self.changes if change.field})


def application_in(draft: RegisterVersion, slug: str) -> Application:
    return get_object_or_404(Application, version=draft, slug=slug)


def safeguard_in(draft: RegisterVersion, safeguard_id: str) -> Safeguard:
    return get_object_or_404(Safeguard, version=draft, safeguard_id=safeguard_id)


def kept_safeguards(draft: RegisterVersion) -> dict[str, Safeguard]:
    """Return what protects password fields in the version before, which a draft never changes."""
    kept = Safeguard.objects.filter(version=draft.based_on, protects=PASSWORDS)
    return {safeguard.safeguard_id: safeguard for safeguard in kept}


def category_of(draft: RegisterVersion) -> dict[str, str]:
    """Return the category of each application of a draft by slug."""
    return dict(draft.applications.values_list("slug", "category"))


def read_table(
    draft: RegisterVersion, table: Table, data: bytes
) -> tuple[list[Line], list[Problem]]:
    """Read a table for a draft; return its lines, and everything that is wrong with any."""
    if table is Table.APPLICATIONS:
        return read_applications(data, kinds=list(draft.kinds.values_list("code", flat=True)))
    known = {safeguard.safeguard_id: safeguard for safeguard in draft.safeguards.all()}
    lines, problems = read_safeguards(data, known=known, category_of=category_of(draft))
    return lines, [*problems, *_without_passwords(lines, kept_safeguards(draft))]


def imported(draft: RegisterVersion, table: Table, rows: Sequence[Row]) -> Imported:
    """Hold a checked table against the draft."""
    before = snapshot(draft)
    if table is Table.APPLICATIONS:
        applications = applications_of(rows, before.applications, before.kinds)
        own = [one for slug, one in before.applications.items() if slug == PORTAL_SLUG]
        after = replace(before, applications={one.slug: one for one in [*own, *applications]})
        has_kinds = any(KINDS in row for row in rows)
        text = written(TABLE_COLUMNS if has_kinds else APPLICATION_COLUMNS, rows)
    else:
        after = replace(before, safeguards={row["id"]: safeguard_of(row) for row in rows})
        text = written(SAFEGUARD_COLUMNS, rows)
    return Imported(
        table=table,
        text=text,
        count=len(rows),
        changes=diff(before, after),
        is_too_large=too_large(after),
    )


def _without_passwords(lines: Sequence[Line], kept: Mapping[str, Safeguard]) -> Iterator[Problem]:
    """Find where a table lacks or changes what protects password fields."""
    line_of = {line.row["id"]: line for line in lines}
    for safeguard_id, safeguard in kept.items():
        line = line_of.get(safeguard_id)
        if line is None:
            wrong = f"{safeguard_id} is missing: what protects password fields stays"
            yield Problem(SAFEGUARDS, 0, wrong)
        elif not says_the_same(line.row, safeguard):
            wrong = "what protects password fields stays as it is"
            yield Problem(SAFEGUARDS, line.number, wrong)
