"""Freshness is put together from parts; its bytes are those of the canonical document."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from consent_agent.protocol.canonical import canonical_json, parse_json
from consent_agent.protocol.jws import KeySet, sign, verify
from consent_app.audit.queries import TreeHead
from consent_app.devices.freshness import WINDOW_SECONDS, write_form
from consent_app.devices.policy import RestrictionFact
from consent_app.devices.told import Cohort, ForMany, Known, SignedCeiling, Told
from portal.lib.keys import published_keys, signing_key

AT = datetime(2026, 11, 23, 10, 0, 7, 250_000, tzinfo=UTC)
WINDOW = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
LONG_AGO = AT - timedelta(days=30)
HEAD = TreeHead(21, bytes(range(32)))


def stop(starts_at, ends_at=None, applications=None):
    return RestrictionFact(uuid.uuid4(), "programme", starts_at, ends_at, applications)


def told_by(*facts, since=None, requested_at=LONG_AGO, **ceiling):
    cohort = Cohort.of(
        SignedCeiling(**{"version": 4, "jws": "a.b.c", "digest": "sha256:11"} | ceiling),
        ForMany.of(facts, since=since),
    )
    known = Known(
        device=str(uuid.uuid4()), jurisdiction="US-CA", version=17, digest="sha256:22",
        requested_at=requested_at, revoked=False, is_delivered=True, seen_at=0.0,
    )  # fmt: skip
    return Told(known, cohort)


def payload_of(told, at=AT):
    form = write_form(told.cohort, HEAD, now=at.timestamp())
    published = KeySet.from_jwks(published_keys())
    return form, verify(form.sign(told), typ="freshness+jws", keys=published)


@pytest.mark.parametrize("applications", [None, frozenset({"slack", "zoom"}), frozenset({"ü"})])
def test_is_the_canonical_document(keys, applications):
    fact = stop(AT - timedelta(hours=1), AT + timedelta(hours=1), applications)
    told = told_by(fact)

    _, payload = payload_of(told)

    assert payload == canonical_json(
        {
            "schema": "freshness/1",
            "device": told.device,
            "device_version": 17,
            "device_digest": "sha256:22",
            "ceiling_version": 4,
            "ceiling_digest": "sha256:11",
            "programme": "running" if applications else "stopped",
            "deny": told.cohort.for_many.denied(AT),
            "issued_at": "2026-11-23T10:00:05Z",
            "expires_at": "2026-11-23T10:15:05Z",
            "checkpoint": {"size": 21, "root": bytes(range(32)).hex()},
        }
    )


def test_is_to_the_byte_what_every_other_document_is_signed_with(keys):
    told = told_by()

    form, payload = payload_of(told)

    expected = sign(parse_json(payload), typ="freshness+jws", key=signing_key("policy"))
    assert form.sign(told) == expected


@pytest.mark.parametrize(
    ("facts", "since", "issued_at"),
    [
        ([], None, WINDOW),
        ([stop(WINDOW - timedelta(days=1))], None, WINDOW),
        ([stop(WINDOW + timedelta(seconds=1))], None, WINDOW + timedelta(seconds=1)),
        ([stop(AT + timedelta(seconds=1))], None, WINDOW),
        ([], WINDOW + timedelta(seconds=2), WINDOW + timedelta(seconds=2)),
        ([], WINDOW - timedelta(minutes=5), WINDOW),
    ],
    ids=["nothing", "old stop", "new stop", "coming stop", "ended now", "ended before"],
)
def test_is_issued_at_the_window_or_at_the_last_stop_since(keys, facts, since, issued_at):
    _, payload = payload_of(told_by(*facts, since=since))

    assert f'"issued_at":"{issued_at.isoformat().replace("+00:00", "Z")}"'.encode() in payload


def test_holds_no_longer_than_its_window_or_until_something_begins(keys):
    begins = AT + timedelta(seconds=1)

    plain, _ = payload_of(told_by())
    before, _ = payload_of(told_by(stop(begins)))

    assert plain.ends_at == WINDOW.timestamp() + WINDOW_SECONDS
    assert before.ends_at == begins.timestamp()


def test_says_stopped_where_the_policy_is_too_old_for_the_ceiling(keys):
    told = told_by(needs_policies_since=AT + timedelta(seconds=1))

    _, payload = payload_of(told)

    assert b'"programme":"stopped"' in payload


def test_a_policy_decided_within_the_window_is_never_older_than_its_freshness(keys):
    """Else a device with a slow clock would take a pause that began just now for one to come."""
    decided = AT - timedelta(seconds=1)
    told = told_by(requested_at=decided)

    _, payload = payload_of(told)

    assert f'"issued_at":"{decided.isoformat().replace("+00:00", "Z")}"'.encode() in payload
    assert payload == canonical_json(parse_json(payload))
