"""What a ceiling names by digest is taken whole, with these very bytes, or not at all."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from conformance.device import USUAL_POLICY, Device
from conformance.documents import (
    application,
    filter_document,
    filter_members,
    register_members,
    safeguard,
)
from conformance.portal import Handler
from consent_agent.protocol.canonical import canonical_json

ROWS = register_members()["applications"]
GUARDS = register_members()["safeguards"]


def with_rows(*rows: dict[str, Any]) -> bytes:
    return canonical_json(register_members(applications=[*ROWS, *rows]))


def with_guard(**changes: Any) -> bytes:
    guard = safeguard("another", "regex", "secret") | changes
    return canonical_json(register_members(safeguards=[*GUARDS, guard]))


RIGHT = canonical_json(register_members(version=2))
UNUSABLE: Final[dict[str, bytes]] = {
    "no JSON": b"<html>",
    "member twice": RIGHT.replace(b'"version":2', b'"version":2,"version":2'),
    "another schema": canonical_json(register_members(schema="register/2")),
    "version as text": canonical_json(register_members(version="2")),
    "no rows": canonical_json(register_members(applications=None)),
    "row without slug": with_rows(application("")),
    "slug twice": with_rows(application("editor")),
    "program of two rows": with_rows(application("other", linux_executables=["editor"])),
    "domain of two rows": with_rows(application("other", domains=["wiki.example.com"])),
    "domain that matches nothing": with_rows(application("other", domains=["*.example.com"])),
    "screen content": with_rows(application("other", kinds=["screenshot"])),
    "pattern that does not compile": with_guard(pattern="("),
    "unknown detector": with_guard(detector="smell"),
    "unknown validator": with_guard(validator="of_a_later_version"),
    "unknown action": with_guard(action="notify"),
}
UNUSABLE_FILTERS: Final[dict[str, bytes]] = {
    "no JSON": b"<html>",
    "another schema": filter_document(schema="counterparties/2"),
    "another hash": filter_document(hash="md5"),
    "no places": filter_document(hashes=0),
    "33 places": filter_document(hashes=33),
    "fewer bits than it says": filter_document(bits=2048),
    "short key": filter_document(key="AAEC"),
    "key of another spelling": filter_document(key=filter_members()["key"] + "="),
}


def name_register(device: Device, document: bytes) -> str:
    """Have the next policy's ceiling name a register; return its address."""
    digest = device.portal.offer("registers", document)
    device.portal.ceiling_changes = {"version": 4, "register": digest}
    device.portal.publish(version=18)
    return f"registers/{digest}"


def name_filter(device: Device, document: bytes) -> str:
    digest = device.portal.offer("filters", document)
    device.portal.ceiling_changes = {"version": 4, "counterparties": digest}
    device.portal.publish(version=18)
    return f"filters/{digest}"


def answer_other_bytes(handler: Handler) -> None:
    handler.send(200, handler.server.documents[handler.path.removeprefix("/agent/v1/")] + b" ")


def answer_too_much(handler: Handler) -> None:
    handler.send(200, b" " * (4 * 1024 * 1024 + 1))


WRONG: Final[dict[str, tuple[str | None, Callable[[Handler], None]]]] = {
    "other bytes": ("wrong_digest", answer_other_bytes),
    "nothing": ("wrong_digest", lambda handler: handler.send(200, b"")),
    "not found": (None, lambda handler: handler.send(404, {"code": "not_found"})),
    "unavailable": (None, lambda handler: handler.send(503, {"code": "unavailable"})),
    "elsewhere": ("redirect", lambda handler: handler.send(302, b"", {"Location": "/x"})),
    "compressed": (
        "content_encoding",
        lambda handler: handler.send(200, b"", {"Content-Encoding": "gzip"}),
    ),
    "more than 4 MiB": ("too_large", answer_too_much),
}


@pytest.mark.parametrize("name", list(WRONG))
@pytest.mark.parametrize(
    ("offer", "document"),
    [(name_register, RIGHT), (name_filter, filter_document("mira@example.com"))],
    ids=["register", "filter"],
)
def test_nothing_holds_until_it_is_there(
    working: Device, offer: Callable[[Device, bytes], str], document: bytes, name: str
) -> None:
    """The policy in force has a successor that can't be applied, so it is not in force either."""
    code, answer = WRONG[name]
    working.portal.wrong_answers[offer(working, document)] = answer

    working.refuses(code)
    working.denies("no_policy")
    assert len(working.acknowledgements()) == 1
    working.restart()
    working.denies("no_policy")

    working.portal.wrong_answers.clear()
    working.takes_policy()
    working.allows()


@pytest.mark.parametrize("name", list(UNUSABLE))
def test_refuses_a_register_that_it_cannot_apply(working: Device, name: str) -> None:
    name_register(working, UNUSABLE[name])

    working.refuses("bad_register")
    working.denies("no_policy")

    working.portal.publish(**USUAL_POLICY | {"version": 19})
    working.portal.ceiling_changes = {"version": 5}
    working.takes_policy()
    working.allows()


@pytest.mark.parametrize("name", list(UNUSABLE_FILTERS))
def test_refuses_a_filter_that_it_cannot_apply(working: Device, name: str) -> None:
    name_filter(working, UNUSABLE_FILTERS[name])

    working.refuses("bad_filter")
    working.denies("no_policy")

    working.portal.publish(version=19)
    working.portal.ceiling_changes = {"version": 5}
    working.takes_policy()
    working.allows()


def test_fetches_a_register_once(working: Device) -> None:
    working.clock.pass_time(minutes=1)
    working.portal.publish(version=18)
    working.takes_policy()
    working.restart()
    working.takes_policy()

    assert sum(request.path.startswith("registers/") for request in working.portal.requests) == 1


def test_the_new_register_decides(working: Device) -> None:
    name_register(working, canonical_json(register_members(applications=ROWS[1:])))
    working.takes_policy()

    working.denies("not_in_register", "editor")
    working.allows("browser")
