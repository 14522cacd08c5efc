"""The frame of every page: keyboard, session, and what is said when a request fails."""

import re

import pytest
from playwright.sync_api import expect


def test_the_keyboard_reaches_the_content_past_the_navigation(page, sign_in_browser, mira):
    sign_in_browser(page, mira)
    page.goto("/devices/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()


def test_the_keyboard_reaches_every_section_and_the_way_out(page, sign_in_browser, mira):
    sign_in_browser(page, mira)
    page.goto("/devices/")
    reached = []

    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1] == "Mira Okafor":
            page.keyboard.press("Enter")

    assert {"Home", "What is collected", "My devices", "Sign out", "Pause"} <= set(reached)


def test_what_has_the_focus_is_seen(page, sign_in_browser, mira):
    sign_in_browser(page, mira)
    page.goto("/devices/")

    page.get_by_role("link", name="Home", exact=True).focus()
    page.keyboard.press("Tab")

    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert re.search(r"solid 3px", outline)


@pytest.mark.parametrize(
    ("address", "section", "kind"),
    [
        ("/", "Home", "page"),
        ("/devices/", "My devices", "page"),
        ("/what-is-collected/try", "What is collected", "true"),
    ],
)
def test_the_section_that_one_is_in_is_marked(page, sign_in_browser, mira, address, section, kind):
    sign_in_browser(page, mira)

    page.goto(address)

    current = page.get_by_role("navigation", name="Sections").locator("[aria-current]")
    expect(current).to_have_text(section)
    expect(current).to_have_attribute("aria-current", kind)


def test_signing_out_needs_no_javascript(page_without_javascript, sign_in_browser, mira):
    sign_in_browser(page_without_javascript, mira)
    page_without_javascript.goto("/")

    page_without_javascript.get_by_text("Mira Okafor").click()
    page_without_javascript.get_by_role("button", name="Sign out").click()

    expect(page_without_javascript.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_click_that_did_not_reach_the_portal_is_said(page, sign_in_browser, mira, problems):
    sign_in_browser(page, mira)
    page.goto("/")

    page.route("**/pause", lambda route: route.abort("connectionrefused"))
    page.get_by_role("button", name="15 minutes").click()

    expect(page.get_by_text("The portal did not answer.")).to_be_visible()
    assert [text for text in problems.seen if "/pause" in text]
    problems.seen.clear()


def test_a_click_after_the_session_ended_leads_to_sign_in(page, sign_in_browser, mira):
    sign_in_browser(page, mira)
    page.goto("/")

    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="15 minutes").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_password_is_said_beside_the_form_and_has_the_focus(page, problems):
    problems.expected.add(422)
    page.goto("/account/login/")

    page.locator("input[name=login]").fill("nobody@example.com")
    page.locator("input[name=password]").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()

    summary = page.get_by_role("alert")
    expect(summary).to_be_visible()
    expect(summary).to_be_focused()
