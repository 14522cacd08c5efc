"""Asking for an exemption: from home to what was sent, by keyboard and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from consent_app.people.queries import system_user
from consent_app.people.roles import Role
from exemptions.actions.routes import load_grounds
from exemptions.models import ExemptionRequest, State
from exemptions.queries import own
from exemptions.sealed import message_text
from tests.browser.conftest import PHONE
from tests.browser.test_journey_keyboard import tab_to
from tests.exemption_fixtures import give_role

TEXT = "My hands hurt when I type."


@pytest.fixture
def asker(mira, make_employee):
    """Return Mira, whose requests have somebody to decide on them."""
    load_grounds(by=system_user())
    give_role(make_employee("Dana Ortiz"), Role.HR_REVIEWER)
    give_role(make_employee("Priya Raman"), Role.LEGAL_REVIEWER)
    mira.line_manager = make_employee("Jonas Lindqvist")
    mira.save()
    return mira


def tab_to_value(page: Page, value: str) -> None:
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == value:
            return
    raise AssertionError(f"Tab does not reach {value}")


def press(page: Page, name: str, *, key: str = "Enter") -> None:
    """Go to what is called `name` without a mouse, and work it."""
    tab_to(page, name)
    page.keyboard.press(key)


def sent_by(person) -> ExemptionRequest:
    return own.requests_of(person).get(state=State.IN_REVIEW)


def test_from_home_to_sent_by_keyboard(page, asker, sign_in_browser, assert_well_made):
    heading = page.get_by_role("heading", level=1)
    sign_in_browser(page, asker)
    page.goto("/")

    press(page, "My requests")
    expect(heading).to_have_text("My requests")
    press(page, "Ask for an exemption")
    expect(heading).to_have_text("On which grounds do you ask?")
    assert_well_made(page)
    press(page, "Disability or health", key="Space")
    page.keyboard.press("Enter")

    expect(heading).to_have_text("What is it about?")
    tab_to(page, "Everything that is collected")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Name, vendor or address")
    page.keyboard.type("slack")
    expect(page.get_by_text("1 application.")).to_be_visible()
    tab_to_value(page, "slack")
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="1 application chosen")).to_be_visible()
    assert_well_made(page)
    press(page, "Continue")

    expect(heading).to_have_text("From when to when?")
    press(page, "4 weeks", key="Space")
    assert_well_made(page)
    press(page, "Continue")

    expect(heading).to_have_text("Why do you ask?")
    tab_to(page, "Your statement")
    page.keyboard.type(TEXT)
    expect(page.get_by_text("Saved", exact=False).first).to_contain_text(":")
    assert_well_made(page)
    page.reload()
    expect(page.get_by_label("Your statement")).to_have_value(TEXT)
    press(page, "Continue")

    expect(heading).to_have_text("Check and send")
    assert_well_made(page)
    press(page, "Send the request")

    expect(page.get_by_text("Sent. Here")).to_be_visible()
    request = sent_by(asker)
    assert request.applications == ["slack"]
    assert message_text(request, own.statement_of(request)) == TEXT


def test_from_home_to_sent_without_javascript(make_page, asker, sign_in_browser, assert_fits):
    page = make_page(PHONE, java_script_enabled=False)
    sign_in_browser(page, asker)
    page.goto("/")

    page.get_by_role("link", name="My requests").click()
    page.get_by_role("link", name="Ask for an exemption").click()
    assert_fits(page)
    page.get_by_label("Personal safety").check()
    page.get_by_role("button", name="Begin the request").click()

    page.get_by_label("Only the applications that I choose").check()
    for name in ("slack", "zoom"):
        page.get_by_label("Name, vendor or address").fill(name)
        page.get_by_role("button", name="Search").click()
        page.get_by_role("checkbox", name=name).first.check()
    assert_fits(page)
    page.get_by_role("button", name="Continue").click()

    page.get_by_label("3 months").check()
    assert_fits(page)
    page.get_by_role("button", name="Continue").click()

    page.get_by_label("Your statement").fill(TEXT)
    letter = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"What I was told."}
    page.get_by_label("A file to attach").set_input_files(letter)
    page.get_by_role("button", name="Attach the file").click()
    expect(page.get_by_role("link", name="letter.txt")).to_be_visible()
    expect(page.get_by_label("Your statement")).to_have_value(TEXT)
    assert_fits(page)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Check and send")
    assert_fits(page)
    page.get_by_role("button", name="Send the request").click()

    request = sent_by(asker)
    assert request.applications == ["slack", "zoom"]
    assert len(own.attachments_of(request)) == 1


def test_what_is_written_is_not_lost_when_a_file_is_refused(
    page, asker, sign_in_browser, problems, assert_well_made
):
    problems.expected.add(422)
    sign_in_browser(page, asker)
    page.goto("/requests/new")
    page.get_by_label("Personal safety").check()
    page.get_by_role("button", name="Begin the request").click()
    page.get_by_role("link", name="Why").click()
    page.get_by_label("Your statement").fill(TEXT)
    picture = {"name": "moving.gif", "mimeType": "image/gif", "buffer": b"GIF89a"}
    page.get_by_label("A file to attach").set_input_files(picture)

    page.get_by_role("button", name="Attach the file").click()

    expect(page.get_by_role("alert")).to_contain_text("Only PDF, PNG, JPEG and plain text")
    expect(page.get_by_label("Your statement")).to_have_value(TEXT)
    assert_well_made(page)
