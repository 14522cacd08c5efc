"""Every page: accessible in light and dark, no wider than a phone, whole without JavaScript.

A page that is added to the portal is added here. Console errors, violations of the content
security policy and failed requests fail a test by themselves (tests/browser/conftest.py).
"""

import pytest
from playwright.sync_api import expect

from consent_app.restrictions.actions import start_pause

# For somebody with two devices and a report. An address and words of its main heading.
PAGES = {
    "home": ("/", "collecting"),
    "what is collected": ("/what-is-collected/", "What is collected"),
    "search": ("/what-is-collected/?search=mail", "What is collected"),
    "search without a match": ("/what-is-collected/?search=zzzz", "What is collected"),
    "try it": ("/what-is-collected/try", "Try it"),
    "my notice": ("/notice/", "Notice at collection"),
    "a notice of one version": ("/notice/versions/1/", "version 1"),
    "a notice for a wall": ("/notice/poster/us-ny/", "Notice of electronic monitoring"),
    "my devices": ("/devices/", "My devices"),
    "versions": ("/what-is-collected/versions/?on=2026-11-23", "Versions of the register"),
    "what changed": ("/what-is-collected/changes", "What changed since you last read"),
    "my preferences": ("/preferences/?search=slack", "My preferences"),
    "forget": ("/my-data/forget/", "Forget"),
    "inbox": ("/inbox/", "Inbox"),
    "mail preferences": ("/inbox/preferences", "mailed to me"),
    "my data": ("/my-data/", "My data"),
    "my data of a month": ("/my-data/?show=month", "My data"),
    "my copy": ("/my-data/download/", "Download everything about me"),
    "my records": ("/my-records/", "My records"),
    "my technical records": ("/my-records/?show=technical", "My records"),
    "my requests": ("/requests/", "My requests"),
    "new request": ("/requests/new", "On which grounds do you ask?"),
    "review": ("/review/", "Review"),
    "no request chosen": ("/review/bulk", "Decide several requests"),
    "unknown address": ("/nowhere", "There is no such page"),
}
# For whoever comes by.
OPEN_PAGES = {
    "sign in": ("/account/login/", "Sign in"),
    "forgotten password": ("/account/password/forgotten/", "password"),
    "looking oneself up": ("/contacts/", "Your words on somebody else's screen"),
    "the notice for people outside": ("/contacts/notice", "The notice"),
    "a link is on its way": ("/contacts/asked", "Look into your mail"),
    "the cast": ("/demo/", "Who do you want to be?"),
}
every_page = pytest.mark.parametrize(("address", "heading"), PAGES.values(), ids=PAGES.keys())
every_open_page = pytest.mark.parametrize(
    ("address", "heading"), OPEN_PAGES.values(), ids=OPEN_PAGES.keys()
)


@pytest.fixture
def visit(sign_in_browser, mira, make_employee, problems):
    """Return a function that opens an address as Mira."""
    make_employee("Noor Haddad", line_manager=mira)
    problems.expected.add(404)

    def visit(page, address: str) -> None:
        sign_in_browser(page, mira)
        page.goto(address)

    return visit


def expect_heading(page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)


@every_page
def test_a_page_is_accessible_in_light_and_dark(visit, page, assert_accessible, address, heading):
    visit(page, address)

    expect_heading(page, heading)
    assert_accessible(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)


@every_page
def test_a_page_fits_a_phone(visit, phone, assert_accessible, assert_fits, address, heading):
    visit(phone, address)

    expect_heading(phone, heading)
    assert_fits(phone)
    assert_accessible(phone)


@every_page
def test_a_page_is_whole_without_javascript(visit, page_without_javascript, address, heading):
    visit(page_without_javascript, address)

    expect_heading(page_without_javascript, heading)
    expect(page_without_javascript.get_by_role("navigation", name="Sections")).to_be_visible()


@every_open_page
def test_an_open_page_is_accessible_and_fits(
    phone, assert_accessible, assert_fits, address, heading
):
    phone.goto(address)

    expect_heading(phone, heading)
    assert_fits(phone)
    assert_accessible(phone)
    phone.emulate_media(color_scheme="dark")
    assert_accessible(phone)


def test_a_paused_home_page_is_accessible(mira, visit, phone, assert_accessible, assert_fits):
    start_pause(employee=mira, by=mira, minutes=15, longest=30)

    visit(phone, "/")

    assert_fits(phone)
    assert_accessible(phone)
