"""Notices and free choices in a browser, with JavaScript and without it."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from consent_app.register.models import NoticeRecord
from consent_app.register.queries import newest_choice, notice_standing
from tests.notice_fixtures import ASKING, CHOOSING


@pytest.fixture
def person_in(live_portal, mira, make_jurisdiction, make_employee):
    """Return a function that makes somebody where this law holds; Mira's register is there."""

    def make(code: str, law: dict):
        make_jurisdiction(code, **law)
        sign_ceilings(by=system_user())
        return make_employee("Dana Ortiz", jurisdiction=code, time_zone="America/New_York")

    return make


@pytest.fixture
def dana(person_in):
    return person_in("US-NY", ASKING)


@pytest.fixture
def camille(person_in):
    return person_in("CA-QC", CHOOSING)


@pytest.fixture
def wilma(person_in, publish):
    person = person_in("US-DE", ASKING)
    publish(fields={"delaware": "daily"})
    return person


def stages(person):
    return sorted(NoticeRecord.objects.filter(employee=person).values_list("stage", flat=True))


def test_a_notice_is_read_and_acknowledged_by_keyboard(
    dana, page, sign_in_browser, assert_accessible
):
    sign_in_browser(page, dana)
    page.goto("/")
    page.get_by_role("link", name="Read the notice").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("New York")
    assert_accessible(page)

    page.get_by_role("button", name="I acknowledge that I was told").press("Enter")

    expect(page.get_by_text("You acknowledged on")).to_be_visible()
    assert_accessible(page)
    assert stages(dana) == ["acknowledged", "served"]


def test_a_page_that_was_shown_says_so_by_itself(dana, page, sign_in_browser):
    sign_in_browser(page, dana)

    with page.expect_response("**/notice/served") as answer:
        page.goto("/notice/")

    assert answer.value.status == 204
    assert stages(dana) == ["served"]


def test_a_choice_is_made_and_taken_back_without_javascript(
    camille, page_without_javascript, sign_in_browser
):
    page = page_without_javascript
    sign_in_browser(page, camille)
    page.goto("/notice/choice")

    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("You can take that back here")).to_be_visible()
    assert newest_choice(camille).choice == "given"

    page.get_by_role("button", name="No").click()
    expect(page.get_by_text("Nothing is collected from you.").first).to_be_visible()
    assert newest_choice(camille).choice == "withdrawn"


def test_yes_and_no_are_of_one_size_on_a_phone(
    camille, phone, sign_in_browser, assert_accessible, assert_fits
):
    sign_in_browser(phone, camille)
    phone.goto("/notice/choice")

    assert_fits(phone)
    assert_accessible(phone)
    yes, no = (phone.get_by_role("button", name=name).bounding_box() for name in ("Yes", "No"))
    assert (yes["width"], yes["height"]) == (no["width"], no["height"])
    phone.emulate_media(color_scheme="dark")
    assert_accessible(phone)


def test_the_notice_of_the_day_is_on_the_first_page_alone(
    wilma, phone, sign_in_browser, assert_accessible, assert_fits
):
    sign_in_browser(phone, wilma)
    notice = phone.get_by_role("region", name="Notice of today")

    with phone.expect_response("**/notice/served"):
        phone.goto("/devices/")

    expect(notice).to_be_visible()
    assert_fits(phone)
    assert_accessible(phone)
    phone.goto("/requests/")
    expect(notice).to_have_count(0)
    assert not notice_standing(wilma, at=timezone.now()).acknowledgement_missing


def test_the_notice_of_the_day_is_closed_without_javascript(
    wilma, page_without_javascript, sign_in_browser
):
    page = page_without_javascript
    sign_in_browser(page, wilma)
    page.goto("/devices/")
    assert stages(wilma) == []

    page.get_by_role("button", name="Close for today").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("My devices")
    expect(page.get_by_role("region", name="Notice of today")).to_have_count(0)
    assert stages(wilma) == ["served"]


def test_on_paper_only_the_notice_is_left(dana, page, sign_in_browser):
    sign_in_browser(page, dana)
    page.goto("/notice/poster/us-ny/")

    page.emulate_media(media="print")

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for gone in ("Print this page", "Back to the notice", "Sections", "My devices"):
        expect(page.get_by_text(gone, exact=False).first).not_to_be_visible()
