"""Tables of a draft: what goes out comes back as it went, and every wrong line is named."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_app.register.actions.imports import replace_safeguards
from consent_app.register.errors import PasswordsStayProtected
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.drafts import Table, imported
from consent_app.register.rules import (
    APPLICATION_COLUMNS,
    PORTAL_SLUG,
    check_application,
)
from consent_app.register.source import read_applications, read_safeguards
from consent_app.register.tables import (
    applications_csv,
    quoted,
    row_of,
    row_of_safeguard,
    safeguards_csv,
    unquoted,
)
from tests.consent_app.register.conftest import csv_rows
from tests.consent_app.register.drafting import changes, fresh, text

ORDERS = {
    "id": "order-number", "class": "order_number", "detector": "regex", "validator": "none",
    "pattern": "ORD-[0-9]{6}", "action": "mask_text", "explanation": "Order numbers",
    "example_match": "ORD-123456", "example_no_match": "ORD-1", "source": "",
}  # fmt: skip


@pytest.fixture
def upload(client_of_owner, draft):
    """Return a function that tries a table."""

    def upload(table: str | bytes, lists: str = "applications"):
        data = table if isinstance(table, bytes) else table.encode()
        file = SimpleUploadedFile("table.csv", data, content_type="text/csv")
        return client_of_owner.post(reverse("draft-import"), {"table": lists, "file": file})

    return upload


@pytest.fixture
def apply(write):
    """Return a function that applies a table, as the form beneath what it would change does."""

    def apply(table: str, lists: str = "applications"):
        sent = table.replace("\n", "\r\n")
        return write("draft-import-apply", {"table": lists, "text": sent})

    return apply


@pytest.fixture
def table(client_of_owner, draft) -> str:
    return client_of_owner.get(reverse("draft-export")).content.decode()


@pytest.fixture
def table_of_safeguards(client_of_owner, draft) -> str:
    return client_of_owner.get(reverse("draft-export-safeguards")).content.decode()


def rows_of(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def without_kinds(table: str) -> list[dict[str, str]]:
    """Return the rows as the shipped file has them, which knows no kinds."""
    return [{name: row[name] for name in APPLICATION_COLUMNS} for row in rows_of(table)]


def table_of(rows: list[dict[str, str]]) -> str:
    """Write rows as they are, as somebody else's program would."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


# Out and in


@pytest.mark.parametrize("lists", ["applications", "safeguards"])
def test_a_table_that_comes_back_as_it_went_changes_nothing(
    upload, apply, draft, table, table_of_safeguards, lists
):
    sent = table if lists == "applications" else table_of_safeguards

    for spelling in (sent, "\ufeff" + sent, sent.replace("\n", "\r\n")):
        assert "It says the same as the draft." in text(upload(spelling, lists))
    assert apply(sent, lists).status_code == 302

    assert changes(draft) == {}


def test_the_shipped_files_say_what_the_tables_say(published):
    applications = {row["slug"]: row for row in csv_rows("applications.csv")}
    safeguards = {row["id"]: row for row in csv_rows("protected_content.csv")}

    for row in rows_of(applications_csv(published.applications.all())):
        kinds = row.pop("kinds")
        follow = {name: row[name] for name in ("kind", "platforms")}
        assert row == applications[row["slug"]] | follow
        is_captured = row["default_scope"] == "captured"
        assert kinds == ("mouse_movement;mouse_click;keystrokes" if is_captured else "")
    for row in rows_of(safeguards_csv(published.safeguards.all())):
        left_out = {"example_match": "", "example_no_match": "", "source": ""}
        shipped = safeguards[row["id"]] | left_out
        assert row == shipped | {"pattern": quoted(shipped["pattern"])}


cells = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=cells, vendor=cells, reason=cells)
def test_whatever_is_accepted_comes_back_as_it_went(db, draft, name, vendor, reason):
    application = draft.applications.excluded().exclude(slug=PORTAL_SLUG).first()
    application.name, application.vendor, application.reason = name, vendor, reason
    row = row_of(application)
    if list(check_application(row)):
        return

    lines, problems = read_applications(applications_csv([application]).encode(), kinds=[])

    assert problems == []
    assert lines[0].row == row | {"kinds": ""}


@given(st.text(st.sampled_from("'=+-@a \uff1d"), max_size=6))
def test_no_cell_is_a_formula_and_each_comes_back(cell):
    assert not quoted(cell).startswith(("=", "+", "-", "@", "\uff1d"))
    assert unquoted(quoted(cell)) == cell


def test_a_published_version_is_handed_out_to_everybody(sign_in, make_employee, draft):
    client = sign_in(make_employee())

    applications = client.get(reverse("register-export", args=[1]))
    safeguards = client.get(reverse("register-export-safeguards", args=[1]))

    assert applications["Content-Disposition"] == 'attachment; filename="applications-1.csv"'
    assert len(rows_of(applications.content.decode())) == draft.applications.count() - 1
    assert len(rows_of(safeguards.content.decode())) == draft.safeguards.count()
    assert client.get(reverse("register-export", args=[2])).status_code == 404


# What a table changes


def test_a_table_shows_what_it_would_change_and_does_it(upload, apply, draft, table):
    gone, excluded, checked, *_ = draft.applications.captured().filter(verified=True)
    rows = [row for row in without_kinds(table) if row["slug"] != gone.slug]
    for row in rows:
        if row["slug"] == excluded.slug:
            row |= {"default_scope": "excluded", "default_exclusion_reason": "Too close."}
        if row["slug"] == checked.slug:
            row["verified"] = "no"
    rows.append(rows[0] | {"slug": "brand-new", "name": "Brand New", "domains": "new.example.com",
                           "macos_bundle_id": "", "windows_executable": "",
                           "linux_executable": "", "default_scope": "captured",
                           "default_exclusion_reason": ""})  # fmt: skip

    shown = text(upload(table_of(rows)))
    unchanged = changes(draft)
    apply(table_of(rows))

    assert f"It lists {len(rows)} applications. Added: 1. Changed: 2. Taken out: 1." in shown
    assert "Too close." in shown
    assert unchanged == {}
    assert changes(draft) == {
        (gone.name, ""): "narrows",
        (excluded.name, "Status"): "narrows",
        (excluded.name, "Why it is excluded"): "neither",
        (checked.name, "Names verified"): "neither",
        ("Brand New", ""): "widens",
    }
    kinds = list(draft.kinds.values_list("code", flat=True))
    assert draft.applications.get(slug="brand-new").kinds == kinds
    assert draft.applications.get(slug=excluded.slug).kinds == []
    assert draft.applications.filter(slug=PORTAL_SLUG).exists()


def test_what_was_listed_keeps_its_kinds_where_a_table_says_nothing_of_them(apply, draft, table):
    some = draft.applications.captured().first()
    draft.applications.filter(pk=some.pk).update(kinds=["mouse_click"])

    apply(table_of(without_kinds(table)))

    assert draft.applications.get(slug=some.slug).kinds == ["mouse_click"]


def test_a_table_says_which_kinds_are_collected(upload, apply, draft, table):
    some = draft.applications.captured().first()
    rows = rows_of(table)
    row = next(row for row in rows if row["slug"] == some.slug)
    row["kinds"] = "keystrokes;mouse_click"

    assert "Mouse clicks" in text(upload(table_of(rows)))
    apply(table_of(rows))

    assert draft.applications.get(slug=some.slug).kinds == ["mouse_click", "keystrokes"]
    assert changes(draft) == {(some.name, "Kinds of data"): "narrows"}


@pytest.mark.parametrize(
    ("scope", "kinds", "words"),
    [
        ("captured", "", "kinds is empty: nothing would be collected from it"),
        ("captured", "mouse_click;touch", "&#x27;touch&#x27; not among"),
        ("captured", "screenshots", "&#x27;screenshots&#x27; not among"),
        ("captured", "keystrokes;keystrokes", "kinds names one twice"),
        ("captured", "keystrokes;", "&#x27;&#x27; not among"),
        ("excluded", "keystrokes", "kinds stand beside default_scope excluded"),
    ],
)
def test_kinds_that_can_not_be_meant_are_named(upload, table, scope, kinds, words):
    rows = rows_of(table)
    place = next(i for i, row in enumerate(rows) if row["default_scope"] == scope)
    rows[place]["kinds"] = kinds

    response = upload(table_of(rows))

    assert response.status_code == 422
    assert f"Line {place + 2}: " in text(response)
    assert words in text(response)


def test_a_table_of_safeguards_adds_changes_and_takes_out(
    upload, apply, draft, table_of_safeguards
):
    rows = [row for row in rows_of(table_of_safeguards) if row["id"] != "iban"]
    card = next(row for row in rows if row["id"] == "card-number")
    card |= {"action": "drop_event", "example_match": "4111 1111 1111 1111",
             "example_no_match": "4111 1111 1111 1112"}  # fmt: skip
    changed = table_of([*rows, ORDERS])

    shown = text(upload(changed, "safeguards"))
    apply(changed, "safeguards")

    assert f"It lists {len(rows) + 1} safeguards. Added: 1. Changed: 1. Taken out: 1." in shown
    assert changes(draft) == {
        ("iban", ""): "widens",
        ("card-number", "Action"): "widens",
        ("order-number", ""): "narrows",
    }


def test_a_table_that_was_shown_is_refused_once_the_draft_is_another(
    write, client_of_owner, draft, frozen_time, table
):
    seen = fresh(draft).drafted_at.isoformat()
    frozen_time.shift(1)
    write("draft-notice", draft.notice_fields | {"contact": "Somebody else"})

    response = client_of_owner.post(
        reverse("draft-import-apply"),
        {"seen": seen, "table": "applications", "text": "\n".join(table.splitlines()[:-1])},
        follow=True,
    )

    assert "Somebody changed this meanwhile." in text(response)
    assert changes(draft).keys() == {("Where questions go", "")}


@pytest.mark.parametrize("lists", ["applications", "safeguards"])
def test_a_table_takes_the_same_questions_however_long_it_is(
    apply, draft, table, table_of_safeguards, django_assert_max_num_queries, lists
):
    with django_assert_max_num_queries(45):
        apply(table if lists == "applications" else table_of_safeguards, lists)


# What is wrong


def test_every_wrong_line_is_named(upload, draft, table):
    header, first, second, *rest = table.splitlines()
    wrong = [header, first.replace(",yes,", ",maybe,").replace(",no,", ",maybe,"), "a,b,c", second,
             second, *rest]  # fmt: skip

    response = upload("\n".join(wrong))

    assert response.status_code == 422
    page = text(response)
    assert "Line 2: verified" in page
    assert "Line 3: 3 cells instead of 17" in page
    assert "Line 5: slug" in page
    assert "belongs to line 4" in page
    assert changes(draft) == {}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"id": "order-number", "pattern": "ORD-["}, "devices would refuse it"),
        ({"id": "order-number", "example_match": ""}, "example_match is empty"),
        ({"id": "iban"}, "belongs to line"),
        ({"id": "order-number", "example_match": "no"}, "is not found by the pattern"),
        ({"id": "order-number", "detector": "app_category", "pattern": "hr_payroll",
          "example_match": "slack"}, "is no application of category"),
        ({"id": "Order Number"}, "is not lower-case words"),
    ],
)  # fmt: skip
def test_every_wrong_line_of_safeguards_is_named(upload, table_of_safeguards, cells, words):
    rows = [*rows_of(table_of_safeguards), ORDERS | cells]

    response = upload(table_of(rows), "safeguards")

    assert response.status_code == 422
    assert f"Line {len(rows) + 1}: " in text(response)
    assert words in text(response)


def test_a_changed_safeguard_needs_its_examples(upload, table_of_safeguards):
    changed = table_of_safeguards.replace("pause_capture", "drop_event", 1)

    response = upload(changed, "safeguards")

    assert response.status_code == 422
    assert "example_match is empty" in text(response)


def test_no_table_leaves_password_fields_open(upload, apply, draft, owner, table_of_safeguards):
    header, *lines = table_of_safeguards.splitlines()
    without = [line for line in lines if not line.startswith("pwd-input,")]
    rows = rows_of(table_of_safeguards)
    weaker = next(row for row in rows if row["id"] == "pwd-input")
    weaker |= {"action": "mask_text", "example_match": "type=password", "example_no_match": "a"}

    lacking = upload("\n".join([header, *without]), "safeguards")
    changed = upload(table_of(rows), "safeguards")

    assert "pwd-input is missing: what protects password fields stays" in text(lacking)
    assert "what protects password fields stays as it is" in text(changed)
    assert apply("\n".join([header, *without]), "safeguards").status_code == 400
    with pytest.raises(PasswordsStayProtected):
        replace_safeguards(draft=draft, by=owner, seen=fresh(draft).drafted_at, rows=[ORDERS])
    assert changes(draft) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty."),
        (b"\n\n", "holds no rows"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"\xed\xa0\x80", "not UTF-8 at byte 0"),
        (b"slug;name\n", "columns must be slug,name"),
        (b"slug,name\n\x00", "columns must be"),
        (b'"slug', "Line 1: unexpected end of data"),
        (b"x" * (1024 * 1024 + 1), "larger than 1 MB"),
    ],
)
def test_what_is_no_table_is_refused(upload, data, words):
    response = upload(data)

    assert response.status_code == 422
    assert words in text(response)


@pytest.mark.parametrize("character", ["\x00", "\u202e", "\u200b", "\n", "\x1b"])
def test_what_nobody_can_see_is_refused(upload, table, character):
    rows = rows_of(table)
    rows[0]["name"] = f"Sl{character}ack"

    response = upload(table_of(rows))

    assert response.status_code == 422
    assert "Line 2: name holds the invisible character" in text(response)


@pytest.mark.parametrize("lists", ["applications", "safeguards", "nonsense", ""])
def test_a_table_that_was_not_shown_as_right_is_not_applied(apply, write, draft, lists):
    assert apply("slug", lists).status_code == 400
    assert write("draft-import-apply", {"table": lists}).status_code == 400
    assert changes(draft) == {}


def many(count: int, table: str) -> list[dict[str, str]]:
    row = without_kinds(table)[0] | {
        "macos_bundle_id": "", "windows_executable": "", "linux_executable": "", "source": "",
        "default_scope": "captured", "default_exclusion_reason": "",
    }  # fmt: skip
    return [
        row | {"slug": f"app-{number}", "domains": f"a{number}.example.com"}
        for number in range(count)
    ]


def test_ten_thousand_lines_are_read(upload, table):
    whole = table_of(many(10_000, table))

    response = upload(whole)

    assert len(whole) < 1024 * 1024
    assert "It lists 10000 applications. Added: 10000." in text(response)


def test_what_devices_would_not_take_is_said_before_it_is_applied(draft, table):
    found = imported(draft, Table.APPLICATIONS, many(20_000, table))

    assert found.is_too_large
    assert not imported(draft, Table.APPLICATIONS, many(9_000, table)).is_too_large


def test_a_safeguard_with_spaces_around_its_pattern_comes_back(draft):
    safeguard = draft.safeguards.first()
    safeguard.pattern = " =a "
    known = {safeguard.safeguard_id: safeguard}

    lines, problems = read_safeguards(
        safeguards_csv([safeguard]).encode(), known=known, category_of={}
    )

    assert problems == []
    assert lines[0].row == row_of_safeguard(safeguard)


def test_number_of_a_draft_is_not_a_version_to_hand_out(client_of_owner, draft):
    number = RegisterVersion.objects.get(pk=draft.pk).number

    address = reverse("register-export-safeguards", args=[number])

    assert client_of_owner.get(address).status_code == 404
