"""The compiler's properties: narrower with each restriction, blind to order, the same each time."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.decision import Subject, decide
from consent_agent.protocol.documents import Ceiling, DevicePolicy
from consent_agent.protocol.matching import Register
from consent_app.devices.policy import (
    DeviceFacts,
    RestrictionFact,
    compile_ceiling,
    compile_device_policy,
)
from tests.conftest import NOON

DEVICE = uuid.UUID("11111111-1111-4111-8111-111111111111")
KINDS = ["mouse_movement", "mouse_click", "keystrokes"]
SLUGS = ["slack", "jira", "payroll", "editor"]
DIGEST = "sha256:" + "0" * 64


def application(slug, *, excluded=False):
    return {
        "slug": slug, "name": slug.title(), "vendor": "Example", "category": "developer_tools",
        "kinds": [] if excluded else KINDS, "communication": False, "excluded": excluded,
        "reason": "payroll" if excluded else None,
        "match": {
            "macos_bundle_ids": [], "windows_executables": [], "linux_executables": [slug],
            "domains": [f"{slug}.example.com"],
        },
    }  # fmt: skip


REGISTER = Register.from_document(
    canonical_json(
        {
            "schema": "register/1", "version": 1, "published_at": "2026-11-01T00:00:00Z",
            "applications": [application(slug, excluded=slug == "payroll") for slug in SLUGS],
            "safeguards": [],
        }
    )
)  # fmt: skip


def make_ceiling(collection="allowed"):
    content = compile_ceiling(
        cohort="us-ca", collection=collection, register_digest=DIGEST, excluded=["payroll"]
    )
    return Ceiling.from_payload(
        canonical_json(content | {"version": 1, "issued_at": "2026-11-01T00:00:00Z"})
    )


def make_facts(**changes):
    return replace(DeviceFacts(device=DEVICE, cohort="us-ca", collection="allowed"), **changes)


def compiled(facts, *, version=1, issued_at=NOON):
    return compile_device_policy(facts, version=version, issued_at=issued_at)


def read(facts, **options):
    return DevicePolicy.from_payload(canonical_json(compiled(facts, **options)))


def allows(facts, *, slug, kind, at, collection="allowed"):
    verdict = decide(
        Subject(application=slug), kind=kind, at=at, register=REGISTER,
        ceiling=make_ceiling(collection), policy=read(facts),
    )  # fmt: skip
    return verdict.allowed


moments = st.integers(min_value=-3600, max_value=3600).map(lambda s: NOON + timedelta(seconds=s))
names = lambda of: st.none() | st.frozensets(st.sampled_from(of), min_size=1)  # noqa: E731


@st.composite
def restrictions(draw):
    starts_at = draw(moments)
    length = draw(st.none() | st.integers(min_value=0, max_value=7200))
    return RestrictionFact(
        id=draw(st.uuids()),
        source=draw(
            st.sampled_from(["pause", "preference", "exemption", "protection", "programme"])
        ),
        starts_at=starts_at,
        ends_at=None if length is None else starts_at + timedelta(seconds=length),
        applications=draw(names(SLUGS)),
        kinds=draw(names(KINDS)),
    )


@st.composite
def facts(draw):
    return make_facts(
        collection=draw(st.sampled_from(["allowed", "opt_in", "out_of_scope", "later_word"])),
        is_active=draw(st.booleans()),
        acknowledgement_missing=draw(st.booleans()),
        opted_in=draw(st.booleans()),
        restrictions=draw(st.frozensets(restrictions(), max_size=5)),
    )


@given(facts(), restrictions(), st.sampled_from(SLUGS), st.sampled_from(KINDS), moments)
def test_one_more_restriction_never_allows_more(before, one_more, slug, kind, at):
    after = replace(before, restrictions=before.restrictions | {one_more})

    if not allows(before, slug=slug, kind=kind, at=at):
        assert not allows(after, slug=slug, kind=kind, at=at)


@given(st.lists(restrictions(), max_size=6, unique_by=lambda fact: fact.id), st.randoms())
def test_order_of_the_facts_does_not_matter(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)

    one = compiled(make_facts(restrictions=tuple(found)))
    other = compiled(make_facts(restrictions=tuple(shuffled)))

    assert canonical_json(one) == canonical_json(other)


@given(facts(), restrictions(), st.sampled_from(SLUGS), st.sampled_from(KINDS), moments)
def test_pause_in_force_always_yields_no(before, any_fact, slug, kind, at):
    pause = replace(any_fact, source="pause", applications=None, kinds=None)
    paused = replace(before, restrictions=before.restrictions | {pause})

    if pause.is_in_force(at) and at >= NOON:
        assert not allows(paused, slug=slug, kind=kind, at=at)


@given(facts())
def test_same_facts_give_the_same_bytes(some):
    assert canonical_json(compiled(some)) == canonical_json(compiled(some))


@given(facts(), st.sampled_from(KINDS), moments, st.sampled_from(["allowed", "opt_in"]))
def test_excluded_application_is_never_allowed(some, kind, at, collection):
    assert not allows(some, slug="payroll", kind=kind, at=at, collection=collection)


def test_allows_what_nothing_restricts():
    assert allows(make_facts(), slug="slack", kind="keystrokes", at=NOON)


@pytest.mark.parametrize(
    ("changes", "state", "source"),
    [
        ({"is_active": False}, "revoked", "programme"),
        ({"collection": "out_of_scope"}, "out_of_scope", "programme"),
        ({"collection": "a word we do not know"}, "out_of_scope", "programme"),
        ({"acknowledgement_missing": True}, "unacknowledged", "notice"),
        ({"collection": "opt_in"}, "opted_out", "consent"),
    ],
)
def test_standing_denies_everything_for_ever(changes, state, source):
    policy = read(make_facts(**changes))

    assert policy.state == state
    assert [deny.source for deny in policy.deny] == [source]
    assert policy.deny[0].applications is None
    assert policy.deny[0].is_in_force(NOON + timedelta(days=10_000))


def test_person_who_opted_in_is_collected_from():
    assert read(make_facts(collection="opt_in", opted_in=True)).state == "collecting"


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("pause", "paused"),
        ("preference", "paused"),
        ("exemption", "exempt"),
        ("protection", "protected"),
        ("programme", "protected"),
    ],
)
def test_restriction_on_everything_names_the_state(source, state):
    fact = RestrictionFact(uuid.uuid4(), source, NOON, None)

    assert read(make_facts(restrictions=frozenset({fact}))).state == state


def test_restriction_on_something_leaves_the_state():
    fact = RestrictionFact(uuid.uuid4(), "exemption", NOON, None, frozenset({"slack"}))

    policy = read(make_facts(restrictions=frozenset({fact})))

    assert policy.state == "collecting"
    assert policy.deny[0].applications == {"slack"}


def test_restriction_that_is_over_is_left_out():
    over = RestrictionFact(uuid.uuid4(), "pause", NOON - timedelta(minutes=5), NOON)

    assert compiled(make_facts(restrictions=frozenset({over})))["deny"] == []


def test_restriction_that_begins_later_is_told_now():
    later = RestrictionFact(
        uuid.uuid4(), "preference", NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    )

    policy = read(make_facts(restrictions=frozenset({later})))

    assert policy.state == "collecting"
    assert len(policy.deny) == 1


def test_payload_has_the_members_of_the_contract_and_no_grounds():
    pause = RestrictionFact(
        DEVICE,
        "pause",
        NOON,
        NOON + timedelta(minutes=15),
        frozenset({"slack"}),
        frozenset({"keystrokes"}),
    )

    payload = compiled(make_facts(restrictions=frozenset({pause})), version=17)

    assert payload == {
        "schema": "device-policy/1",
        "device": str(DEVICE),
        "cohort": "us-ca",
        "version": 17,
        "issued_at": "2026-11-23T12:00:00Z",
        "state": "collecting",
        "deny": [
            {
                "id": str(DEVICE),
                "from": "2026-11-23T12:00:00Z",
                "until": "2026-11-23T12:15:00Z",
                "applications": ["slack"],
                "kinds": ["keystrokes"],
                "source": "pause",
            }
        ],
        "conditions": {},
        "erase": [],
    }


def test_ceiling_of_a_place_out_of_scope_denies_everything():
    ceiling = make_ceiling("out_of_scope")

    assert ceiling.deny[0].applications is None
    assert not allows(
        make_facts(), slug="slack", kind="keystrokes", at=NOON, collection="out_of_scope"
    )


def test_ceiling_says_what_the_contract_says():
    ceiling = make_ceiling()

    assert ceiling.max_pause_minutes == 30
    assert ceiling.register == DIGEST
    assert [deny.applications for deny in ceiling.deny] == [{"payroll"}]
