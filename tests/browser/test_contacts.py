"""The page behind a mailed link, and the list of legal: on a phone, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from consent_app.contacts import links
from consent_app.contacts.actions import add_entries, object_to_all
from consent_app.people.roles import Role, ensure_roles

TOM = "tom.with-a-long-name@department.example.net"


@pytest.fixture
def legal(published_register, make_employee):
    person = make_employee("Lena Legal")
    person.groups.add(ensure_roles()[Role.LEGAL_REVIEWER])
    return person


@pytest.fixture
def own_page(live_portal):
    return f"/contacts/mine/{links.new_token(TOM)}"


@pytest.mark.parametrize("objected", [False, True])
def test_somebody_s_own_page_is_well_made(
    published_register, own_page, phone, assert_fits, assert_accessible, objected
):
    if objected:
        object_to_all(address=TOM)

    phone.goto(own_page)

    expect(phone.get_by_role("heading", level=1)).to_contain_text(TOM)
    expect(phone.get_by_role("heading", name="Information under article 14")).to_be_visible()
    assert_fits(phone)
    assert_accessible(phone)
    phone.emulate_media(color_scheme="dark")
    assert_accessible(phone)


def test_objecting_and_taking_it_back_needs_neither_account_nor_javascript(
    published_register, own_page, page_without_javascript
):
    page = page_without_javascript
    page.goto(own_page)
    expect(page.get_by_text("Not protected")).to_be_visible()

    page.get_by_role("button", name="Object: never collect my words").press("Enter")
    expect(page.get_by_text("You objected")).to_be_visible()

    page.get_by_role("button", name="Take my objection back").press("Enter")
    expect(page.get_by_text("Not protected")).to_be_visible()


def test_the_link_that_opens_nothing_says_what_to_do(
    live_portal, phone, problems, assert_fits, assert_accessible
):
    problems.expected.add(410)

    phone.goto("/contacts/mine/nothing")

    expect(phone.get_by_role("link", name="Ask for a new link")).to_be_visible()
    assert_fits(phone)
    assert_accessible(phone)


def test_a_printed_page_is_the_notice_without_buttons(published_register, own_page, page):
    page.goto(own_page)
    page.emulate_media(media="print")

    expect(page.get_by_role("heading", name="Information under article 14")).to_be_visible()
    expect(page.get_by_text("Object: never collect my words")).to_be_hidden()


def test_the_notice_is_read_without_an_address_or_javascript(
    published_register, page_without_javascript
):
    page = page_without_javascript
    page.goto("/contacts/")

    page.get_by_role("link", name="the notice that the law owes you").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Information under article 14 GDPR")
    expect(page.get_by_text("How you object:")).to_be_visible()


def test_the_list_of_legal_is_well_made(
    legal, sign_in_browser, phone, problems, assert_fits, assert_accessible
):
    problems.expected.add(422)
    add_entries(text=f"{TOM}\n@example.eu", reason="Agreement", by=legal)
    sign_in_browser(phone, legal)
    phone.goto("/contacts/protected")
    assert_fits(phone)
    assert_accessible(phone)

    phone.get_by_label("Addresses and domains").fill("example.eu")
    phone.get_by_label("Why").fill("Agreement")
    phone.get_by_role("button", name="Add to the list").click()

    expect(phone.get_by_role("alert")).to_contain_text("Line 1")
    assert_fits(phone)
    assert_accessible(phone)


def test_an_entry_is_ended_without_javascript(legal, sign_in_browser, page_without_javascript):
    page = page_without_javascript
    add_entries(text="@example.eu", reason="Agreement", by=legal)
    sign_in_browser(page, legal)
    page.goto("/contacts/protected")

    page.get_by_text("End @example.eu").click()
    page.get_by_role("button", name="End it").click()

    expect(page.get_by_text("@example.eu is off the list.")).to_be_visible()
    expect(page.get_by_text("The list is empty.")).to_be_visible()
