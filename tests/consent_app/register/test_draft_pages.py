"""Writing the draft: every part of it, tables in and out, and what can never be written."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.drafts import start_draft
from consent_app.register.actions.editing import remove_application, save_safeguard
from consent_app.register.errors import PasswordsStayProtected, PortalStaysExcluded
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.review import prepared
from consent_app.register.rules import APPLICATION_COLUMNS, PORTAL_SLUG, check_application
from consent_app.register.source import read_applications
from consent_app.register.tables import applications_csv, row_of


@pytest.fixture
def owner(frozen_time, make_employee, ceilings):
    person = make_employee("Programme owner")
    person.groups.add(ensure_roles()[Role.PROGRAMME_OWNER])
    return person


@pytest.fixture
def draft(owner):
    return start_draft(by=owner)


@pytest.fixture
def client_of_owner(sign_in, owner):
    return sign_in(owner)


@pytest.fixture
def write(client_of_owner, draft):
    """Post to a page of the draft, as somebody who saw it as it is."""

    def write(name: str, data=None, *args):
        seen = RegisterVersion.objects.get(pk=draft.pk).drafted_at.isoformat()
        return client_of_owner.post(reverse(name, args=args), {"seen": seen} | (data or {}))

    return write


def fresh(draft) -> RegisterVersion:
    return RegisterVersion.objects.select_related("based_on").get(pk=draft.pk)


def changes(draft) -> dict[tuple[str, str], str]:
    return {
        (change.name, change.field): change.effect.value
        for change in prepared(fresh(draft)).changes
    }


def text(response) -> str:
    return " ".join(response.content.decode().split())


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


def test_the_portal_itself_stays_excluded(write, draft, owner):
    portal = draft.applications.get(slug=PORTAL_SLUG)

    response = write("draft-application", as_form(portal, default_scope="captured"), PORTAL_SLUG)

    assert response.status_code == 422
    with pytest.raises(PortalStaysExcluded):
        remove_application(draft=draft, by=owner, seen=fresh(draft).drafted_at, slug=PORTAL_SLUG)
    assert draft.applications.get(slug=PORTAL_SLUG).excluded


def test_what_somebody_else_wrote_is_not_written_over(client_of_owner, write, draft, frozen_time):
    application = draft.applications.captured().first()
    stale = draft.drafted_at.isoformat()
    frozen_time.shift(1)
    write("draft-notice", draft.notice_fields)

    response = client_of_owner.post(
        reverse("draft-application", args=[application.slug]),
        as_form(application, vendor="Other") | {"seen": stale},
    )

    assert response.status_code == 409
    assert "Somebody changed this meanwhile." in text(response)


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


@pytest.mark.parametrize("code", ["screen_content", "full_screen", "webcam", "window_image"])
def test_screen_content_is_never_listed(write, draft, code):
    kinds = [*kinds_of(draft), kinds_of(draft)[0] | {"code": code}]

    response = write("draft-kinds", formset("kinds", kinds, initial=len(kinds) - 1))

    assert response.status_code == 422
    assert "No version can list it." in text(response)


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
        ({"pattern": "ORD-["}, "devices would refuse it"),
        ({"example_match": "nothing"}, "example_match is not found by the pattern"),
        ({"example_no_match": "ORD-123456"}, "example_no_match is found by the pattern"),
        ({"validator": "magic"}, "devices would refuse it"),
        ({"detector": "app_category", "pattern": "nonsense"}, "one of the categories"),
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


# Tables


def upload(client, table: str | bytes):
    data = table if isinstance(table, bytes) else table.encode()
    file = SimpleUploadedFile("applications.csv", data, content_type="text/csv")
    return client.post(reverse("draft-import"), {"file": file})


@pytest.fixture
def table(client_of_owner, draft) -> str:
    return client_of_owner.get(reverse("draft-export")).content.decode()


def test_a_table_that_comes_back_as_it_went_changes_nothing(client_of_owner, write, draft, table):
    for spelling in (table, "\ufeff" + table, table.replace("\n", "\r\n")):
        assert "It says the same as the draft." in text(upload(client_of_owner, spelling))

    write("draft-import-apply", {"table": table})

    assert changes(draft) == {}


def test_a_table_shows_what_it_would_change_and_does_it(client_of_owner, write, draft, table):
    gone, excluded, *_ = draft.applications.captured()
    rows = list(csv.DictReader(io.StringIO(table)))
    kept = [row for row in rows if row["slug"] != gone.slug]
    for row in kept:
        if row["slug"] == excluded.slug:
            row |= {"default_scope": "excluded", "default_exclusion_reason": "Too close."}
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, APPLICATION_COLUMNS)
    writer.writeheader()
    writer.writerows(kept)

    shown = text(upload(client_of_owner, file.getvalue()))
    unchanged = changes(draft)
    write("draft-import-apply", {"table": file.getvalue()})

    assert unchanged == {}
    assert gone.name in shown
    assert "Too close." in shown
    assert changes(draft)[excluded.name, "Status"] == "narrows"
    assert (gone.name, "") in changes(draft)
    assert draft.applications.filter(slug=PORTAL_SLUG).exists()


def test_every_wrong_line_is_named(client_of_owner, draft, table):
    header, first, second, *rest = table.splitlines()
    wrong = [header, first.replace(",yes,", ",maybe,").replace(",no,", ",maybe,"), "a,b,c", second,
             second, *rest]  # fmt: skip

    response = upload(client_of_owner, "\n".join(wrong))

    assert response.status_code == 422
    page = text(response)
    assert "Line 2: verified" in page
    assert "Line 3: 3 cells instead of 16" in page
    assert "Line 5: slug" in page
    assert "belongs to line 4" in page
    assert changes(draft) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty."),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"slug;name\n", "columns must be slug,name"),
        (b"slug,name\n\x00", "columns must be"),
        (b"x" * (1024 * 1024 + 1), "larger than 1 MB"),
    ],
)
def test_what_is_no_table_is_refused(client_of_owner, draft, data, words):
    response = upload(client_of_owner, data)

    assert response.status_code == 422
    assert words in text(response)


def test_a_table_that_was_not_shown_as_right_is_not_applied(write, draft):
    assert write("draft-import-apply", {"table": "slug"}).status_code == 400
    assert write("draft-import-apply", {}).status_code == 400


def test_ten_thousand_lines_are_read(client_of_owner, draft, table):
    header, line, *_ = table.splitlines()
    row = dict(zip(APPLICATION_COLUMNS, next(csv.reader([line])), strict=True))
    lines = [header]
    for number in range(10_000):
        cells = row | {"slug": f"app-{number}", "domains": f"a{number}.example.com"}
        cells |= {"macos_bundle_id": "", "windows_executable": "", "linux_executable": "",
                  "source": ""}  # fmt: skip
        lines.append(",".join(f'"{cells[name]}"' for name in APPLICATION_COLUMNS))
    whole = "\n".join(lines).replace('"', "")

    _, problems = read_applications(whole.encode())

    assert problems == []


cells = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=cells, vendor=cells, reason=cells)
def test_whatever_is_accepted_comes_back_as_it_went(db, draft, name, vendor, reason):
    application = draft.applications.excluded().exclude(slug=PORTAL_SLUG).first()
    application.name, application.vendor, application.reason = name, vendor, reason
    row = row_of(application)
    if list(check_application(row)):
        return

    lines, problems = read_applications(applications_csv([application]).encode())

    assert problems == []
    assert lines[0].row == row


def test_a_published_version_is_handed_out_to_everybody(sign_in, make_employee, draft):
    response = sign_in(make_employee()).get(reverse("register-export", args=[1]))

    lines, problems = read_applications(response.content)
    assert problems == []
    assert len(lines) == RegisterVersion.objects.get(number=1).applications.count() - 1


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
