"""A version of the register in a browser: written, decided on, published and read."""

import pytest
from playwright.sync_api import expect

from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.drafts import start_draft
from consent_app.register.actions.review import propose_version
from consent_app.register.models import RegisterVersion, VersionState

# Addresses of the draft, and words of their main heading.
DRAFT_PAGES = {
    "words": "Words and readers",
    "kinds": "Kinds of data",
    "notices": "What laws ask of the notices",
    "applications": "Applications",
    "applications/slack": "Slack",
    "applications/consent-portal": "Consent Portal",
    "application": "A new application",
    "safeguards": "Safeguards",
    "safeguard": "A new safeguard",
    "import": "Table in and out",
    "../notices": "The notices of version 2",
}
REVIEW = "/programme/register/"


@pytest.fixture
def make_holder(mira, make_employee):
    """Return a function that makes somebody with a role; Mira's register is there."""

    def make(role: Role):
        person = make_employee(f"Holder of {role.label}")
        person.groups.add(ensure_roles()[role])
        return person

    return make


@pytest.fixture
def owner(make_holder):
    return make_holder(Role.PROGRAMME_OWNER)


@pytest.fixture
def legal(make_holder):
    return make_holder(Role.LEGAL_REVIEWER)


@pytest.fixture
def draft(owner):
    """A draft in which something of every part changes."""
    draft = start_draft(by=owner)
    RegisterVersion.objects.filter(pk=draft.pk).update(
        purpose=draft.purpose.replace("train", "teach"), notice_fields=draft.notice_fields
    )
    draft.kinds.filter(code="keystrokes").update(retention_days=31)
    draft.applications.filter(slug="slack").update(domains=["slack.com", "slack.example"])
    draft.applications.filter(slug="github").delete()
    draft.safeguards.filter(protects="payment_card").delete()
    draft.refresh_from_db()
    return draft


@pytest.fixture
def proposed(draft, owner):
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="Other.", is_immaterial=False
    )
    return draft


def test_the_pages_of_a_draft_are_well_made(page, draft, owner, sign_in_browser, assert_well_made):
    sign_in_browser(page, owner)

    for address, heading in DRAFT_PAGES.items():
        page.goto(f"{REVIEW}draft/{address}")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert_well_made(page)


def test_a_table_with_wrong_lines_is_well_made(
    page, draft, owner, sign_in_browser, assert_well_made, problems
):
    problems.expected.add(422)
    sign_in_browser(page, owner)
    page.goto(f"{REVIEW}draft/import")

    wrong = b"slug,name\n" * 3
    page.get_by_label("The table").set_input_files(
        {"name": "wrong.csv", "mimeType": "text/csv", "buffer": wrong}
    )
    page.get_by_role("button", name="Try it").click()

    expect(page.get_by_role("heading", name="What is wrong with the table")).to_be_visible()
    assert_well_made(page)


def test_what_legal_decides_on_is_well_made_and_approved_by_keyboard(
    page, proposed, legal, sign_in_browser, assert_accessible, assert_well_made
):
    sign_in_browser(page, legal)
    page.goto(REVIEW)
    expect(page.get_by_role("heading", name="What changes", exact=True)).to_be_visible()
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)
    # What differs is marked in both, and nothing else is.
    assert page.locator("del").all_inner_texts() == ["train"]
    assert "teach" in page.locator("ins").all_inner_texts()

    page.get_by_role("button", name="Approve version 2").focus()
    page.keyboard.press("Tab")
    expect(page.locator("summary", has_text="Send it back")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("Version 2 is approved.")
    assert RegisterVersion.objects.get(number=2).state == VersionState.APPROVED


def test_a_version_goes_its_whole_way_without_javascript(
    make_page, mira, owner, legal, sign_in_browser
):
    writer, reviewer, reader = (make_page(java_script_enabled=False) for _ in range(3))
    for page, person in ((writer, owner), (reviewer, legal), (reader, mira)):
        sign_in_browser(page, person)

    writer.goto(REVIEW)
    writer.get_by_role("button", name="Begin a draft").click()
    writer.goto(f"{REVIEW}draft/applications/slack")
    writer.get_by_role("radio", name="Never").check()
    writer.get_by_label("Why it is never collected from").fill("Too close.")
    writer.get_by_role("button", name="Save").click()
    writer.goto(REVIEW)
    writer.get_by_label("What changes, and why").fill("Slack goes out.")
    writer.get_by_role("button", name="Propose version 2").click()
    reviewer.goto(REVIEW)
    reviewer.locator("summary", has_text="Send it back").click()
    reviewer.get_by_label("Why", exact=True).fill("Say more.")
    reviewer.get_by_role("button", name="Make version 2 a draft again").click()
    writer.goto(REVIEW)
    expect(writer.get_by_text("Say more.")).to_be_visible()
    writer.get_by_role("button", name="Propose version 2").click()
    reviewer.goto(REVIEW)
    reviewer.get_by_role("button", name="Approve version 2").click()
    writer.goto(REVIEW)
    writer.get_by_role("button", name="Publish version 2").click()

    reader.goto("/what-is-collected/changes")
    expect(reader.get_by_role("row", name="Slack Status")).to_contain_text("Collects less")
    reader.goto("/notice/versions/2/")
    reader.get_by_role("button", name="I have read it").click()
    reader.goto("/what-is-collected/changes")
    expect(reader.get_by_text("Nothing. You read version 2")).to_be_visible()


def test_a_version_with_changes_is_well_made(
    page, publish, mira, sign_in_browser, assert_well_made
):
    publish(widens=True, limits="Other limits.")
    sign_in_browser(page, mira)

    for address in (
        "/what-is-collected/versions/2", "/what-is-collected/versions/1",
        "/what-is-collected/versions/", "/what-is-collected/changes", "/notice/versions/2/",
    ):  # fmt: skip
        page.goto(address)
        assert_well_made(page)
