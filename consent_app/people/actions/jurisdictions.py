"""Takes over the list of jurisdictions that ships with this app."""

from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from consent_app.audit.actions import Entry, record_all
from consent_app.people import events, queries
from consent_app.people.errors import JurisdictionsRefused, Problem
from consent_app.people.models import CollectionDefault, Jurisdiction
from consent_app.people.rules import is_jurisdiction_code
from consent_app.people.tables import Row, read_table

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "jurisdictions.csv"

COLUMNS = (
    "code", "name", "regime", "legal_instruments", "collection_default", "notice_required",
    "acknowledgement_required", "response_deadline_days", "protects_indirect", "notes", "source",
    "verified",
)  # fmt: skip

YES_NO = {"true": True, "yes": True, "false": False, "no": False}
FIELDS = sorted(set(COLUMNS) - {"code", "source"})
FLAGS = ("notice_required", "acknowledgement_required", "protects_indirect", "verified")


@transaction.atomic
def load_jurisdictions(path: Path = SHIPPED) -> list[Jurisdiction]:
    """Make or update every jurisdiction of the file; return those that changed, new ones included.

    Jurisdictions that the file does not name stay as they are: somebody may work there.

    Raises:
        JurisdictionsRefused: the file has problems; nothing was changed.
    """
    now = timezone.now()
    wanted = _read(path)
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE people_jurisdiction IN SHARE ROW EXCLUSIVE MODE")
    known = Jurisdiction.objects.in_bulk([row.code for row in wanted])
    fields = {row.code: _changed_fields(known.get(row.code), row) for row in wanted}
    changed = [row for row in wanted if fields[row.code]]
    Jurisdiction.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["code"], update_fields=FIELDS
    )
    record_all(
        [
            Entry(events.JURISDICTION_CHANGED, subject=row, details={"fields": fields[row.code]})
            for row in changed
        ],
        actor=queries.system_user(),
        at=now,
    )
    return changed


def _read(path: Path) -> list[Jurisdiction]:
    table = read_table(path, required=COLUMNS)
    problems = list(table.problems)
    seen: set[str] = set()
    for row in table.rows:
        problems += _problems_of(row)
        if row["code"] in seen:
            problems.append(Problem(row.line, f"{row['code']} stands there twice."))
        seen.add(row["code"])
    if problems:
        raise JurisdictionsRefused(problems)
    return [_jurisdiction(row) for row in table.rows]


def _changed_fields(known: Jurisdiction | None, wanted: Jurisdiction) -> list[str]:
    if known is None:
        return FIELDS
    return [name for name in FIELDS if getattr(known, name) != getattr(wanted, name)]


def _problems_of(row: Row) -> list[Problem]:
    messages = [f"{name} is neither true nor false." for name in FLAGS if row[name] not in YES_NO]
    if not is_jurisdiction_code(row["code"]):
        messages.append(f"{row['code']!r} is no code like US or US-NY.")
    messages += [
        f"{name} is empty or longer than 80 characters."
        for name in ("name", "regime")
        if not 0 < len(row[name]) <= 80
    ]
    if row["collection_default"] not in CollectionDefault.values:
        messages.append(f"collection_default is none of {', '.join(CollectionDefault.values)}.")
    days = row["response_deadline_days"]
    if days and not (days.isascii() and days.isdigit() and 1 <= int(days) <= 366):
        messages.append("response_deadline_days is neither empty nor from 1 to 366.")
    return [Problem(row.line, message) for message in messages]


def _jurisdiction(row: Row) -> Jurisdiction:
    days = row["response_deadline_days"]
    return Jurisdiction(
        code=row["code"],
        name=row["name"],
        regime=row["regime"],
        legal_instruments=row["legal_instruments"],
        collection_default=row["collection_default"],
        response_deadline_days=int(days) if days else None,
        notes=row["notes"],
        **{name: YES_NO[row[name]] for name in FLAGS},
    )
