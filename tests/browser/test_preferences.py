"""My preferences with everything chosen: accessible, no wider than a phone, by keyboard alone."""

from datetime import time

import pytest
from playwright.sync_api import expect

from consent_agent.protocol.circumstances import Surroundings
from consent_agent.protocol.decision import Reason
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    save_preference,
)
from consent_app.restrictions.queries import quiet_times_of

EVERY_DAY = frozenset(range(1, 8))
KEPT_OUT = frozenset({"slack", "google-docs", "visual-studio-code", "microsoft-teams", "github"})


@pytest.fixture
def chosen(mira):
    """Let Mira have chosen all that there is to choose."""
    wanted = WantedPreference(
        default_minutes=7,
        reminder_minutes=2,
        battery_below_percent=30,
        denies_metered=True,
        denies_private_window=True,
    )
    save_preference(employee=mira, by=mira, wanted=wanted)
    choose_applications(employee=mira, by=mira, out=KEPT_OUT)
    for hour, minutes in ((9, 1), (12, 30), (23, 30)):
        add_quiet_time(
            employee=mira, by=mira, starts_at=time(hour, 10), minutes=minutes, weekdays=EVERY_DAY
        )
    return mira


def test_everything_chosen_is_accessible_and_fits(
    chosen, sign_in_browser, phone, assert_accessible, assert_fits
):
    sign_in_browser(phone, chosen)

    phone.goto("/preferences/?search=mail")

    expect(phone.get_by_text("Nothing on battery below 30 per cent.").first).to_be_visible()
    expect(phone.locator(".day-bar rect")).to_have_count(7)
    assert_fits(phone)
    assert_accessible(phone)
    phone.emulate_media(color_scheme="dark")
    assert_accessible(phone)


def test_a_wrong_quiet_time_is_said_beside_its_field(
    mira, sign_in_browser, phone, problems, assert_accessible, assert_fits
):
    problems.expected.add(422)
    sign_in_browser(phone, mira)
    phone.goto("/preferences/")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        phone.get_by_label(day).uncheck()

    phone.get_by_label("From").fill("12:30")
    phone.get_by_label("For minutes").fill("20")
    phone.get_by_role("button", name="Add this quiet time").click()

    expect(phone.get_by_text("Choose at least one day.").last).to_be_visible()
    assert_fits(phone)
    assert_accessible(phone)


def test_a_quiet_time_comes_and_goes_by_keyboard_without_javascript(
    mira, sign_in_browser, page_without_javascript
):
    page = page_without_javascript
    sign_in_browser(page, mira)
    page.goto("/preferences/")

    page.get_by_label("From").fill("12:30")
    page.get_by_label("For minutes").fill("20")
    page.get_by_label("For minutes").press("Enter")
    expect(page.get_by_text("12:30, for 20 minutes, Monday to Friday")).to_be_visible()
    expect(page.get_by_text("to 12:50").first).to_be_visible()
    assert len(quiet_times_of(mira)) == 1

    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_text("The quiet time is removed.")).to_be_visible()
    assert quiet_times_of(mira) == []


def test_an_application_is_kept_out_by_keyboard(mira, sign_in_browser, page):
    sign_in_browser(page, mira)
    page.goto("/preferences/")

    page.get_by_label("Find an application to keep out").fill("slack")
    page.get_by_label("Find an application to keep out").press("Enter")
    page.get_by_role("button", name="Keep it out").first.press("Enter")

    expect(page.get_by_role("button", name="Let it in again")).to_be_visible()
    expect(page.get_by_text("Nothing from Slack.").first).to_be_visible()
    expect(page.get_by_text("Without Slack, all day.").first).to_be_visible()


def test_a_choice_holds_on_a_real_device_that_the_page_names(
    page, sign_in_browser, newcomer, agent
):
    sign_in_browser(page, newcomer)
    page.goto("/preferences/")
    assert agent.collects()

    page.get_by_label("Pause on metered networks").check()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("LAPTOP-1 holds your preferences of now.")).to_be_visible()
    expect(page.get_by_text("Nothing on metered networks.")).to_be_visible()
    asked = {"application": "7-zip", "kind": "mouse_click"}
    known = {"on_battery": False, "private_window": False}
    verdicts = [
        agent.gate().may_capture(**asked, surroundings=Surroundings(metered=metered, **known))
        for metered in (True, None, False)
    ]
    assert [verdict.reason for verdict in verdicts] == [
        Reason.CONDITION,
        Reason.CONDITION_UNKNOWN,
        Reason.ALLOWED,
    ]
