"""Every event that is owed anywhere has its entry in the catalogue and its three mail texts."""

import ast
from pathlib import Path

import pytest
from django.urls import reverse

from consent_app.notifications import catalogue
from consent_app.notifications.catalogue import ENTRIES, SHOWN_IN_INBOX

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    path for room in ("portal", "consent_app", "exemptions") for path in (ROOT / room).rglob("*.py")
]
MAILS = ROOT / "templates/emails"
TEXTS = ("subject.txt", "txt", "html")
SECURITY = {
    "device_enrolled", "enrolment_code_reused", "device_contradicts", "account_password_changed",
    "account_password_reset",
}  # fmt: skip

every_event = pytest.mark.parametrize("event", sorted(ENTRIES))


def owed_events():
    """Return (event, file and line) of every call of `owe` that writes the event out."""
    return {
        (call.args[0].value, f"{path.relative_to(ROOT)}:{call.lineno}")
        for path in SOURCES
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", None)) == "owe"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def mailed_events():
    names = {path.name for path in MAILS.iterdir()} - {"base.html"}
    return {name.split(".", 1)[0] for name in names}


def test_every_event_that_is_owed_has_an_entry():
    owed = owed_events()

    assert {event for event, _line in owed} >= {"device_enrolled", "account_password_reset"}
    assert sorted((event, line) for event, line in owed if event not in ENTRIES) == []


def test_every_mail_has_an_entry_and_every_entry_its_mail():
    assert mailed_events() == set(ENTRIES)


@every_event
def test_every_event_has_a_subject_a_text_and_a_page(event):
    assert [text for text in TEXTS if not (MAILS / f"{event}.{text}").exists()] == []


@every_event
def test_every_message_of_the_inbox_leads_somewhere(event):
    entry = ENTRIES[event]

    assert (event in SHOWN_IN_INBOX) == bool(entry.place) == bool(entry.place_label)
    if entry.place:
        assert reverse(entry.place)


def test_security_matters_are_always_mailed():
    assert {event for event in ENTRIES if ENTRIES[event].can_stop_mail}.isdisjoint(SECURITY)


def test_mail_that_holds_a_link_for_a_password_is_not_in_the_inbox():
    with_links = {
        path.name.split(".", 1)[0]
        for path in MAILS.iterdir()
        if "password_links" in path.read_text("utf-8")
    }

    assert with_links == {"account_password_reset"}
    assert with_links.isdisjoint(SHOWN_IN_INBOX)


@every_event
def test_what_can_be_switched_off_can_be_chosen_on_the_page(event):
    entry = ENTRIES[event]

    assert entry.when in catalogue.when_mailed(entry.kind, can_stop=entry.can_stop_mail)
    assert not entry.can_stop_mail or entry.kind in catalogue.kinds_of_choice()
