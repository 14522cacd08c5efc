"""What people and devices see when the portal, the network or a session goes away."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent_app.devices.actions import issue_enrolment_code
from consent_app.devices.display import stops_by
from consent_app.devices.models import Device
from tests.browser.agents import may_capture, wait_until
from tests.browser.conftest import ASKS_EVERY_MS
from tests.browser.live_portal import LivePortal, serving_role_url

AWAY = "The portal does not answer. This page may be out of date"


def heading(page):
    return page.get_by_role("heading", level=1)


def test_page_and_agent_recover_from_a_killed_portal(
    page, sign_in_browser, newcomer, agent, live_portal, problems, assert_well_made
):
    sign_in_browser(page, newcomer)
    page.goto("/")
    expect(heading(page)).to_contain_text("Your device is collecting.")

    live_portal.kill()
    expect(page.get_by_role("status")).to_contain_text(AWAY)
    expect(heading(page)).to_contain_text("Your device is collecting.")
    assert_well_made(page)
    live_portal.start()

    expect(page.get_by_text(AWAY)).to_have_count(0)
    page.get_by_role("button", name="15 minutes").click()
    expect(heading(page)).to_contain_text(re.compile(r"Paused until \d\d:\d\d"), timeout=60_000)
    assert not agent.collects()
    problems.expect_no_answer()


def test_a_page_left_open_leads_to_sign_in_once_the_session_has_ended(
    page, sign_in_browser, newcomer
):
    sign_in_browser(page, newcomer)
    other = page.context.new_page()
    page.clock.install()
    page.goto("/")
    other.goto("/devices/")

    other.get_by_text("Mira Okafor").click()
    other.get_by_role("button", name="Sign out").click()
    expect(heading(other)).to_have_text("Sign in")
    page.clock.fast_forward(ASKS_EVERY_MS)

    expect(heading(page)).to_have_text("Sign in")


@pytest.fixture
def strict_portal(live_portal, published_register, tmp_path):
    """Return a second portal on the same database, with the shortest freshness there is."""
    portal = LivePortal(
        tmp_path,
        database_url=serving_role_url(),
        KEYS_DIR=str(live_portal.folder / "keys"),
        FRESHNESS_MINUTES="1",
    )
    portal.start()
    yield portal
    portal.stop()


def test_a_device_cut_off_stops_within_the_freshness_window(strict_portal, newcomer, make_agent):
    laptop = make_agent()
    laptop.enrol(strict_portal.url, issue_enrolment_code(employee=newcomer, by=newcomer))
    laptop.start()
    wait_until(laptop.collects, what="LAPTOP-1 collects")

    with strict_portal.frozen():
        shown = laptop.status()
        fresh_until = datetime.fromisoformat(shown["fresh_until"])
        assert shown["collecting"] is True
        assert fresh_until - datetime.now(UTC) <= timedelta(minutes=1)

        gate = laptop.gate()
        assert may_capture(gate)
        wait_until(lambda: not may_capture(gate), within=61, what="LAPTOP-1 stops by itself")
        assert datetime.now(UTC) < fresh_until + timedelta(seconds=1)
        assert laptop.status()["collecting"] is False
        assert laptop.status()["policy"] == "not_fresh"

    wait_until(laptop.collects, within=60, what="LAPTOP-1 collects again")


def test_a_sleeping_device_is_out_of_reach_until_it_wakes(
    page, sign_in_browser, newcomer, agent, live_portal, assert_well_made
):
    agent.fall_asleep()
    live_portal.kill()
    seen = timezone.now() - timedelta(minutes=3)
    Device.objects.update(last_seen_at=seen)
    live_portal.start()
    sign_in_browser(page, newcomer)

    page.goto("/")

    stops = stops_by(seen).astimezone(ZoneInfo(newcomer.time_zone))
    expect(heading(page)).to_contain_text("Your device is out of reach.")
    expect(page.get_by_role("article", name="LAPTOP-1")).to_contain_text(
        f"it collects nothing after {stops:%H:%M} until it answers again"
    )
    assert_well_made(page)
    agent.wake_up()
    expect(heading(page)).to_contain_text("Your device is collecting.", timeout=60_000)
