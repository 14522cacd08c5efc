"""Pure checks of single rows: what a cell of the register's files may hold.

Each check takes the cells of one row by column and yields what is wrong, in words.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.members import Members
from consent_agent.protocol.safeguards import Detector, Safeguard
from consent_app.people.rules import invisible_character
from consent_app.register.models import SLUG, Category, Sensitivity

Row = Mapping[str, str]
Check = Callable[[Row], Iterator[str]]

PORTAL_SLUG: Final = "consent-portal"
# The class of the safeguards that no version goes without (migration 0005 holds it too).
PASSWORDS: Final = "password_field"

APPLICATION_COLUMNS: Final = (
    "slug", "name", "vendor", "kind", "category", "platforms",
    "macos_bundle_id", "windows_executable", "linux_executable", "domains",
    "is_communication", "sensitivity", "default_scope", "default_exclusion_reason",
    "verified", "source",
)  # fmt: skip
# A table of a version says the kinds of data too; without that column nothing is said about them.
KINDS: Final = "kinds"
TABLE_COLUMNS: Final = (*APPLICATION_COLUMNS, KINDS)
SAFEGUARD_COLUMNS: Final = (
    "id", "class", "detector", "pattern", "validator", "action", "explanation",
    "example_match", "example_no_match", "source",
)  # fmt: skip

# Programs' names by column, and whether capitals matter where they run.
IDENTIFIER_COLUMNS: Final[Mapping[str, bool]] = {
    "macos_bundle_id": False,
    "windows_executable": False,
    "linux_executable": True,
    "domains": False,
}

_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "kind": frozenset({"web", "desktop", "both"}),
    "category": frozenset(Category.values),
    "is_communication": frozenset({"true", "false"}),
    "sensitivity": frozenset(Sensitivity.values),
    "default_scope": frozenset({"captured", "excluded"}),
    "verified": frozenset({"yes", "no"}),
}
_PLATFORMS: Final = frozenset({"mac", "windows", "linux", "web"})
_LIMITS: Final[Mapping[str, int]] = {
    "slug": 60, "name": 120, "vendor": 120, "default_exclusion_reason": 200,
    "id": 60, "class": 40, "pattern": 2000, "explanation": 500,
}  # fmt: skip
_DOMAIN: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_WORD: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")
# As spreadsheets read them, in full width too.
FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Taken as they are, spaces and all; `tables` has a way of its own with formulas in them.
VERBATIM: Final = frozenset({"pattern", "example_match", "example_no_match"})


def values(cell: str) -> list[str]:
    """Return the values of a cell, which stand apart by `;`."""
    return cell.split(";") if cell else []


def check_application(row: Row) -> Iterator[str]:
    """Yield what is wrong with a row of applications.csv."""
    yield from _check_cells(row, required=("slug", "name", "vendor"))
    yield from _check_slug(row["slug"], column="slug")
    if row["slug"] == PORTAL_SLUG:
        yield f"slug {PORTAL_SLUG} is the portal's own"
    for column, words in _WORDS.items():
        if row[column] not in words:
            yield f"{column} {row[column]!r} is none of {', '.join(sorted(words))}"
    if unknown := set(values(row["platforms"])) - _PLATFORMS:
        yield f"platforms {', '.join(sorted(map(repr, unknown)))} not known"
    yield from _check_exclusion(row)
    yield from _check_identifiers(row)


def check_kinds(row: Row, known: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the kinds of a row of a table, if it has that column."""
    if KINDS not in row:
        return
    said = values(row[KINDS])
    if row["default_scope"] == "excluded" and said:
        yield "kinds stand beside default_scope excluded"
    if row["default_scope"] == "captured" and not said:
        yield "kinds is empty: nothing would be collected from it"
    if unknown := [kind for kind in said if kind not in known]:
        yield f"kinds {', '.join(map(repr, unknown))} not among {', '.join(sorted(known))}"
    if len(said) != len(set(said)):
        yield "kinds names one twice"


def check_safeguard(row: Row) -> Iterator[str]:
    """Yield what is wrong with a row of protected_content.csv, its examples included."""
    yield from _check_cells(
        row, required=("id", "explanation", "example_match", "example_no_match")
    )
    yield from _check_slug(row["id"], column="id")
    if not _WORD.fullmatch(row["class"]):
        yield f"class {row['class']!r} is not a word like payment_card"
    try:
        safeguard = Safeguard.from_members(Members(dict(row)))
    except DocumentRefused as refusal:
        yield f"devices would refuse it ({refusal.detail})"
        return
    # Examples of a category are slugs: only who knows all rows can check them.
    if safeguard.detector is not Detector.APP_CATEGORY:
        if not safeguard.matches(row["example_match"]):
            yield "example_match is not found by the pattern"
        if safeguard.matches(row["example_no_match"]):
            yield "example_no_match is found by the pattern"


def check_category_examples(row: Row, category_of: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the examples of a safeguard that looks at categories.

    They are an application in the category and one in another; `category_of` knows all by slug.
    """
    category = row["pattern"]
    if row["detector"] != Detector.APP_CATEGORY:
        return
    if category not in Category:
        yield f"pattern {category!r} is not a category"
    if category_of.get(row["example_match"]) != category:
        yield f"example_match is no application of category {category!r}"
    if category_of.get(row["example_no_match"], category) == category:
        yield f"example_no_match is no application of another category than {category!r}"


def _check_cells(row: Row, *, required: tuple[str, ...]) -> Iterator[str]:
    for column in required:
        if not row[column]:
            yield f"{column} is empty"
    for column, cell in row.items():
        if character := invisible_character(cell):
            yield f"{column} holds the invisible character {character}"
        if column not in VERBATIM and cell != cell.strip():
            yield f"{column} begins or ends with a space"
        if column not in VERBATIM and cell.startswith(FORMULA):
            yield f"{column} begins with {cell[0]!r}, which a spreadsheet takes for a formula"
        if len(cell) > _LIMITS.get(column, 4000):
            yield f"{column} has {len(cell)} characters, {_LIMITS.get(column, 4000)} at most"


def _check_slug(slug: str, *, column: str) -> Iterator[str]:
    if slug and not re.fullmatch(SLUG, slug):
        yield f"{column} {slug!r} is not lower-case words joined by hyphens"


def _check_exclusion(row: Row) -> Iterator[str]:
    is_excluded = row["default_scope"] == "excluded"
    if is_excluded and not row["default_exclusion_reason"]:
        yield "default_exclusion_reason is empty; people read why something is excluded"
    if row["default_scope"] == "captured" and row["default_exclusion_reason"]:
        yield "default_exclusion_reason stands beside default_scope captured"


def _check_identifiers(row: Row) -> Iterator[str]:
    found = [(column, name) for column in IDENTIFIER_COLUMNS for name in values(row[column])]
    if not found:
        yield "no identifier: it could never be recognised"
    for column, name in found:
        if not name or name != name.strip():
            yield f"{column} holds an empty value, or one with a space at its end"
        elif len(name) > 255:
            yield f"{column} holds a value longer than 255 characters"
        elif column == "domains" and not _DOMAIN.fullmatch(name):
            yield f"domains: {name!r} is not a host name in lower case"
