"""Ways to break our agent, each a mistake that somebody could make.

The adapter applies one of them (`--broken NAME`), to show that the suite finds out. They patch
modules of the running process and nothing else; `CAUGHT_BY` names a case that must fail.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from consent_agent import acceptance, gate, loop
from consent_agent.acceptance import AcceptedPolicy, Floors
from consent_agent.client import Connection
from consent_agent.clock import Instant
from consent_agent.gate import HeldPolicy
from consent_agent.loop import Agent
from consent_agent.protocol import documents, jws
from consent_agent.protocol.decision import Subject, Verdict
from consent_agent.protocol.jws import KeySet
from consent_agent.state import State
from consent_agent.storage import Seal


def put(owner: object, name: str, replacement: object) -> None:
    setattr(owner, name, replacement)


class _AnyRole(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def take_alg_none() -> None:
    read, verified = jws._read_header, jws._verified_payload

    def read_header(data: bytes) -> tuple[str, str]:
        members = json.loads(data)
        return (members["kid"], members["typ"]) if members.get("alg") == "none" else read(data)

    def verified_payload(parts: Any, **options: Any) -> bytes:
        return verified(parts, **options) if parts.signature else parts.payload

    put(jws, "_read_header", read_header)
    put(jws, "_verified_payload", verified_payload)


def trust_the_key_in_the_header() -> None:
    read, find = jws._read_header, KeySet.find
    brought: dict[str, Any] = {}

    def read_header(data: bytes) -> tuple[str, str]:
        members = json.loads(data)
        if not isinstance(members, dict) or "jwk" not in members:
            return read(data)
        public = jws.read_public_jwk(members["jwk"])
        brought[members["kid"]] = jws.PublishedKey(role=_AnyRole(), public=public)
        return members["kid"], members["typ"]

    put(jws, "_read_header", read_header)
    put(KeySet, "find", lambda keys, kid: brought.get(kid) or find(keys, kid))


def ignore_key_roles() -> None:
    find = KeySet.find
    put(KeySet, "find", lambda keys, kid: replace(find(keys, kid), role=_AnyRole()))


def take_the_last_of_two_members() -> None:
    for module in (documents, jws):
        put(module, "parse_json", json.loads)


def ignore_the_addressee() -> None:
    put(acceptance, "_check_addressee", lambda *_: None)


def forget_floors() -> None:
    put(State, "read_floors", lambda _: Floors())
    put(loop, "raise_ceilings", lambda floors, _: floors)


def compare_version_numbers_only() -> None:
    right = acceptance._check_versions

    def check(accepted: AcceptedPolicy, floors: Floors) -> None:
        device = {
            kid: replace(floor, digest=accepted.device_digest)
            for kid, floor in floors.device.items()
        }
        ceilings = {
            cohort: replace(floor, digest=accepted.ceiling_digest)
            for cohort, floor in floors.ceilings.items()
        }
        right(accepted, replace(floors, device=device, ceilings=ceilings))

    put(acceptance, "_check_versions", check)


def ignore_what_freshness_names() -> None:
    put(acceptance, "_check_binding", lambda _: None)


def believe_the_wall_clock_alone() -> None:
    put(HeldPolicy, "is_fresh", lambda held, now: now.wall < held.accepted.freshness.expires_at)


def survive_a_reboot() -> None:
    right = HeldPolicy.is_fresh
    put(
        HeldPolicy, "is_fresh", lambda held, now: right(held, now._replace(boot=held.received.boot))
    )


def end_pauses_by_the_wall_clock() -> None:
    def decide(
        held: HeldPolicy, subject: Subject, *, kind: str, at: datetime, now: Instant
    ) -> Verdict:
        return held.view.decide(subject, kind=kind, at=at)

    put(HeldPolicy, "decide", decide)


def follow_redirects() -> None:
    right = Connection.__init__

    def prepare(connection: Connection, *arguments: Any, **options: Any) -> None:
        right(connection, *arguments, **options)
        connection._http.follow_redirects = True

    put(Connection, "__init__", prepare)


def read_altered_files() -> None:
    put(Seal, "open", lambda _, __, sealed: sealed.partition(b"\n")[2])


def go_where_the_portal_says() -> None:
    put(gate, "_refuse_unconfirmed", lambda *_: None)


def keep_the_policy_without_its_register() -> None:
    put(Agent, "_withdraw", lambda *_: None)


BROKEN: Final[Mapping[str, Callable[[], None]]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        take_alg_none,
        trust_the_key_in_the_header,
        ignore_key_roles,
        take_the_last_of_two_members,
        ignore_the_addressee,
        forget_floors,
        compare_version_numbers_only,
        ignore_what_freshness_names,
        believe_the_wall_clock_alone,
        survive_a_reboot,
        end_pauses_by_the_wall_clock,
        follow_redirects,
        read_altered_files,
        keep_the_policy_without_its_register,
        go_where_the_portal_says,
    )
}

# A case that each of them fails; more do.
CAUGHT_BY: Final[Mapping[str, str]] = {
    "take-alg-none": "test_documents.py::test_refuses_a_signature[alg none]",
    "trust-the-key-in-the-header": "test_documents.py::test_refuses_a_signature[jwk in the header]",
    "ignore-key-roles": "test_documents.py::test_refuses_a_signature[ceiling by the policy key]",
    "take-the-last-of-two-members": "test_documents.py::test_refuses_a_payload[member twice]",
    "ignore-the-addressee": (
        "test_documents.py::test_refuses_what_does_not_belong_together[policy of another device]"
    ),
    "forget-floors": "test_versions.py::test_refuses_a_version_whichever_one_file_was_deleted",
    "compare-version-numbers-only": (
        "test_versions.py::test_refuses_a_version[at once-policy reused]"
    ),
    "ignore-what-freshness-names": (
        "test_documents.py::test_refuses_what_does_not_belong_together[freshness of another policy]"
    ),
    "believe-the-wall-clock-alone": (
        "test_clocks.py::test_a_wall_clock_that_stands_still_does_not_keep_a_policy"
    ),
    "survive-a-reboot": (
        "test_clocks.py::test_after_a_reboot_nothing_is_fresh_until_the_first_answer"
        "[longer than before]"
    ),
    "end-pauses-by-the-wall-clock": (
        "test_clocks.py::test_a_wall_clock_set_forward_does_not_end_a_pause"
    ),
    "follow-redirects": "test_answers.py::test_refuses_an_answer[found elsewhere]",
    "read-altered-files": "test_state.py::test_a_file_that_was_altered_closes_the_gate",
    "keep-the-policy-without-its-register": (
        "test_registers.py::test_nothing_holds_until_it_is_there[register-other bytes]"
    ),
    "go-where-the-portal-says": (
        "test_places.py::test_another_place_collects_nothing_until_the_owner_says_so_there"
    ),
}
