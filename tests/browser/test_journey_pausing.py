"""The main job with real parts: sign in, add a device, pause it, see it confirm, remove it."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from consent_app.restrictions.models import Restriction
from tests.browser.agents import PASSWORD, wait_until
from tests.browser.conftest import ASKS_EVERY_MS

CONFIRMED = re.compile(r"Confirmed by LAPTOP-1 \d\d:\d\d:\d\d\.\d")


def heading(page: Page):
    return page.get_by_role("heading", level=1)


def trail(page: Page):
    return page.get_by_role("list", name="What LAPTOP-1 was told last")


def expect_confirmed(page: Page, words: str | re.Pattern[str]) -> str:
    """Expect the heading, and that the device confirmed it; return when it did."""
    expect(heading(page)).to_contain_text(words)
    expect(trail(page)).to_contain_text(CONFIRMED)
    return CONFIRMED.search(trail(page).inner_text()).group()


def test_from_sign_in_to_a_confirmed_pause_and_back(
    page, newcomer, make_agent, sign_in_by_form, assert_well_made, live_portal
):
    laptop = make_agent()
    sign_in_by_form(page, newcomer, PASSWORD)
    expect(heading(page)).to_have_text("You have no device here, so nothing is collected from you.")
    assert_well_made(page)

    page.get_by_role("link", name="Add a device").click()
    page.get_by_role("button", name="Add a device").click()
    code = page.locator(".code-value").inner_text()
    assert_well_made(page)
    laptop.enrol(live_portal.url, code)
    page.wait_for_url(f"{live_portal.url}/")
    expect(page.get_by_role("heading", name="LAPTOP-1", exact=True)).to_be_visible()
    assert_well_made(page)

    laptop.start()
    first = expect_confirmed(page, "Your device is collecting.")
    assert laptop.collects()
    assert_well_made(page)

    page.get_by_role("button", name="15 minutes").click()
    second = expect_confirmed(page, re.compile(r"Paused until \d\d:\d\d \(15 minutes left\)"))
    assert second != first
    steps = trail(page).get_by_role("listitem").all_inner_texts()
    assert [step.split()[0] for step in steps] == ["Requested", "Signed", "Delivered", "Confirmed"]
    assert laptop.status()["collecting"] is False
    assert not laptop.collects()
    assert_well_made(page)

    page.get_by_role("button", name="30 minutes").click()
    third = expect_confirmed(page, re.compile(r"Paused until \d\d:\d\d \(30 minutes left\)"))
    assert third != second
    assert laptop.status()["collecting"] is False

    page.get_by_role("button", name="End the pause").click()
    fourth = expect_confirmed(page, "Your device is collecting.")
    assert fourth != third
    assert laptop.collects()

    page.get_by_role("link", name="My devices").click()
    page.get_by_text("Remove LAPTOP-1…").click()
    assert_well_made(page)
    page.get_by_role("button", name="Remove LAPTOP-1").click()
    expect(page.get_by_role("status")).to_contain_text("LAPTOP-1 was removed.")
    expect(page.get_by_role("heading", name="No devices yet")).to_be_visible()
    assert laptop.process.wait(timeout=10) == 4
    assert "This device was revoked. Nothing is collected; its policy is deleted." in laptop.said()
    assert not laptop.collects()


def test_pause_and_resume_without_javascript(
    page_without_javascript, sign_in_by_form, newcomer, agent
):
    page = page_without_javascript
    sign_in_by_form(page, newcomer, PASSWORD)

    page.get_by_role("button", name="5 minutes", exact=True).click()
    wait_until(lambda: not agent.collects(), what="the device stops")
    wait_until(lambda: "version 2  paused" in agent.said())
    page.reload()
    expect_confirmed(page, re.compile(r"Paused until \d\d:\d\d"))

    page.get_by_role("button", name="End the pause").click()
    wait_until(agent.collects, what="the device collects again")
    wait_until(lambda: "version 3  collecting" in agent.said())
    page.reload()
    expect_confirmed(page, "Your device is collecting.")


def test_a_second_tab_follows_by_itself(page, sign_in_browser, newcomer, agent):
    sign_in_browser(page, newcomer)
    other = page.context.new_page()
    page.goto("/")
    other.goto("/")

    page.get_by_role("button", name="15 minutes").click()

    expect_confirmed(other, re.compile(r"Paused until \d\d:\d\d"))
    expect(other.get_by_role("button", name="End the pause")).to_be_visible()


def test_pressing_pause_twice_in_two_tabs_is_refused_calmly(
    page, sign_in_browser, newcomer, agent, problems, assert_accessible
):
    problems.expected.add(422)
    sign_in_browser(page, newcomer)
    other = page.context.new_page()
    other.route("**/?seen=*", lambda route: route.fulfill(status=204))  # it has not heard yet
    page.goto("/")
    other.goto("/")

    page.get_by_role("button", name="15 minutes").click()
    expect_confirmed(page, "Paused until")
    other.get_by_role("button", name="30 minutes").click()

    expect(other.get_by_role("alert")).to_have_text("Collection is already paused.")
    expect_confirmed(other, "Paused until")
    expect(other.get_by_role("button", name="End the pause")).to_be_visible()
    assert_accessible(other)
    assert Restriction.objects.count() == 1


def test_a_double_click_pauses_once(page, sign_in_browser, newcomer, agent):
    sign_in_browser(page, newcomer)
    page.goto("/")
    asked = []
    page.on("request", lambda request: asked.append(request.method))

    page.get_by_role("button", name="15 minutes").dblclick()

    expect_confirmed(page, "Paused until")
    assert asked.count("POST") == 1
    expect(page.get_by_role("alert")).to_have_count(0)
    assert Restriction.objects.count() == 1


def test_a_slow_double_click_does_not_press_what_came_in_its_place(
    page, sign_in_browser, newcomer, agent
):
    sign_in_browser(page, newcomer)
    page.goto("/")
    place = page_centre(page.get_by_role("button", name="15 minutes"))

    page.mouse.click(*place)
    page.get_by_role("button", name="End the pause").wait_for()
    page.mouse.click(*place)
    page.mouse.click(*page_centre(page.get_by_role("button", name="End the pause")))

    expect_confirmed(page, "Paused until")
    pause = Restriction.objects.get()
    assert pause.ends_at == pause.starts_at + timedelta(minutes=15)


def page_centre(button):
    box = button.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_click_counts_while_the_page_is_asking(page, sign_in_browser, newcomer, agent):
    sign_in_browser(page, newcomer)
    page.route("**/?seen=*", lambda _: None)  # it gets no answer
    page.clock.install()
    page.goto("/")
    with page.expect_request("**/?seen=*"):
        page.clock.fast_forward(ASKS_EVERY_MS)

    page.get_by_role("button", name="15 minutes").click()

    page.unroute("**/?seen=*")
    expect_confirmed(page, "Paused until")


def test_a_pause_from_the_device_shows_by_itself(page, sign_in_browser, newcomer, agent):
    sign_in_browser(page, newcomer)
    page.clock.install()
    page.goto("/")

    agent.call("pause", "5")
    page.clock.fast_forward(ASKS_EVERY_MS)

    expect_confirmed(page, re.compile(r"Paused until \d\d:\d\d"))
    assert not agent.collects()

    agent.call("resume")
    page.clock.fast_forward(ASKS_EVERY_MS)

    expect_confirmed(page, "Your device is collecting.")
    wait_until(agent.collects)
