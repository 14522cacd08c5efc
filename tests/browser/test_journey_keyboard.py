"""The main job without a mouse, from the address bar on."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.agents import PASSWORD
from tests.browser.conftest import ASKS_EVERY_MS


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus, and expect to see that it has."""
    for _ in range(25):
        page.keyboard.press("Tab")
        if focused(page) == name:
            ring = page.evaluate("getComputedStyle(document.activeElement).outline")
            assert re.search(r"solid 3px", ring), f"{name} has the focus and does not show it"
            return
    raise AssertionError(f"Tab does not reach {name}")


def focused(page: Page) -> str:
    """Return the name of what has the focus, or its text."""
    return page.evaluate(
        """() => {
          const element = document.activeElement;
          const label = element.labels?.[0]?.innerText ?? element.innerText;
          return element === document.body ? "nothing" : label.trim();
        }"""
    )


def test_sign_in_pause_and_resume_by_keyboard(page, newcomer, agent):
    heading = page.get_by_role("heading", level=1)
    page.goto("/")

    tab_to(page, "Work e-mail")
    page.keyboard.type(newcomer.email)
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(heading).to_contain_text("Your device is collecting.")

    tab_to(page, "15 minutes")
    page.keyboard.press("Space")
    expect(heading).to_be_focused()
    expect(heading).to_contain_text("Paused until")
    expect(heading).to_be_focused()

    page.keyboard.press("Tab")
    assert focused(page) == "End the pause"
    page.keyboard.press("Enter")
    expect(heading).to_contain_text("Your device is collecting.")
    expect(heading).to_be_focused()

    page.keyboard.press("Tab")
    assert focused(page) == "15 minutes"


@pytest.fixture
def redraw(agent):
    """Return a function that changes what the page shows, without anybody touching the page."""

    def change(page: Page, *command: str) -> None:
        agent.call(*command)
        page.clock.fast_forward(ASKS_EVERY_MS)

    return change


@pytest.fixture
def home(page, sign_in_browser, newcomer, agent):
    """Return the home page of somebody whose device collects; its clock can be moved."""
    sign_in_browser(page, newcomer)
    page.clock.install()
    page.goto("/")
    return page


def test_a_redraw_leaves_the_focus_where_it_is(home, redraw):
    button = home.get_by_role("button", name="30 minutes")
    button.focus()

    redraw(home, "pause", "5")
    expect(home.get_by_role("button", name="End the pause")).to_be_visible()

    expect(button).to_be_focused()  # it extends the pause now
    redraw(home, "resume")
    expect(home.get_by_role("button", name="End the pause")).to_have_count(0)
    expect(button).to_be_focused()


def test_a_redraw_that_takes_the_button_away_leaves_the_focus_at_the_answer(home, redraw):
    home.get_by_role("button", name="5 minutes", exact=True).focus()

    redraw(home, "pause", "5")

    expect(home.get_by_role("button", name="End the pause")).to_be_visible()
    expect(home.get_by_role("heading", level=1)).to_be_focused()


def test_a_redraw_takes_the_focus_from_nothing_outside(home, redraw):
    link = home.get_by_role("navigation").get_by_role("link", name="What is collected")
    link.focus()

    redraw(home, "pause", "5")

    expect(home.get_by_role("button", name="End the pause")).to_be_visible()
    expect(link).to_be_focused()
