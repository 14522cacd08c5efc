"""My data with counts in it, and incidents: accessible, no wider than a phone, whole without JS."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from consent_app.devices.models import Device
from consent_app.ledger.actions import receive_report
from consent_app.ledger.actions.incidents import open_incidents
from consent_app.ledger.rules import Counted, Spent
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.queries import captured_applications


@pytest.fixture
def counts(mira):
    """Let a device of Mira's have told of the hour that runs, and used more than it may."""
    device = Device.objects.filter(employee=mira).first()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    slugs = captured_applications().filter(kinds__contains=["keystrokes"])
    rows = [
        Counted(hour, slug, "keystrokes", 1204 + place, {"pause": 310, "safeguard": 9})
        for place, slug in enumerate(slugs.values_list("slug", flat=True)[:12])
    ]
    receive_report(device=device, counted=rows, spent=[Spent(hour, 90.0, 15_000, 12)])
    return device


@pytest.mark.parametrize("show", ["day", "week", "month"])
def test_counts_are_accessible_and_fit(
    mira, counts, sign_in_browser, phone, assert_accessible, assert_fits, show
):
    sign_in_browser(phone, mira)

    phone.goto(f"/my-data/?show={show}")

    expect(phone.get_by_role("img").last).to_be_visible()
    assert_fits(phone)
    assert_accessible(phone)
    phone.emulate_media(color_scheme="dark")
    assert_accessible(phone)


def test_the_chart_and_its_table_need_no_javascript(
    mira, counts, sign_in_browser, page_without_javascript
):
    page = page_without_javascript
    sign_in_browser(page, mira)
    page.goto("/my-data/?show=week")

    page.get_by_text("These figures as a table").click()

    expect(page.get_by_role("table").first).to_contain_text("Collected")
    expect(page.locator(".chart-bar")).to_have_count(2)


def test_the_days_are_reached_by_keyboard(mira, counts, sign_in_browser, page):
    sign_in_browser(page, mira)
    page.goto("/my-data/")

    page.get_by_role("link", name="Month", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Month", exact=True)).to_have_attribute(
        "aria-current", "page"
    )


def test_incidents_are_accessible_and_fit(
    mira, counts, sign_in_browser, phone, assert_accessible, assert_fits
):
    now = datetime.now(UTC)
    open_incidents(
        device=counts, undeclared=[("slack", "microphone"), ("a", "b")], at=now - timedelta(hours=1)
    )
    mira.groups.add(ensure_roles()[Role.PROGRAMME_OWNER])
    sign_in_browser(phone, mira)

    for address in ("/programme/incidents/", "/what-is-collected/"):
        phone.goto(address)
        expect(phone.get_by_text("Microphone in slack").first).to_be_visible()
        assert_fits(phone)
        assert_accessible(phone)
