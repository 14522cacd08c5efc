"""The reviewers' queue worked by keyboard alone, by touch, and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from consent_app.people.queries import system_user
from exemptions.actions.routes import load_grounds
from exemptions.models import Decision, Ground, Verdict
from tests.exemption_fixtures import BATTERY, SENSITIVE

ADDRESS = "/review/"


@pytest.fixture
def grounds(published_register):
    """Every ground with its route, beside the register that the live portal shows."""
    load_grounds(by=system_user())
    return {ground.slug: ground for ground in Ground.objects.all()}


@pytest.fixture
def queue(make_request, organisation, sign_in_browser):
    """Return a function that opens the queue of Jonas, in which three requests wait."""
    make_request(organisation.mira, applications=frozenset({"slack", "clion", "calendly"}))
    make_request(organisation.noor, ground=BATTERY, kinds=frozenset({"keystrokes"}))
    make_request(organisation.noor)

    def visit(page: Page, person=None, address: str = ADDRESS) -> None:
        sign_in_browser(page, person or organisation.jonas)
        page.goto(address)

    return visit


def rows(page: Page):
    return page.locator("[data-key-row]")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def help_dialog(page: Page):
    return page.get_by_role("dialog", name="Keys on this page")


# Keys


def test_keys_move_through_the_list_and_open(queue, page):
    queue(page)

    press(page, "j")
    expect(rows(page).nth(0)).to_be_focused()
    press(page, "j", "j", "j")
    expect(rows(page).nth(2)).to_be_focused()
    press(page, "k")
    expect(rows(page).nth(1)).to_be_focused()
    press(page, "ArrowUp", "ArrowDown", "ArrowDown")
    expect(rows(page).nth(2)).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "solid 3px" in outline
    address = rows(page).nth(2).get_attribute("href")
    press(page, "o")

    page.wait_for_url(address)


def test_arrows_scroll_until_the_list_has_the_focus(queue, page):
    queue(page)

    press(page, "ArrowDown")

    expect(rows(page).nth(0)).not_to_be_focused()


def test_digits_change_the_tab_and_slash_leads_to_the_search(queue, page):
    queue(page)

    press(page, "3")
    page.wait_for_url("**/?tab=overdue")
    press(page, "1")
    page.wait_for_url("**/?tab=mine")
    press(page, "/")
    search = page.get_by_label("Name of the person")
    expect(search).to_be_focused()
    page.keyboard.type("jok5?")

    expect(search).to_have_value("jok5?")
    expect(help_dialog(page)).to_have_count(0)


def test_search_by_keyboard(queue, page):
    queue(page)

    press(page, "/")
    page.keyboard.type("noor")
    press(page, "Enter")

    page.wait_for_url("**search=noor**")
    expect(rows(page)).to_have_count(2)


@pytest.mark.parametrize("combination", ["Control+j", "Alt+j", "Meta+j", "Shift+J"])
def test_combinations_are_left_alone(queue, page, combination):
    queue(page)

    press(page, combination)

    expect(rows(page).nth(0)).not_to_be_focused()


def test_keys_that_compose_a_character_are_left_alone(queue, page):
    queue(page)

    page.evaluate(
        "document.body.dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'j', isComposing: true, bubbles: true}))"
    )

    expect(rows(page).nth(0)).not_to_be_focused()


def test_the_list_of_keys_is_that_of_the_page(queue, page, assert_accessible):
    queue(page)

    press(page, "?")

    dialog = help_dialog(page)
    for key, does in {
        "1": "Mine",
        "/": "Search by name",
        "b": "Decide the chosen together",
    }.items():
        line = dialog.locator("dt", has=page.get_by_text(key, exact=True))
        expect(line.locator("+ dd")).to_have_text(does)
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    assert_accessible(page)
    press(page, "j")  # the page behind it does not move
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    press(page, "Escape")
    expect(dialog).to_have_count(0)


def test_keys_can_be_switched_off_and_on_again(queue, page):
    queue(page)
    press(page, "?")
    help_dialog(page).get_by_role("checkbox").uncheck()
    press(page, "Escape")

    press(page, "j", "?", "3")
    expect(rows(page).nth(0)).not_to_be_focused()
    expect(help_dialog(page)).to_have_count(0)
    page.reload()
    press(page, "j")
    expect(rows(page).nth(0)).not_to_be_focused()

    page.get_by_role("button", name="Keys are off").click()
    help_dialog(page).get_by_role("checkbox").check()
    press(page, "Escape", "j")
    expect(rows(page).nth(0)).to_be_focused()
    expect(page.get_by_role("button", name="Press ? for keys")).to_be_visible()


# Several together


def test_several_are_decided_by_keyboard_alone(queue, page, problems):
    problems.expected.add(422)
    queue(page)

    press(page, "j", "x", "j", "x", "b")
    page.wait_for_url("**/bulk?**")
    press(page, "?")
    expect(help_dialog(page)).to_contain_text("Back to the list")
    expect(help_dialog(page).get_by_text("Choose for deciding")).not_to_be_visible()
    press(page, "Escape")
    for reason in ("It fits.", ""):
        first = page.get_by_role("radio", name="Approve").nth(0 if reason else 1)
        first.focus()
        press(page, "Space")
        expect(first).to_be_checked()
        press(page, "Tab", "Tab")
        page.keyboard.type(reason)
    press(page, "Tab", "Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was decided yet.")
    assert not Decision.objects.exists()
    press(page, "Tab", "Enter")
    expect(page.get_by_label("Reason").nth(1)).to_be_focused()
    page.keyboard.type("It fits as well.")
    press(page, "Tab", "Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("2 decided")
    assert Decision.objects.filter(verdict=Verdict.APPROVE).count() == 2
    press(page, "u")
    page.wait_for_url("**/review/")
    expect(rows(page)).to_have_count(1)


def test_several_are_decided_without_javascript(queue, page_without_javascript):
    page = page_without_javascript
    queue(page)
    expect(page.get_by_text("for keys")).to_have_count(1)
    expect(page.get_by_text("for keys")).not_to_be_visible()

    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Decide the chosen together").click()
    page.get_by_role("radio", name="Approve").nth(0).check()
    page.get_by_label("Reason").nth(0).fill("It fits.")
    page.get_by_role("radio", name="Decline").nth(1).check()
    page.get_by_label("If you decline: why").nth(1).select_option("work_needs_it")
    page.get_by_label("Reason").nth(1).fill("The audit needs it.")
    page.get_by_role("button", name="Decide these requests").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("2 decided")
    assert sorted(Decision.objects.values_list("verdict", flat=True)) == ["approve", "decline"]


# How it looks


@pytest.mark.parametrize("query", ["", "?tab=waiting", "?search=zzz", "?tab=decided"])
def test_the_queue_is_well_made(queue, page, assert_well_made, query):
    queue(page, address=f"{ADDRESS}{query}")

    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_a_queue_with_confidential_requests_is_well_made(
    queue, page, organisation, make_request, assert_well_made
):
    make_request(organisation.mira, ground=SENSITIVE)
    queue(page, organisation.hr[0], f"{ADDRESS}?tab=team")

    expect(page.get_by_text("Confidential", exact=True)).to_be_visible()
    assert_well_made(page)


def test_the_page_of_several_is_well_made_with_errors_and_when_done(
    queue, page, problems, assert_well_made
):
    problems.expected.add(422)
    queue(page)
    press(page, "j", "x", "j", "x", "b")
    page.wait_for_url("**/bulk?**")
    assert_well_made(page)

    page.get_by_role("button", name="Decide these requests").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_well_made(page)
    for number in (0, 1):
        page.get_by_role("radio", name="Approve").nth(number).check()
        page.get_by_label("Reason").nth(number).fill("It fits.")
    page.get_by_role("button", name="Decide these requests").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("2 decided")
    assert_well_made(page)
