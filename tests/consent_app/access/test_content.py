"""What stands in a copy: everything about its person, nothing about others, nothing that runs."""

from datetime import time, timedelta

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils import timezone

from consent_app.access import archive
from consent_app.access.archive import SHOWN_ROWS, sections_of
from consent_app.audit.actions import erase_details
from consent_app.audit.models import Leaf
from consent_app.devices.actions import receive_acknowledgement
from consent_app.ledger.models import HourlyCount
from consent_app.people.queries import system_user
from consent_app.register.actions.notices import acknowledge_notice
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    save_preference,
    start_pause,
)
from exemptions.actions import conversation, delegations, drafts, submission
from exemptions.models import Verdict
from portal.lib.sections import Section, Table, sources
from tests.consent_app.access.conftest import unpacked
from tests.exemption_fixtures import SENSITIVE, fresh
from tests.notice_fixtures import digest_for

SPOILT = '</td><script src="//evil.example"></script><a href="javascript:x">'

# Tables that stand for a person, each with the field that names whom it is about.
ABOUT_THEIR_PERSON = {
    "access.datacopy.employee",
    "account.emailaddress.user",
    "devices.device.employee",
    "devices.enrolmentcode.employee",
    "erasure.erasureorder.employee",
    "exemptions.delegation.delegate",
    "exemptions.delegation.person",
    "exemptions.exemptionrequest.requester",
    "notifications.mailpreference.employee",
    "notifications.notification.recipient",
    "people.employee.line_manager",
    "register.consentrecord.employee",
    "register.noticerecord.employee",
    "restrictions.pausepreference.employee",
    "restrictions.quiettime.employee",
    "restrictions.restriction.employee",
}
# Who did something that is about others or about everybody. Each wrote an entry of the log, which
# stands in "What you did that is about others".
WHO_DID_IT = {
    "contacts.listentry.added_by",
    "contacts.listentry.ended_by",
    "devices.rollout.ended_by",
    "devices.rollout.issued_by",
    "exemptions.decision.by",
    "exemptions.decision.on_behalf_of",
    "exemptions.message.author",
    "exemptions.reviewstep.assignee",
    "exemptions.route.approved_by",
    "exemptions.route.drafted_by",
    "ledger.incident.closed_by",
    "register.registerversion.approved_by",
    "register.registerversion.drafted_by",
    "register.registerversion.proposed_by",
    "register.registerversion.published_by",
    "register.registerversion.sent_back_by",
    "restrictions.programmestop.restart_asked_by",
    "restrictions.programmestop.restarted_by",
    "restrictions.programmestop.stopped_by",
}
# What hangs on rows about a person and is not handed over, with the reason.
LEFT_OUT = {
    "access.copypart": "this very copy",
    "account.emailconfirmation": "a code; addresses come from the directory, so there is none",
    "restrictions.programmestop": "its restriction is on everybody and has no person",
}


@pytest.fixture
def mira(organisation, keys, frozen_time):
    return organisation.mira


@pytest.fixture
def copy_of(make_copy):
    return lambda person: unpacked(make_copy(person))


def sources_of(person) -> set[str]:
    return {
        label
        for section in sections_of(person)
        for table in section.tables
        for label in table.sources
    }


def fields_to(model) -> set[str]:
    """Return the foreign keys that lead to a model, written label.field."""
    return {
        f"{other._meta.label_lower}.{field.name}"
        for other in apps.get_models()
        for field in other._meta.get_fields()
        if (field.many_to_one or field.one_to_one)
        and field.concrete
        and field.related_model is model
    }


# Complete


def test_whoever_is_named_in_a_table_finds_it_in_their_copy(mira):
    assert fields_to(get_user_model()) == ABOUT_THEIR_PERSON | WHO_DID_IT

    tables = {name.rpartition(".")[0] for name in ABOUT_THEIR_PERSON}
    assert tables - sources_of(mira) == set()


def test_what_hangs_on_a_row_about_somebody_is_in_it_as_well(mira):
    covered = sources_of(mira)
    shared = {"auth.group"}  # a role says nothing about its other people

    hanging = {
        name.rpartition(".")[0]
        for label in covered - shared - {"people.employee"}
        for name in fields_to(apps.get_model(label))
    }

    assert hanging - covered == LEFT_OUT.keys()


def test_has_what_somebody_did(mira, laptop, copy_of):
    start_pause(employee=mira, by=mira, minutes=15)
    save_preference(employee=mira, by=mira, wanted=WantedPreference(default_minutes=7))
    add_quiet_time(
        employee=mira, by=mira, starts_at=time(12), minutes=30, weekdays=frozenset({1, 2})
    )
    receive_acknowledgement(device=laptop.device, jws=laptop.acknowledgement())
    acknowledge_notice(employee=mira, digest=digest_for(mira), browser="Firefox", at=timezone.now())

    copy = copy_of(mira)

    assert copy.data("person")["person"][0]["line_manager"] == "Jonas Lindqvist"
    pauses = copy.data("pauses")
    assert {row["source"] for row in pauses["restrictions"]} >= {"pause"}
    assert pauses["preferences"][0]["default_minutes"] == 7
    assert pauses["quiet_times"][0]["weekdays"] == [1, 2]
    devices = copy.data("devices")
    assert [row["hostname"] for row in devices["devices"]] == ["LAPTOP-1"]
    assert devices["policies"][-1]["jws"].count(".") == 2
    assert devices["confirmations"][0]["device"] == "LAPTOP-1"
    assert {row["stage"] for row in copy.data("notices")["notices"]} >= {"acknowledged"}
    assert "You set a quiet time." in [row["sentence"] for row in copy.data("records")["about_you"]]
    assert "15 minutes" not in copy.page.split("</header>")[0]


def test_has_what_was_written_unsealed(mira, make_draft, organisation, copy_of):
    draft = make_draft(mira, ground=SENSITIVE, text="My hands hurt.")
    drafts.attach_file(request=draft, name="proof.txt", content=b"It is so.")
    request = submission.submit_request(request=fresh(draft), by=mira)
    conversation.write_note(request=request, by=organisation.hr[0], text="Between us alone.")
    conversation.ask_for_information(
        request=fresh(request), by=organisation.hr[0], seen=fresh(request).version, text="Since?"
    )

    copy = copy_of(mira)

    written = copy.data("requests")["written"]
    assert [(row["kind"], row["by"], row["text"]) for row in written] == [
        ("Statement", "Mira Okafor", "My hands hurt."),
        ("Question", "Dana Ortiz", "Since?"),
    ]
    (file,) = copy.data("requests")["files"]
    assert (file["name"], file["path"]) == ("proof.txt", "files/request-1/file-1.txt")
    assert copy.archive.read(file["path"]) == b"It is so."
    assert "Between us alone." not in copy.page + str(written)


def test_has_decisions(mira, make_request, decide_all, copy_of):
    decide_all(make_request(mira), Verdict.DECLINE, text="Not covered here.")

    (row,) = copy_of(mira).data("requests")["decisions"]

    assert (row["by"], row["verdict"], row["text"]) == (
        "Jonas Lindqvist", "Decline", "Not covered here.",
    )  # fmt: skip


def test_erased_texts_and_details_do_not_break_it(mira, make_draft, copy_of):
    draft = make_draft(mira)
    drafts.attach_file(request=draft, name="proof.txt", content=b"It is so.")
    type(draft).objects.update(sealing_key=None)
    start_pause(employee=mira, by=mira, minutes=15)
    pause = Leaf.objects.get(event="pause.started")
    erase_details(index=pause.index, actor=system_user(), reason="asked for")

    copy = copy_of(mira)

    assert [row["text"] for row in copy.data("requests")["written"]] == ["(erased)"]
    assert not [path for path in copy.paths if path.startswith("files/")]
    assert "until an erased time" in copy.page


def test_has_nothing_about_others(mira, organisation, make_request, laptop, copy_of):
    make_request(mira, text="My hands hurt.")

    copy = copy_of(organisation.noor)

    for path in copy.paths:
        content = copy.archive.read(path).decode()
        assert "Mira" not in content
        assert "My hands hurt." not in content
        assert "LAPTOP-1" not in content


def test_tells_reviewers_what_they_did_and_not_about_whom(
    mira, organisation, make_request, copy_of
):
    request = make_request(mira)
    conversation.write_message(
        request=request, by=organisation.jonas, seen=request.version, text="Thank you."
    )

    copy = copy_of(organisation.jonas)

    did = copy.data("records")["by_you"]
    assert "message.added" in [row["event"] for row in did]
    assert {*did[0]} == {"index", "at", "event"}
    assert str(request.pk) not in copy.archive.read("data/records.json").decode()
    assert "Thank you." not in copy.page
    assert [row["name"] for row in copy.data("person")["reports"]] == ["Mira Okafor", "Noor Haddad"]


def test_tells_a_delegate_for_whom_and_not_why(organisation, mira, copy_of):
    now = timezone.now()
    delegations.start_delegation(
        person=organisation.jonas, by=organisation.jonas, delegate=organisation.noor,
        starts_at=now, ends_at=now + timedelta(days=2), reason="An operation",
    )  # fmt: skip

    copy = copy_of(organisation.noor)

    assert copy.data("requests")["stood_in"][0]["person"] == "Jonas Lindqvist"
    assert "An operation" not in copy.page


def test_has_no_secrets(mira, laptop, copy_of):
    mira.set_password("a long and secret password")
    mira.save()

    copy = copy_of(mira)

    everything = b"".join(copy.archive.read(path) for path in copy.paths)
    for secret in (mira.password, laptop.token, bytes(laptop.device.token_hash).hex()):
        assert secret.encode() not in everything


# Harmless


def test_what_people_typed_does_not_run(mira, make_draft, copy_of):
    mira.name = f"Mira {SPOILT}"
    mira.save()
    make_draft(mira, text=SPOILT)

    page = copy_of(mira).page

    assert "<script" not in page
    assert 'href="javascript' not in page
    assert "&lt;script src=" in page


def test_the_page_stands_alone(mira, copy_of):
    copy = copy_of(mira)

    assert copy.paths[-2:] == ["my-data.html", "style.css"]
    assert "script-src &#x27;none&#x27;" in copy.page or "script-src 'none'" in copy.page
    assert "://" not in copy.page
    assert " style=" not in copy.page
    assert "url(" not in copy.archive.read("style.css").decode()


def test_times_are_in_the_readers_zone_on_the_page_and_in_utc_in_the_data(mira, copy_of):
    mira.time_zone = "America/New_York"
    mira.save()
    start_pause(employee=mira, by=mira, minutes=15)

    copy = copy_of(mira)

    assert "23 November 2026, 07:15:00 EST" in copy.page
    assert copy.data("pauses")["restrictions"][0]["ends_at"] == "2026-11-23T12:15:00Z"


# Large


def test_the_page_shows_the_first_rows_and_the_data_has_all(mira, settings, copy_of):
    settings.ACCESS_SECTIONS = [f"{__name__}.many_rows"]

    copy = copy_of(mira)

    assert len(copy.data("many")["entries"]) == SHOWN_ROWS + 50
    assert copy.page.count("<tr>") == 1 + SHOWN_ROWS
    assert f"These are the first {SHOWN_ROWS} of {SHOWN_ROWS + 50}." in copy.page


def many_rows(person) -> Section:
    rows = ([number] for number in range(SHOWN_ROWS + 50))
    return Section("many", "Many", "", [Table("entries", "Entries", ["number"], rows, sources())])


def test_counts_are_read_as_they_are_written(mira, monkeypatch):
    (counts,) = [
        table
        for section in sections_of(mira)
        for table in section.tables
        if HourlyCount._meta.label_lower in table.sources
    ]

    assert not isinstance(counts.rows, list | tuple)


def test_every_value_has_words():
    assert archive.in_words(time(9, 30)) == "09:30"
    assert archive.in_words(None) == ""
