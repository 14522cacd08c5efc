"""The pages of IT in Chromium: accessible, no wider than a phone, worked by keyboard alone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent_app.devices.actions import accept_device, enrol_device, issue_rollout
from consent_app.devices.models import Device
from consent_app.people.roles import Role
from tests.browser.conftest import confirm, enrol
from tests.exemption_fixtures import give_role

PAGES = {
    "devices": ("/fleet/", "Devices"),
    "search": ("/fleet/?search=mira", "Devices"),
    "no match": ("/fleet/?search=zzzz", "Devices"),
    "lag": ("/fleet/lag", "Policy lag"),
    "roll-outs": ("/fleet/rollouts", "Roll-out codes"),
    "service": ("/fleet/service", "Service"),
    "nothing chosen": ("/fleet/chosen", "Choose devices"),
    "some chosen": ("/fleet/chosen?search=laptop", "chosen"),
}
every_page = pytest.mark.parametrize(("address", "heading"), PAGES.values(), ids=PAGES.keys())


@pytest.fixture
def samuel(mira, make_employee):
    """Return an administrator of a fleet in several states."""
    samuel = give_role(make_employee("Samuel Adeyemi"), Role.IT_ADMINISTRATOR)
    tom = make_employee("Tom Berg", line_manager=mira)
    _, code = issue_rollout(label="Laptops of Berlin", days=14, uses=None, by=samuel)
    for number, hostname in enumerate(("LAPTOP-21", "LAPTOP-22")):
        device, _ = enrol_device(
            code=code,
            public_key={"kty": "OKP", "crv": "Ed25519", "x": KEYS[number]},
            hostname=hostname,
            platform="macos",
            agent_version="1.1.0",
            employee_email=tom.email,
        )
    accept_device(device=device, by=tom)
    confirm(enrol(tom, "LAPTOP-3"))
    laptop = Device.objects.get(hostname="LAPTOP-3")
    Device.objects.filter(pk=laptop.pk).update(confirmed_ceiling=1)
    old = timezone.now() - timedelta(days=40)
    Device.objects.filter(hostname="LAPTOP-22").update(last_seen_at=old)
    return samuel


KEYS = (
    "EDCSQUR2YTHjTA2Jl19EvlCmBIgxy92OlF2tEiUnTdQ",
    "6IK8QPwDEiCnojvg4ny6kjJIC-V3aXBTzo2ORvnygV0",
)


@every_page
def test_a_page_is_accessible_in_light_and_dark(
    page, sign_in_browser, samuel, assert_well_made, address, heading
):
    sign_in_browser(page, samuel)
    page.goto(address)

    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_a_devices_page_is_accessible(page, sign_in_browser, samuel, assert_well_made):
    sign_in_browser(page, samuel)
    for hostname in ("LAPTOP-3", "LAPTOP-21", "LAPTOP-22"):
        page.goto(f"/fleet/device/{Device.objects.get(hostname=hostname).pk}")

        expect(page.get_by_role("heading", level=1)).to_have_text(hostname)
        assert_well_made(page)


def test_a_code_for_many_devices_fits_a_phone(page, sign_in_browser, samuel, assert_well_made):
    sign_in_browser(page, samuel)
    page.goto("/fleet/rollouts")
    page.get_by_label("What it is for").fill("Laptops of Dover")

    page.get_by_role("button", name="Make a code").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Laptops of Dover")
    assert_well_made(page)


def test_without_javascript_a_list_is_searched(page_without_javascript, sign_in_browser, samuel):
    page = page_without_javascript
    sign_in_browser(page, samuel)
    page.goto("/fleet/")

    page.get_by_label("Device, owner or address").fill("tom berg")
    page.get_by_role("button", name="Search").click()

    expect(page.locator("tbody tr")).to_have_count(3)


def test_several_devices_are_removed_by_keyboard_alone(page, sign_in_browser, samuel):
    sign_in_browser(page, samuel)
    page.goto("/fleet/")

    page.keyboard.press("/")
    page.keyboard.type("laptop-2")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=laptop-2**")
    for key in ("j", "x", "j", "x", "b"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("2 devices chosen")
    page.get_by_role("button", name="Remove 2 devices").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("2 devices removed")
    assert Device.objects.filter(revoked_at__isnull=False).count() == 2


def test_an_employee_says_that_a_device_is_theirs(page, sign_in_browser, samuel, assert_well_made):
    device = Device.objects.get(hostname="LAPTOP-21")
    sign_in_browser(page, device.employee)
    page.goto("/")
    page.get_by_role("link", name="Look at it").click()
    assert_well_made(page)

    yes = page.get_by_role("button", name="Yes, it is mine")
    expect(yes).to_have_accessible_description("LAPTOP-21")
    yes.click()

    expect(page.get_by_text("LAPTOP-21 is one of your devices now.")).to_be_visible()
    device.refresh_from_db()
    assert device.accepted_at is not None
