"""Strict JSON, times, and the readers of the signed documents (bad inputs 40, 41)."""

import contextlib
import json
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.canonical import MAX_NESTING, canonical_json, parse_json
from consent_agent.protocol.documents import Ceiling, Conditions, DevicePolicy, Freshness
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import decode_base64url
from consent_agent.protocol.members import MAX_VERSION
from consent_agent.protocol.times import format_time, parse_time
from consent_app.devices import policy
from tests.agent.simulated_portal import NOON, ceiling_members, deny, policy_members


def read_policy(**changes: object) -> DevicePolicy:
    return DevicePolicy.from_payload(json.dumps(policy_members(**changes)).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'"\xff"',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e400",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1),
    ],
)
def test_refuses_json_that_two_parsers_could_read_differently(data):
    started = time.perf_counter()

    with pytest.raises(DocumentRefused, match="bad_json"):
        parse_json(data)

    assert time.perf_counter() - started < 0.5


def test_reads_json_as_deep_as_it_may_be():
    assert parse_json(b"[" * MAX_NESTING + b"]" * MAX_NESTING)


@given(st.binary())
def test_random_bytes_are_read_or_refused(data):
    for read in (parse_json, DevicePolicy.from_payload, Ceiling.from_payload):
        with contextlib.suppress(DocumentRefused):
            read(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-MAX_VERSION, MAX_VERSION) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_canonical_json_reads_back_as_what_it_was(value):
    assert parse_json(canonical_json(value)) == value


def test_a_refusal_does_not_quote_the_document():
    with pytest.raises(DocumentRefused) as caught:
        parse_json(b'{"secret": hunter2}')

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-11-23T12:00:00Z"),
        (NOON + timedelta(microseconds=250), "2026-11-23T12:00:00.000250Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-11-23T12:00:00Z"),
    ],
)
def test_times_are_written_in_utc_and_read_back(moment, text):
    assert format_time(moment) == text
    assert parse_time(text) == moment


def test_does_not_write_a_time_without_zone():
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 11, 23))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00",
        "2026-11-23T12:00:00+00:00",
        "2026-11-23T12:00:00z",
        "2026-11-23 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T23:59:60Z",
        "0000-11-23T12:00:00Z",
        "10000-11-23T12:00:00Z",
        "2026-11-23T12:00Z",
        "2026-11-23T12:00:00.1234567Z",
        "٢٠٢٦-11-23T12:00:00Z",
        "1795435200",
        "",
    ],
)
def test_refuses_other_forms_of_time(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_time(text)


@pytest.mark.parametrize("version", [0, -1, 2**53, 2**53 + 1, 7.0, 7.5, "7", True, None, [7]])
def test_refuses_versions_that_are_not_whole_numbers_in_range(version):
    with pytest.raises(DocumentRefused, match="bad_version"):
        read_policy(version=version)


@pytest.mark.parametrize("version", [1, MAX_VERSION])
def test_takes_the_smallest_and_the_largest_version(version):
    assert read_policy(version=version).version == version


@pytest.mark.parametrize("name", sorted(policy_members()))
def test_refuses_a_policy_that_lacks_a_member(name):
    members = policy_members()
    del members[name]

    with pytest.raises(DocumentRefused):
        DevicePolicy.from_payload(json.dumps(members).encode())


@pytest.mark.parametrize("name", sorted(ceiling_members()))
def test_refuses_a_ceiling_that_lacks_a_member(name):
    members = ceiling_members()
    del members[name]

    with pytest.raises(DocumentRefused):
        Ceiling.from_payload(json.dumps(members).encode())


@pytest.mark.parametrize("value", [None, 1, True, [1], "", "x", {"x": 1}])
@pytest.mark.parametrize("name", ["schema", "issued_at", "deny", "erase"])
def test_refuses_members_of_another_type(name, value):
    with pytest.raises(DocumentRefused):
        read_policy(**{name: value})


def test_ignores_members_it_does_not_know():
    assert read_policy(colour="green", deny=[deny(colour="green")]).deny


def test_keeps_words_it_does_not_know():
    policy = read_policy(state="hibernating", deny=[deny(source="weather")])

    assert policy.state == "hibernating"
    assert policy.deny[0].source == "weather"


@pytest.mark.parametrize(
    "changes",
    [
        {"applications": []},
        {"kinds": []},
        {"applications": "slack"},
        {"applications": [1]},
        {"until": "2026-11-23T11:59:59Z"},
        {"from": None},
        {"id": ""},
        {"source": None},
    ],
)
def test_refuses_a_deny_that_could_be_read_as_nothing(changes):
    with pytest.raises(DocumentRefused, match="bad_field"):
        read_policy(deny=[deny(**changes)])


def test_a_deny_without_until_is_refused_not_endless():
    entry = deny()
    del entry["until"]

    with pytest.raises(DocumentRefused, match="until"):
        read_policy(deny=[entry])


def test_a_deny_begins_at_from_and_has_ended_at_until():
    entry = read_policy(deny=[deny(until="2026-11-23T12:10:00Z")]).deny[0]
    moments = [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(minutes=10)]

    assert [entry.is_in_force(moment) for moment in moments] == [False, True, False]


def test_reads_the_conditions_that_the_portal_writes():
    written = policy.Conditions(30, denies_metered=True, denies_private_window=True)

    conditions = read_policy(conditions=written.entries()).conditions

    assert conditions == Conditions(30, True, True)
    assert read_policy(conditions=policy.Conditions().entries()).conditions == Conditions()


@pytest.mark.parametrize(
    ("conditions", "unknown"),
    [
        ({"metered_network": "ask"}, ("metered_network",)),
        ({"private_window": "allow"}, ("private_window",)),
        ({"meeting": "deny", "camera": True}, ("camera", "meeting")),
    ],
)
def test_names_the_conditions_that_it_does_not_know(conditions, unknown):
    assert read_policy(conditions=conditions).conditions.unknown == unknown


@pytest.mark.parametrize(
    "conditions",
    [
        None,
        [],
        {"battery_below_percent": None},
        {"battery_below_percent": "30"},
        {"battery_below_percent": 101},
        {"battery_below_percent": True},
        {"metered_network": None},
        {"metered_network": ""},
        {"private_window": True},
    ],
)
def test_refuses_conditions_that_could_be_read_as_none(conditions):
    with pytest.raises(DocumentRefused, match="bad_field"):
        read_policy(conditions=conditions)


def test_reads_the_erasures_that_the_portal_writes():
    fact = policy.EraseFact(
        uuid.UUID(int=1), NOON, NOON + timedelta(minutes=10), frozenset({"slack"})
    )

    (erase,) = read_policy(erase=[fact.entry()]).erase

    assert (erase.starts_at, erase.ends_at) == (fact.starts_at, fact.ends_at)
    assert (erase.id, erase.applications) == (str(fact.id), fact.applications)


@pytest.mark.parametrize(
    "changes",
    [
        {"from": None},
        {"until": None},
        {"until": "2026-11-23T12:00:00Z"},
        {"applications": []},
        {"applications": "slack"},
        {"id": None},
    ],
)
def test_refuses_an_erasure_that_could_be_read_as_nothing(changes):
    entry = {"id": "1", "from": "2026-11-23T12:00:00Z", "until": "2026-11-23T12:10:00Z"}

    with pytest.raises(DocumentRefused, match="bad_field"):
        read_policy(erase=[entry | changes])


def test_a_freshness_may_come_before_the_first_checkpoint(desk):
    token = desk.sign_freshness("a", "b", checkpoint=None)
    payload = token.split(".")[1]

    freshness = Freshness.from_payload(decode_base64url(payload))

    assert freshness.checkpoint is None
    assert freshness.issued_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
