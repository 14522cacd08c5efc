"""Having something forgotten, from the form to the certificate, as somebody does it."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent_app.erasure.actions import add_store, confirm_at_store
from consent_app.erasure.messages import Confirmed
from consent_app.erasure.models import DeviceErasure, ErasureOrder
from consent_app.people.queries import system_user
from consent_app.people.roles import Role
from tests.exemption_fixtures import give_role


@pytest.fixture
def archive(published_register):
    return add_store(
        name="Recordings archive",
        holds="Recordings of all kinds",
        endpoint="http://127.0.0.1:1/",
        by=system_user(),
    )[0]


def confirm_all(order, store):
    """Let devices and store confirm, as they do by messages of their own."""
    DeviceErasure.objects.filter(order=order).update(confirmed_at=timezone.now())
    said = Confirmed(
        order=order.pk, store=store.pk, erased_at=timezone.now(), used_in_training="yes", records=41
    )
    confirm_at_store(store=store, said=said, message_id="msg_1")


def press_forget(page):
    page.goto("/my-data/forget/")
    page.get_by_role("button", name="Show what will happen").click()
    page.get_by_role("button", name="Yes, forget it").click()
    page.wait_for_url(re.compile("/my-data/forget/[0-9a-f-]{36}"))
    return ErasureOrder.objects.get()


def test_from_the_click_to_the_certificate(page, mira, archive, sign_in_browser, assert_well_made):
    sign_in_browser(page, mira)
    page.goto("/my-data/forget/")
    page.get_by_text("Choose applications").click()
    page.get_by_text("Chat and meetings").click()
    page.get_by_label("Slack", exact=True).check()
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this to be forgotten?")
    assert_well_made(page)
    page.get_by_role("button", name="Yes, forget it").click()
    expect(page.get_by_role("list", name="Trail of this order")).to_contain_text("waiting")
    assert_well_made(page)

    confirm_all(ErasureOrder.objects.get(), archive)

    expect(page.get_by_role("heading", name="Forgotten everywhere")).to_be_visible()
    expect(page.get_by_text("Recordings archive says that some of it")).to_be_visible()
    assert_well_made(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the certificate").click()
    assert download.value.suggested_filename.startswith("erasure-")


def test_works_without_javascript(page_without_javascript, mira, archive, sign_in_browser):
    page = page_without_javascript
    sign_in_browser(page, mira)

    confirm_all(press_forget(page), archive)
    page.reload()

    expect(page.get_by_role("link", name="Download the certificate")).to_be_visible()


def test_what_is_wrong_is_beside_its_field(
    page, mira, archive, sign_in_browser, assert_well_made, problems
):
    problems.expected.add(422)
    sign_in_browser(page, mira)
    page.goto("/my-data/forget/")
    page.get_by_label("From one time to another").check()

    page.get_by_role("button", name="Show what will happen").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("Give a day and a time.")
    assert_well_made(page)


def test_the_list_of_stores_is_well_made(
    page, make_employee, archive, sign_in_browser, assert_well_made
):
    sign_in_browser(page, give_role(make_employee(), Role.PROGRAMME_OWNER))

    page.goto("/programme/stores/")

    expect(page.get_by_role("row", name="Recordings archive")).to_be_visible()
    assert_well_made(page)
