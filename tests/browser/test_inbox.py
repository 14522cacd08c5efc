"""The inbox in a real browser: marking by keyboard, clicking twice, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from consent_app.notifications.actions import owe
from consent_app.notifications.models import Notification

FIRST, LAST = "DESKTOP-7 was added", "LAPTOP-1 was added"


@pytest.fixture
def visit(sign_in_browser, mira):
    """Return a function that opens the inbox as Mira, who has two messages."""

    def visit(page):
        sign_in_browser(page, mira)
        page.goto("/inbox/")

    return visit


def message(page, words: str):
    return page.get_by_role("listitem").filter(has_text=words)


def inbox_link(page):
    return page.get_by_role("banner").get_by_role("link", name="Inbox")


def test_marks_by_keyboard_and_keeps_its_place(visit, page, assert_accessible):
    visit(page)
    expect(inbox_link(page)).to_have_accessible_name("Inbox (2) unread")
    message(page, FIRST).get_by_role("button", name="Mark as read").focus()

    page.keyboard.press("Enter")

    expect(message(page, FIRST)).not_to_contain_text("Unread")
    expect(page.get_by_role("heading", name=FIRST)).to_be_focused()
    expect(inbox_link(page)).to_have_accessible_name("Inbox (1) unread")
    expect(page.locator("#inbox-summary")).to_have_text("1 unread.")
    expect(message(page, LAST)).to_contain_text("Unread")
    assert_accessible(page)
    page.keyboard.press("Tab")
    expect(message(page, FIRST).get_by_role("link", name="My devices")).to_be_focused()


def test_double_click_on_the_last_one_leaves_nothing_unread(visit, page):
    Notification.objects.filter(context__hostname="DESKTOP-7").delete()
    visit(page)

    message(page, LAST).get_by_role("button", name="Mark as read").dblclick()

    expect(page.locator("#inbox-summary")).to_have_text("Nothing is unread.")
    expect(inbox_link(page)).to_have_accessible_name("Inbox")
    expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)


def test_a_slow_double_click_opens_nothing(visit, page):
    visit(page)
    box = message(page, LAST).get_by_role("button", name="Mark as read").bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.mouse.click(*place)
    message(page, LAST).get_by_role("link", name="My devices").wait_for()
    page.mouse.click(*place)

    page.wait_for_timeout(300)
    assert page.url.endswith("/inbox/")


def test_opening_a_message_marks_it_and_leads_to_the_place(visit, page):
    visit(page)

    message(page, FIRST).get_by_role("button", name="My devices").click()

    page.wait_for_url("/devices/")
    expect(inbox_link(page)).to_have_accessible_name("Inbox (1) unread")


def test_everything_works_without_javascript(visit, page_without_javascript):
    page = page_without_javascript
    visit(page)

    message(page, FIRST).get_by_role("button", name="Mark as read").click()
    expect(inbox_link(page)).to_have_accessible_name("Inbox (1) unread")
    page.get_by_role("button", name="Mark all as read").click()
    expect(inbox_link(page)).to_have_accessible_name("Inbox")
    page.get_by_role("link", name="Which messages are mailed to me").click()
    page.get_by_role("checkbox", name="My devices").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.get_by_role("checkbox", name="My devices")).not_to_be_checked()


def test_turning_the_page_takes_the_list_along(visit, page, mira, assert_fits, assert_accessible):
    for number in range(30):
        owe("device_removed", to=mira, context={"hostname": f"A-LONG-HOSTNAME-{number:064}"})
    visit(page)

    page.get_by_role("link", name="Next").click()

    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(message(page, LAST)).to_be_visible()
    message(page, LAST).get_by_role("button", name="Mark as read").click()
    expect(inbox_link(page)).to_have_accessible_name("Inbox (31) unread")
    page.set_viewport_size({"width": 390, "height": 844})
    assert_fits(page)
    assert_accessible(page)
