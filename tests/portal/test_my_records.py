"""My records: one's own entries in sentences, each with its receipt, for nobody else."""

import importlib
import re
from pathlib import Path

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.receipts import verify_receipt
from consent_app.audit import queries
from consent_app.audit.actions import erase_details, record
from consent_app.audit.models import Leaf
from consent_app.erasure import events as erasure_events
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import resume, start_pause
from portal.activity import SENTENCES
from portal.lib.keys import published_keys
from portal.my_records import RECORDS_PER_PAGE
from portal.record_words import MORE_SENTENCES, TECHNICAL, Kind

ROOT = Path(__file__).resolve().parents[2]
# Entries that are about no single person.
ABOUT_NOBODY = {
    "ceiling", "contact", "data_store", "filter", "incident", "jurisdiction", "key", "keys",
    "openings", "programme", "register", "rollout", "route", "sealing_key",
}  # fmt: skip


@pytest.fixture
def mira(keys, make_employee, frozen_time):
    return make_employee(time_zone="America/New_York")


@pytest.fixture
def records(sign_in, mira):
    client = sign_in(mira)
    return lambda **query: client.get(reverse("my-records"), query)


def text_of(response):
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", plain).replace("&#x27;", "'")


def pause_and_resume(person, times: int = 1) -> None:
    for _ in range(times):
        start_pause(employee=person, by=person, minutes=15)
        resume(employee=person, by=person)


def note(person, event: str) -> Leaf:
    with transaction.atomic():
        return record(event, actor=person, subject=person, person=person, at=timezone.now())


def receipt_of(client, leaf: Leaf):
    return client.get(reverse("my-record-receipt", args=[leaf.index]))


def test_tells_each_entry_in_a_sentence_newest_first(records, mira):
    pause_and_resume(mira)

    response = records()

    page = text_of(response)
    assert page.index("You ended the pause.") < page.index("You paused collection until 07:15.")
    assert [row.kind for row in response.context["records"]] == ["Pauses and preferences"] * 2


def test_does_not_change_by_what_others_choose(records, mira, make_employee):
    pause_and_resume(mira)
    before = records().context["records"]

    pause_and_resume(make_employee("Noor Haddad"))

    response = records()
    assert response.context["records"] == before
    assert queries.tree_head().root.hex() not in response.content.decode()


def test_shows_nothing_about_others(records, make_employee):
    pause_and_resume(make_employee("Noor Haddad"))

    response = records()

    assert response.context["records"] == []
    assert "No entries yet" in text_of(response)


def test_leaves_technical_entries_out_until_they_are_asked_for(records, make_device, mira):
    make_device(mira)

    usual, technical = records(), records(show=Kind.TECHNICAL)

    assert "policy was signed" not in text_of(usual)
    assert "LAPTOP-1 was added to your devices." in text_of(usual)
    assert "Version 1 of a device's policy was signed." in text_of(technical)


@pytest.mark.parametrize("kind", Kind)
def test_shows_the_entries_of_one_kind(records, mira, kind):
    of_kind = {
        Kind.PAUSES: "quiet_time.added",
        Kind.NOTICES: "notice.acknowledged",
        Kind.REQUESTS: "request.submitted",
        Kind.DEVICES: "enrolment_code.issued",
        Kind.DATA: "access.requested",
        Kind.ACCOUNT: "employee.password_changed",
        Kind.TECHNICAL: "policy.signed",
    }
    noted = {one: note(mira, event).index for one, event in of_kind.items()}

    response = records(show=kind)

    assert [(row.index, row.kind) for row in response.context["records"]] == [
        (noted[kind], kind.label)
    ]


def test_an_event_that_nobody_knows_is_named_as_the_log_does(records, mira):
    note(mira, "tea.brewed")

    assert "An entry was made: tea.brewed." in text_of(records())


def test_an_entry_without_its_details_stays_readable(records, mira):
    pause_and_resume(mira)
    erase_details(index=0, actor=system_user(), reason="asked for")

    assert "You paused collection until an erased time." in text_of(records())


def test_a_long_list_has_pages(records, mira):
    pause_and_resume(mira, times=RECORDS_PER_PAGE)

    assert len(records(page=2).context["records"]) == RECORDS_PER_PAGE
    assert records(page=3).status_code == 404
    assert records(page="x").status_code == 404


def test_pages_keep_the_kind(records, mira):
    pause_and_resume(mira, times=RECORDS_PER_PAGE)

    response = records(show=Kind.PAUSES)

    assert "?show=pauses&amp;page=2" in response.content.decode()


def test_an_unknown_kind_is_no_address(records):
    assert records(show="everything").status_code == 400


def test_a_receipt_proves_ones_own_entry(client, records, mira):
    pause_and_resume(mira)
    leaf = Leaf.objects.get(event="pause.started")

    response = receipt_of(client, leaf)

    proof = verify_receipt(response.content, keys=KeySet.from_jwks(published_keys()))
    assert proof.entry.leaf["event"] == "pause.started"
    assert response["Content-Disposition"] == f'attachment; filename="receipt-{leaf.index}.json"'
    assert response["Cache-Control"] == "no-store"


def test_receipts_of_others_and_of_nothing_do_not_exist(client, records, make_employee):
    pause_and_resume(make_employee("Noor Haddad"))
    theirs = Leaf.objects.get(event="pause.started")

    assert receipt_of(client, theirs).status_code == 404
    for index in ("99", "9" * 40):
        assert client.get(f"/my-records/{index}/receipt").status_code == 404


def test_without_the_checkpoint_key_the_portal_says_that_it_is_away(
    client, records, mira, tmp_path, settings
):
    pause_and_resume(mira)
    settings.KEYS_DIR = tmp_path
    client.raise_request_exception = False

    assert receipt_of(client, Leaf.objects.get(event="pause.started")).status_code == 503


def test_asks_the_database_little(records, mira, django_assert_max_num_queries):
    pause_and_resume(mira, times=RECORDS_PER_PAGE)

    with django_assert_max_num_queries(20):
        records()


def test_says_which_program_and_which_device_confirmed(records, mira):
    with transaction.atomic():
        for event, details in (
            (erasure_events.ERASURE_STORE_CONFIRMED, {"name": "Recordings archive"}),
            (erasure_events.ERASURE_DEVICE_CONFIRMED, {"hostname": "LAPTOP-1"}),
        ):
            record(event, actor=mira, subject=mira, person=mira, at=timezone.now(), details=details)

    text = text_of(records())

    assert "Recordings archive confirmed that it erased what you wanted forgotten." in text
    assert "LAPTOP-1 confirmed that it dropped what you wanted forgotten." in text


def test_no_event_is_said_in_two_ways():
    assert not SENTENCES.keys() & MORE_SENTENCES.keys()


def test_every_event_has_words_or_is_about_nobody():
    rooms = [path.parent for path in ROOT.glob("consent_app/*/events.py")]
    modules = [f"consent_app.{room.name}.events" for room in rooms] + ["exemptions.events"]
    events = {
        value
        for module in map(importlib.import_module, modules)
        for name, value in vars(module).items()
        if name.isupper()
    }

    without_words = {
        event
        for event in events - SENTENCES.keys() - MORE_SENTENCES.keys()
        if event.partition(".")[0] not in ABOUT_NOBODY
    }

    assert without_words == set()
    assert events >= TECHNICAL
