"""Says in words all that one thing of the register says, a fact on each line. Pure.

What is added or taken out is shown and approved by these words, so none of its facts may lack here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from consent_app.register.models import Application, DataKind, Safeguard, Sensitivity

COLLECTED, EXCLUDED = "collected", "never collected"
IDENTIFIERS: Final[Mapping[str, str]] = {
    "macos_bundle_ids": "macOS bundle ids",
    "windows_executables": "Windows programs",
    "linux_executables": "Linux programs",
    "domains": "Addresses",
}


def application(row: Application, kinds: Mapping[str, DataKind]) -> str:
    """Say all of an application; `kinds` are those of its version, by code."""
    return "\n".join(_application(row, kinds))


def data_kind(kind: DataKind) -> str:
    kept = f"Kept for {kind.retention_days} days: {kind.retention_reason}"
    return "\n".join([kind.explanation, kept, f"Code: {kind.code}"])


def safeguard(row: Safeguard) -> str:
    return "\n".join(
        [
            row.explanation,
            f"Protects: {row.protects}",
            f"Looks at {row.detector}: {row.pattern}",
            f"Check: {row.validator}. Then: {row.action}",
        ]
    )


def status(row: Application) -> str:
    return EXCLUDED if row.excluded else COLLECTED


def joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def kinds_in_words(codes: Iterable[str], kinds: Mapping[str, DataKind]) -> str:
    """Name kinds as people know them; one that is not described goes by its code."""
    return joined(kinds[code].name if code in kinds else code for code in codes)


def yes(value: object) -> str:
    return "yes" if value else "no"


def _application(row: Application, kinds: Mapping[str, DataKind]) -> Iterator[str]:
    if row.excluded:
        yield f"{EXCLUDED}: {row.reason}"
    else:
        yield f"{COLLECTED}: {kinds_in_words(row.kinds, kinds)}"
    for name, title in IDENTIFIERS.items():
        if names := getattr(row, name):
            yield f"{title}: {joined(names)}"
    yield f"Vendor: {row.vendor}"
    yield f"Category: {row.get_category_display()}"
    yield f"Other people's words: {yes(row.communication)}"
    yield f"Sensitivity: {Sensitivity(row.sensitivity).label}"
    yield f"Names verified: {yes(row.verified)}"
    if row.source:
        yield f"Where its names come from: {row.source}"
