"""From the directory to the device: a real ceiling, a real filter, and the agent's own gate."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consent_agent.acceptance import Floors, SignedDocuments, accept
from consent_agent.clock import SystemClock
from consent_agent.gate import Gate, HeldPolicy
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.decision import Reason
from consent_agent.protocol.jws import KeySet, sign
from consent_agent.protocol.matching import Register
from consent_agent.protocol.times import format_time
from consent_app.audit.models import Leaf
from consent_app.contacts.actions import add_entries, object_to_all, withdraw_objection
from consent_app.contacts.actions.filters import LEAVING_TAKES
from consent_app.contacts.models import BuiltFilter
from consent_app.contacts.queries import newest_filter
from consent_app.devices.actions import keep_counterparties
from consent_app.devices.counterparties import devices_protect, named_filters
from consent_app.devices.models import Ceiling
from consent_app.devices.queries import content_of, newest_ceiling
from consent_app.register.queries import captured_applications
from portal.lib.keys import published_keys, signing_key

JANA = "jana@bücher.example"


@pytest.fixture
def fetch(client):
    def fetch(kind: str, digest: str) -> bytes:
        response = client.get(f"/agent/v1/{kind}/{digest}")
        assert response.status_code == 200
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        assert content_digest(response.content) == digest
        return response.content

    return fetch


@pytest.fixture
def gate_of(fetch):
    """Return a function that does what an agent does with the newest documents of its device."""

    def gate(enrolled) -> Gate:
        signed = _signed_for(enrolled)
        accepted = accept(
            signed,
            keys=KeySet.from_jwks(published_keys()),
            device=str(enrolled.device.pk),
            floors=Floors(),
            now=timezone.now(),
        )
        clock = SystemClock()
        register = Register.from_document(fetch("registers", accepted.ceiling.register))
        held_filter = CounterpartyFilter.from_document(
            fetch("filters", accepted.ceiling.counterparties)
        )
        opened = Gate(clock)
        held = HeldPolicy(
            accepted,
            register,
            clock.now(),
            place=accepted.ceiling.cohort,
            counterparties=held_filter,
        )
        opened.swap(held)
        return opened

    return gate


def _signed_for(enrolled) -> SignedDocuments:
    policy = enrolled.newest()
    ceiling = newest_ceiling(enrolled.device.employee.jurisdiction)
    now = timezone.now()
    freshness = {
        "schema": "freshness/1",
        "device": str(enrolled.device.pk),
        "device_version": policy.version,
        "device_digest": policy.digest,
        "ceiling_version": ceiling.version,
        "ceiling_digest": ceiling.digest,
        "programme": "running",
        "deny": [],
        "issued_at": format_time(now),
        "expires_at": format_time(now + timedelta(minutes=15)),
        "checkpoint": None,
    }
    jws = sign(freshness, typ="freshness+jws", key=signing_key("policy"))
    return SignedDocuments(policy.jws, ceiling.jws, jws)


def ask(gate: Gate, *counterparties: str):
    application = captured_applications().filter(communication=True).first()
    return gate.may_capture(
        application=application.slug, kind="keystrokes", counterparties=counterparties
    )


def test_what_a_colleague_in_germany_shares_is_not_captured(make_device, make_colleague, gate_of):
    enrolled = make_device()
    make_colleague(JANA)

    keep_counterparties()

    gate = gate_of(enrolled)
    assert ask(gate, "noor@example.com").allowed
    for spelling in (JANA, "JANA@Bücher.Example", "jana@xn--bcher-kva.example"):
        verdict = ask(gate, "noor@example.com", spelling)
        assert (verdict.allowed, verdict.reason) == (False, Reason.COUNTERPARTY_PROTECTED)


def test_an_objection_and_a_listed_domain_reach_the_gate(make_device, legal, gate_of):
    enrolled = make_device()
    object_to_all(address="tom+work@example.net")
    add_entries(text="@example.eu", reason="Agreement", by=legal)

    keep_counterparties()

    gate = gate_of(enrolled)
    assert not ask(gate, "Tom+Work@example.net").allowed
    assert not ask(gate, "anybody@mail.example.eu").allowed
    assert ask(gate, "tom@example.net").allowed


def test_who_took_it_back_can_be_captured_a_day_later(make_device, gate_of, frozen_time):
    enrolled = make_device()
    object_to_all(address="tom@example.net")
    keep_counterparties()
    withdraw_objection(address="tom@example.net")
    keep_counterparties()
    assert devices_protect("tom@example.net")
    frozen_time.shift(LEAVING_TAKES)

    keep_counterparties()

    assert ask(gate_of(enrolled), "tom@example.net").allowed
    assert not devices_protect("tom@example.net")


def test_ceilings_are_signed_when_who_is_protected_changed_and_only_then(
    ceilings, make_jurisdiction
):
    before = Ceiling.objects.count()
    keep_counterparties()
    assert Ceiling.objects.count() == before

    object_to_all(address="tom@example.net")
    for _ in range(3):
        keep_counterparties()

    assert Ceiling.objects.count() == before + len(ceilings)
    assert content_of(newest_ceiling(make_jurisdiction())).counterparties == newest_filter().digest
    assert Leaf.objects.filter(event="filter.renewed").count() == 1


def test_without_the_programme_key_devices_keep_the_filter_they_have(
    make_device, gate_of, keys, client
):
    enrolled = make_device()
    object_to_all(address="tom@example.net")
    keep_counterparties()
    (keys / "programme.key").rename(keys / "programme.away")

    object_to_all(address="noor@example.net")
    keep_counterparties()

    gate = gate_of(enrolled)
    assert not ask(gate, "tom@example.net").allowed
    assert ask(gate, "noor@example.net").allowed
    assert BuiltFilter.objects.count() == 2
    assert named_filters() < set(BuiltFilter.objects.values_list("digest", flat=True))


def test_a_filter_is_built_before_any_register_is_published(db, keys):
    object_to_all(address="tom@example.net")

    keep_counterparties()

    assert newest_filter().entries == 1


def test_a_filter_that_was_replaced_is_gone_after_an_hour(ceilings, client, frozen_time):
    object_to_all(address="tom@example.net")
    keep_counterparties()
    first = newest_filter().digest
    object_to_all(address="noor@example.net")
    keep_counterparties()
    assert client.get(f"/agent/v1/filters/{first}").status_code == 200

    frozen_time.shift(timedelta(minutes=61))
    keep_counterparties()

    assert client.get(f"/agent/v1/filters/{first}").status_code == 404
    assert client.get(f"/agent/v1/filters/{newest_filter().digest}").status_code == 200


@pytest.mark.parametrize("name", ["sha256:" + "0" * 64, "sha256:abc", "x" * 500])
def test_an_unknown_filter_is_not_found(client, db, name):
    response = client.get(f"/agent/v1/filters/{name}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
