"""The conformance suite's portal with the register that the real portal starts from."""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from conformance.documents import (
    COHORT,
    DEVICE,
    KINDS,
    NOON,
    deny,
    filter_document,
    filter_members,
    policy_members,
)
from conformance.documents import SigningDesk as DeskOfTheSuite
from conformance.documents import ceiling_members as ceiling_members_of_the_suite
from conformance.portal import Handler, SimulatedPortal, WrongAnswer
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.times import format_time

__all__ = [
    "COHORT",
    "DEVICE",
    "KINDS",
    "NOON",
    "REGISTER_DIGEST",
    "REGISTER_DOCUMENT",
    "Handler",
    "SigningDesk",
    "SimulatedPortal",
    "WrongAnswer",
    "ceiling_members",
    "deny",
    "filter_document",
    "filter_members",
    "policy_members",
    "read_rows",
    "register_members",
    "split",
]
DATA = Path(__file__).parents[2] / "consent_app" / "register" / "data"


def read_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split(cell: str) -> list[str]:
    return [value for value in cell.split(";") if value]


def register_application(row: Mapping[str, str]) -> dict[str, Any]:
    excluded = row["default_scope"] != "captured"
    return {
        "slug": row["slug"],
        "name": row["name"],
        "vendor": row["vendor"],
        "category": row["category"],
        "kinds": [] if excluded else KINDS,
        "match": {
            "macos_bundle_ids": split(row["macos_bundle_id"]),
            "windows_executables": split(row["windows_executable"]),
            "linux_executables": split(row["linux_executable"]),
            "domains": split(row["domains"]),
        },
        "communication": row["is_communication"] == "true",
        "excluded": excluded,
        "reason": row["default_exclusion_reason"] or None,
    }


SAFEGUARD_MEMBERS = (
    "id",
    "class",
    "detector",
    "pattern",
    "validator",
    "action",
    "explanation",
)


def register_members(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "register/1",
        "version": 1,
        "published_at": format_time(NOON),
        "applications": [register_application(row) for row in read_rows("applications.csv")],
        "safeguards": [
            {name: row[name] for name in SAFEGUARD_MEMBERS}
            for row in read_rows("protected_content.csv")
        ],
    } | changes


REGISTER_DOCUMENT = canonical_json(register_members())
REGISTER_DIGEST = content_digest(REGISTER_DOCUMENT)


ceiling_members = partial(ceiling_members_of_the_suite, register=REGISTER_DIGEST)


class SigningDesk(DeskOfTheSuite):
    """Signs ceilings that name the real register."""

    def __init__(self) -> None:
        super().__init__(register=REGISTER_DOCUMENT)
