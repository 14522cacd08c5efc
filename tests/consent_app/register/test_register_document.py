"""The document follows the contract, member by member. Source: design, section 5."""

import copy
from datetime import datetime, timezone

import jsonschema
import pytest

from consent_agent.protocol.canonical import parse_json
from consent_app.register.document import register_document
from consent_app.register.models import Application, Safeguard
from tests.conftest import NOON

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "uniqueItems": True}


def exactly(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


CONTRACT = exactly(
    schema={"const": "register/1"},
    version={"type": "integer", "minimum": 1},
    published_at={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    applications={
        "type": "array",
        "items": exactly(
            slug={"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
            name=TEXT,
            vendor=TEXT,
            category=TEXT,
            kinds={
                "type": "array",
                "items": {"enum": ["mouse_movement", "mouse_click", "keystrokes"]},
                "uniqueItems": True,
            },
            match=exactly(
                macos_bundle_ids=TEXTS,
                windows_executables=TEXTS,
                linux_executables=TEXTS,
                domains=TEXTS,
            ),
            communication={"type": "boolean"},
            excluded={"type": "boolean"},
            reason={"type": ["string", "null"], "minLength": 1},
        ),
    },
    safeguards={
        "type": "array",
        "items": exactly(
            id=TEXT,
            **{"class": TEXT},
            detector=TEXT,
            pattern=TEXT,
            explanation=TEXT,
            # Beyond the contract: readers of it may ignore these two.
            validator=TEXT,
            action=TEXT,
        ),
    },
)


def test_the_document_follows_the_contract(published):
    document = parse_json(bytes(published.document))

    jsonschema.validate(document, CONTRACT)


@pytest.mark.parametrize("spoilt", ["slug", "match", "excluded"])
def test_the_contract_notices_a_missing_member(published, spoilt):
    document = copy.deepcopy(parse_json(bytes(published.document)))
    del document["applications"][0][spoilt]

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, CONTRACT)


def test_an_excluded_application_lists_no_kinds(published):
    document = parse_json(bytes(published.document))

    assert all(not entry["kinds"] for entry in document["applications"] if entry["excluded"])
    assert all(entry["kinds"] for entry in document["applications"] if not entry["excluded"])


def test_the_order_of_rows_does_not_matter():
    applications = [application("slack"), application("asana")]
    safeguards = [safeguard("pwd"), safeguard("iban")]

    one = write(applications, safeguards)
    other = write(applications[::-1], safeguards[::-1])

    assert one == other


def test_the_time_zone_of_publishing_does_not_matter():
    there = NOON.astimezone(timezone(NOON - datetime(2026, 11, 23, 7, tzinfo=NOON.tzinfo)))

    assert write([], [], at=there) == write([], [])


def write(applications, safeguards, *, at=NOON) -> bytes:
    return register_document(
        number=1, published_at=at, applications=applications, safeguards=safeguards
    )


def application(slug: str) -> Application:
    return Application(
        slug=slug, name=slug, vendor="V", category="browser", communication=False, excluded=False
    )


def safeguard(name: str) -> Safeguard:
    return Safeguard(safeguard_id=name, protects="x", detector="regex", pattern="x")
