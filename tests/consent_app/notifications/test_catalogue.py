"""Every event that is owed anywhere has its entry in the catalogue and its three mail texts."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from django.urls import NoReverseMatch, reverse

from consent_app.notifications import catalogue
from consent_app.notifications.catalogue import ENTRIES, SHOWN_IN_INBOX, Kind

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    path for room in ("portal", "consent_app", "exemptions") for path in (ROOT / room).rglob("*.py")
]
MAILS = ROOT / "templates/emails"
TEXTS = ("subject.txt", "txt", "html")
SECURITY = {
    "device_enrolled", "enrolment_code_reused", "device_contradicts", "device_two_clients",
    "account_password_changed", "account_password_reset",
}  # fmt: skip

# What would cost somebody a right, or a person's time, not to know.
NEEDS_TO_BE_KNOWN = {
    "request_question", "request_decided", "request_delayed", "request_protected",
    "appeal_decided", "exemption_expired", "exemption_revoked", "review_escalated",
    "delegation_received", "openings_unusual",
}  # fmt: skip
# All that a message about requests may say of them; nothing where it is not listed.
MAY_SAY = {
    "exemption_expiring": {"ends_on", "days"},
    "exemption_review": {"review_on"},
    "review_digest": {"waiting", "due_soon", "overdue"},
    "delegation_received": {"from_name", "starts_on", "ends_on"},
    "openings_unusual": {"name"},
}
# Places whose pages are being built. Empty the set when they are there.
ARRIVING: set[str] = set()

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


def address_of(entry):
    """Return the address of an entry's place, its arguments filled with an id; None if unknown."""
    example = ["00000000-0000-4000-8000-000000000000"] * len(entry.place_arguments)
    try:
        return reverse(entry.place, args=example)
    except NoReverseMatch:
        return None


def names_in(text):
    """Return the names of the context that a mail's template writes, and tags that could decide."""
    written = re.findall(r"{{\s*(\w+)", text)
    tags = re.findall(r"{%\s*(\w+)", text)
    return {*written, *tags} - {"extends", "block", "endblock", "autoescape", "endautoescape"}


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


def test_every_place_is_an_address_of_ours():
    entries = [entry for entry in ENTRIES.values() if entry.place]

    missing = {entry.place for entry in entries if address_of(entry) is None}

    assert missing <= ARRIVING


def test_security_matters_are_always_mailed():
    assert {event for event in ENTRIES if ENTRIES[event].can_stop_mail}.isdisjoint(SECURITY)


def test_of_requests_exactly_what_needs_to_be_known_is_always_mailed():
    of_requests = {
        event for event in ENTRIES if ENTRIES[event].kind in (Kind.REQUESTS, Kind.REVIEW)
    }

    always = {event for event in of_requests if not ENTRIES[event].can_stop_mail}

    assert always == NEEDS_TO_BE_KNOWN


@pytest.mark.parametrize(
    "event", sorted(e for e in ENTRIES if ENTRIES[e].kind in (Kind.REQUESTS, Kind.REVIEW))
)
def test_no_message_about_a_request_says_what_is_in_it(event):
    allowed = MAY_SAY.get(event, set())

    in_mail = {
        name for text in TEXTS for name in names_in((MAILS / f"{event}.{text}").read_text("utf-8"))
    }
    in_inbox = {name for _, name, _, _ in Formatter().parse(ENTRIES[event].sentence) if name}

    assert in_mail - {"portal", "address"} == allowed
    assert in_inbox <= allowed


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
