"""Writing the draft: every part of it, and what can never be written."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.editing import remove_application, save_safeguard
from consent_app.register.errors import PasswordsStayProtected, PortalStaysExcluded
from consent_app.register.models import RegisterVersion
from consent_app.register.rules import PORTAL_SLUG
from consent_app.register.tables import row_of
from tests.consent_app.register.drafting import changes, fresh, text


def as_form(application, **changed):
    """Return what a browser would send of an application that is not changed."""
    row = dict(row_of(application))
    names = ("macos_bundle_id", "windows_executable", "linux_executable", "domains")
    sent = {name: row[name] for name in ("slug", "name", "vendor", "category", "sensitivity")}
    sent |= {name: row[name].replace(";", "\r\n") for name in names}
    sent |= {"default_scope": row["default_scope"], "source": row["source"]}
    sent |= {"default_exclusion_reason": row["default_exclusion_reason"]}
    sent |= {"kinds": application.kinds}
    if application.communication:
        sent["is_communication"] = "on"
    if application.verified:
        sent["verified"] = "on"
    return sent | changed


def formset(prefix, rows, *, initial):
    sent = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    for number, row in enumerate(rows):
        sent |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return sent


# Applications


def test_saving_what_is_there_changes_nothing(write, draft):
    for application in draft.applications.exclude(slug=PORTAL_SLUG):
        response = write("draft-application", as_form(application), application.slug)
        assert response.status_code == 302, application.slug

    assert changes(draft) == {}


def test_an_application_is_added_changed_and_taken_out(write, draft):
    new = {
        "slug": "my-notes", "name": "My Notes", "vendor": "Notes Ltd", "sensitivity": "none",
        "category": "documents_notes", "default_scope": "captured", "kinds": ["mouse_click"],
        "domains": "notes.example.com\n\n app.notes.example.com ",
    }  # fmt: skip

    write("draft-application-new", new)
    added = changes(draft)
    write("draft-application", new | {"default_scope": "excluded",
          "default_exclusion_reason": "personal notes"}, "my-notes")  # fmt: skip
    excluded = draft.applications.get(slug="my-notes")
    write("draft-application-remove", {}, "my-notes")

    assert added == {("My Notes", ""): "widens"}
    assert excluded.domains == ["notes.example.com", "app.notes.example.com"]
    assert (excluded.excluded, excluded.kinds) == (True, [])
    assert changes(draft) == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"default_scope": "excluded", "default_exclusion_reason": ""}, "people read why"),
        ({"kinds": []}, "nothing would be collected from it"),
        ({"domains": "https://Example.com/path"}, "is not a host name in lower case"),
        ({"domains": "", "macos_bundle_id": "", "windows_executable": "",
          "linux_executable": ""}, "it could never be recognised"),
        ({"slug": "consent-portal"}, "the portal's own"),
        ({"slug": "Not A Slug"}, "valid “slug”"),
        ({"name": "=cmd()"}, "a spreadsheet takes for a formula"),
        ({"name": "Sl\u202eack"}, "invisible character"),
        ({"name": ""}, "This field is required."),
        ({"category": "nonsense"}, "Select a valid choice"),
        ({"kinds": ["screen"]}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_said_and_not_saved(write, draft, changed, words):
    application = draft.applications.captured().first()

    response = write("draft-application", as_form(application, **changed), application.slug)

    assert response.status_code == 422
    assert words in response.content.decode().replace("&#x27;", "'")
    assert changes(draft) == {}


def test_a_name_that_another_application_has_is_refused_by_its_name(write, draft):
    first, second = draft.applications.exclude(domains=[]).exclude(slug=PORTAL_SLUG)[:2]
    names = "\n".join([*second.domains, first.domains[0].upper().lower()])

    response = write("draft-application", as_form(second, domains=names), second.slug)

    assert response.status_code == 422
    assert f"belongs to {first.name}." in text(response)


def test_the_portal_itself_stays_excluded(client_of_owner, write, draft, owner):
    portal = draft.applications.get(slug=PORTAL_SLUG)
    shown = client_of_owner.get(reverse("draft-application", args=[PORTAL_SLUG]))

    response = write("draft-application", as_form(portal, default_scope="captured"), PORTAL_SLUG)

    assert response.status_code == 422
    assert "its entry stays as it is" in text(shown)
    with pytest.raises(PortalStaysExcluded):
        remove_application(draft=draft, by=owner, seen=fresh(draft).drafted_at, slug=PORTAL_SLUG)
    assert draft.applications.get(slug=PORTAL_SLUG).excluded


def test_what_somebody_else_wrote_is_not_written_over(client_of_owner, write, draft, frozen_time):
    application = draft.applications.captured().first()
    address = reverse("draft-application", args=[application.slug])
    stale = draft.drafted_at.isoformat()
    frozen_time.shift(1)
    write("draft-notice", draft.notice_fields)

    response = client_of_owner.post(address, as_form(application, vendor="Typed") | {"seen": stale})

    assert response.status_code == 409
    page = text(response)
    assert "Somebody changed the draft meanwhile, so nothing was saved." in page
    assert 'value="Typed"' in page
    assert f'<a href="{address}" target="_blank">' in page
    assert changes(draft) == {}


# Words, kinds, notices


def test_words_readers_and_promises_are_written(write, draft):
    readers = [*draft.readers, {"who": "A vendor", "why": "To help."}]
    never = [dict(entry) for entry in draft.never_collected]
    never[0]["DELETE"] = "on"

    response = write(
        "draft-words",
        {"purpose": draft.purpose, "limits": "Nothing else."}
        | formset("readers", readers, initial=len(draft.readers))
        | formset("never", never, initial=len(never)),
    )

    assert response.status_code == 302
    assert changes(draft) == {
        ("What it is not used for", ""): "words",
        ("A vendor", ""): "widens",
        (draft.never_collected[0]["what"], ""): "widens",
    }


def kinds_of(draft):
    names = ("code", "name", "explanation", "retention_days", "retention_reason")
    return [{name: getattr(kind, name) for name in names} for kind in draft.kinds.all()]


def test_kinds_and_their_retention_are_written(write, draft):
    kinds = kinds_of(draft)
    kinds[0]["retention_days"] += 1
    kinds[1]["DELETE"] = "on"

    response = write("draft-kinds", formset("kinds", kinds, initial=len(kinds)))

    assert response.status_code == 302
    found = changes(draft)
    assert found[kinds[0]["name"], "Kept for, in days"] == "widens"
    assert found[kinds[1]["name"], ""] == "narrows"
    used = {code for row in draft.applications.captured() for code in row.kinds}
    assert kinds[1]["code"] not in used


@pytest.mark.parametrize(
    "said",
    [
        {"code": "screen_content"},
        {"code": "window_image"},
        {"code": "password_keystrokes"},
        {"code": "window_events", "name": "Screenshots"},
    ],
)
def test_screen_content_and_passwords_are_never_listed(write, draft, said):
    kinds = [*kinds_of(draft), kinds_of(draft)[0] | {"code": "more"} | said]

    response = write("draft-kinds", formset("kinds", kinds, initial=len(kinds) - 1))

    assert response.status_code == 422
    assert "No version can list them." in text(response)
    assert draft.kinds.count() == len(kinds) - 1


def test_a_new_kind_is_collected_from_every_application_that_is_collected_from(write, draft):
    before = kinds_of(draft)
    scroll = before[0] | {"code": "scrolling", "name": "Scrolling"}
    only = draft.applications.captured().first()
    draft.applications.filter(pk=only.pk).update(kinds=["keystrokes"])

    write("draft-kinds", formset("kinds", [*before, scroll], initial=len(before)))
    by_itself = list(draft.applications.captured().values_list("kinds", flat=True))
    kinds = [*before, scroll | {"DELETE": "on"}]
    write("draft-kinds", formset("kinds", kinds, initial=len(kinds)))
    kinds = [*before, scroll | {"is_everywhere": "on"}]
    write("draft-kinds", formset("kinds", kinds, initial=len(before)))

    assert not any("scrolling" in codes for codes in by_itself)
    assert draft.applications.get(pk=only.pk).kinds == ["keystrokes", "scrolling"]
    assert all("scrolling" in one.kinds for one in draft.applications.captured())
    assert not any(one.kinds for one in draft.applications.excluded())


def test_a_code_that_stands_there_twice_is_refused(write, draft):
    kinds = [*kinds_of(draft), kinds_of(draft)[0]]

    response = write("draft-kinds", formset("kinds", kinds, initial=len(kinds) - 1))

    assert response.status_code == 422
    assert "A code stands there twice." in text(response)


def test_no_application_is_left_without_a_kind(write, draft):
    draft.applications.filter(pk=draft.applications.captured().first().pk).update(
        kinds=["mouse_click"]
    )
    kinds = [
        kind | ({"DELETE": "on"} if kind["code"] == "mouse_click" else {})
        for kind in kinds_of(draft)
    ]

    response = write("draft-kinds", formset("kinds", kinds, initial=len(kinds)))

    assert response.status_code == 422
    assert "would be collected from without any kind." in text(response)
    assert draft.kinds.count() == len(kinds)


def test_what_laws_ask_of_notices_is_written(write, draft, client_of_owner):
    response = write("draft-notice", draft.notice_fields | {"delaware": "daily", "contact": ""})

    assert response.status_code == 302
    assert fresh(draft).notice_fields["delaware"] == "daily"
    page = text(client_of_owner.get(reverse("register-review")))
    assert "Where questions go (GDPR 13(1)(a)) is empty." in page


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (" ", "is empty"),
        (". . .", "is empty"),
        ("TODO", "still says “TODO”"),
        ("to be written.", "still says “to be written.”"),
    ],
)
def test_what_tells_nobody_anything_counts_as_empty(write, draft, client_of_owner, written, said):
    write("draft-notice", draft.notice_fields | {"contact": written})

    page = text(client_of_owner.get(reverse("register-review")))
    assert f"Where questions go (GDPR 13(1)(a)) {said}." in page


def test_a_short_word_is_not_empty(write, draft, client_of_owner):
    write("draft-notice", draft.notice_fields | {"transfers": "None"})

    page = text(client_of_owner.get(reverse("register-review")))
    assert "before it can be published" not in page


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u2066", "\u00ad", "\u3164"])
def test_what_nobody_can_see_is_not_written(write, draft, character):
    response = write("draft-notice", draft.notice_fields | {"rights": f"You may {character}see."})

    assert response.status_code == 422
    assert f"U+{ord(character):04X}" in text(response)
    assert fresh(draft).notice_fields == draft.notice_fields


# Safeguards

CARD = {
    "id": "order-number", "protects": "order_number", "detector": "regex", "validator": "none",
    "pattern": "ORD-[0-9]{6}", "action": "mask_text", "explanation": "Order numbers",
    "example_match": "ORD-123456", "example_no_match": "ORD-1",
}  # fmt: skip


def test_a_safeguard_is_added_changed_and_taken_out(write, draft):
    write("draft-safeguard-new", CARD)
    added = changes(draft)
    write("draft-safeguard", CARD | {"pattern": "ORD-[0-9]{6,7}"}, CARD["id"])
    again = write("draft-safeguard-new", CARD)
    write("draft-safeguard-remove", {}, CARD["id"])

    assert added == {("order-number", ""): "narrows"}
    assert "another safeguard" in text(again)
    assert changes(draft) == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pattern": "ORD-["}, "Devices would refuse it"),
        ({"example_match": "nothing"}, "An example that it finds is not found by the pattern."),
        ({"example_no_match": "ORD-123456"}, "An example that it leaves is found by the pattern."),
        ({"validator": "magic"}, "Select a valid choice"),
        ({"detector": "app_category", "pattern": "nonsense"}, "is not a category"),
        (
            {"detector": "app_category", "pattern": "hr_payroll", "example_match": "nobody"},
            "An example that it finds is no application of category",
        ),
        ({"protects": "Order Number"}, "What it protects"),
        ({"id": "Order"}, "Short name"),
        ({"explanation": "=1+1"}, "a spreadsheet takes for a formula"),
    ],
)
def test_a_safeguard_that_does_not_work_is_refused(write, draft, changed, words):
    response = write("draft-safeguard-new", CARD | changed)

    assert response.status_code == 422
    assert words in text(response)
    assert changes(draft) == {}


def test_password_fields_stay_protected(write, draft, owner):
    password = draft.safeguards.filter(protects="password_field").first()

    write("draft-safeguard-remove", {}, password.safeguard_id)
    changed = write("draft-safeguard", CARD, password.safeguard_id)

    assert changed.status_code == 422
    with pytest.raises(PasswordsStayProtected):
        save_safeguard(
            draft=draft, by=owner, seen=fresh(draft).drafted_at,
            row={**{k: v for k, v in CARD.items() if k != "protects"},
                 "class": "x_y", "source": ""},
            replaces=password.safeguard_id,
        )  # fmt: skip
    assert changes(draft) == {}


def test_what_was_added_for_password_fields_can_go_again(write, draft):
    mine = CARD | {"id": "pwd-mine", "protects": "password_field"}

    write("draft-safeguard-new", mine)
    added = changes(draft)
    write("draft-safeguard-remove", {}, "pwd-mine")

    assert added == {("pwd-mine", ""): "narrows"}
    assert changes(draft) == {}


def test_the_database_publishes_nothing_that_leaves_password_fields_open(draft, make_employee):
    draft.safeguards.filter(protects="password_field").first().delete()
    legal = make_employee()
    versions = RegisterVersion.objects.filter(pk=draft.pk)
    now = timezone.now()
    versions.update(state="proposed", proposed_by=draft.drafted_by, proposed_at=now)
    versions.update(state="approved", approved_by=legal, approved_at=now)

    with (
        pytest.raises(IntegrityError, match="lacks a safeguard of password fields"),
        transaction.atomic(),
    ):
        versions.update(state="published")


# Access


def test_only_the_owner_writes(sign_in, make_employee, draft):
    pages = ("draft-words", "draft-kinds", "draft-notice", "draft-applications", "draft-export",
             "draft-application-new", "draft-safeguards", "draft-import")  # fmt: skip
    for role in Role:
        person = make_employee(role.label)
        person.groups.add(ensure_roles()[role])
        client = sign_in(person)
        wanted = 200 if role is Role.PROGRAMME_OWNER else 403
        assert {client.get(reverse(page)).status_code for page in pages} == {wanted}


def test_without_a_draft_there_is_nothing_to_write(client_of_owner):
    assert client_of_owner.get(reverse("draft-applications")).status_code == 404
