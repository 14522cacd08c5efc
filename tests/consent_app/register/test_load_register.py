"""`load_register`: version 1 from the files that ship, once, or nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.matching import Register
from consent_app.audit.models import Leaf
from consent_app.people.queries import system_user
from consent_app.register.actions import load_register
from consent_app.register.errors import (
    RegisterExists,
    RegisterInvalid,
    RegisterNotPublished,
    RegisterTooLarge,
)
from consent_app.register.models import Application, RegisterVersion, Safeguard
from consent_app.register.queries import (
    current_version,
    document_by_digest,
    excluded_slugs,
    register_by_digest,
)
from consent_app.register.rules import PORTAL_SLUG, values
from tests.consent_app.register.conftest import PORTAL_HOST, csv_rows


def test_every_application_stands_in_the_document(published):
    entries = {entry["slug"]: entry for entry in document(published)["applications"]}

    assert len(entries) == len(csv_rows("applications.csv")) + 1
    for row in csv_rows("applications.csv"):
        entry = entries[row["slug"]]
        assert entry["name"] == row["name"]
        assert entry["vendor"] == row["vendor"]
        assert entry["category"] == row["category"]
        assert entry["communication"] is (row["is_communication"] == "true")
        assert entry["excluded"] is (row["default_scope"] == "excluded")
        assert entry["reason"] == (row["default_exclusion_reason"] or None)
        assert entry["match"] == {
            "macos_bundle_ids": values(row["macos_bundle_id"]),
            "windows_executables": values(row["windows_executable"]),
            "linux_executables": values(row["linux_executable"]),
            "domains": values(row["domains"]),
        }
        assert entry["kinds"] == (
            [] if entry["excluded"] else ["mouse_movement", "mouse_click", "keystrokes"]
        )


def test_every_safeguard_stands_in_the_document(published):
    entries = {entry["id"]: entry for entry in document(published)["safeguards"]}

    assert len(entries) == len(csv_rows("protected_content.csv"))
    for row in csv_rows("protected_content.csv"):
        members = ("class", "detector", "pattern", "validator", "action", "explanation")
        assert entries[row["id"]] == {name: row[name] for name in ("id", *members)}


def test_the_portal_itself_is_excluded(published):
    row = register_by_digest(published.digest).match_url(f"https://{PORTAL_HOST}/requests/")

    assert row is not None
    assert (row.slug, row.excluded) == (PORTAL_SLUG, True)
    assert PORTAL_SLUG in excluded_slugs(published)


def test_a_portal_on_a_numeric_ipv6_address_needs_no_entry(db):
    version = load_register(by=system_user(), portal_host="::1")

    assert register_by_digest(version.digest).match_url("http://[::1]:8000/") is None


def test_the_document_is_found_by_its_digest(published):
    data = document_by_digest(published.digest)

    assert data is not None
    assert content_digest(data) == published.digest
    assert Register.from_document(data).version == 1
    assert document_by_digest("sha256:" + "0" * 64) is None


def test_the_document_is_canonical(published):
    data = bytes(published.document)

    assert canonical_json(parse_json(data)) == data


@pytest.mark.django_db
def test_refuses_a_portal_whose_address_is_listed_already():
    with pytest.raises(RegisterInvalid, match=r"slack\.com belongs to two rows"):
        load_register(by=system_user(), portal_host="slack.com")

    assert not RegisterVersion.objects.exists()


@pytest.mark.django_db
def test_refuses_a_document_that_devices_would_not_take(files):
    path = files / "applications.csv"
    with path.open("a", encoding="utf-8") as file:
        for number in range(1200):
            programs = ";".join(f"{number}-{place}-".ljust(245, "x") for place in range(15))
            file.write(
                f"app-{number},A,V,desktop,browser,linux,,,{programs},,false,none,captured,,no,\n"
            )

    with pytest.raises(RegisterTooLarge):
        load_register(by=system_user(), portal_host=PORTAL_HOST, folder=files)

    assert not RegisterVersion.objects.exists()
    assert not Leaf.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("frozen_time")
def test_the_same_files_at_the_same_time_are_the_same_bytes():
    documents = [load_and_undo(), load_and_undo()]

    assert documents[0] == documents[1]


def test_the_log_names_the_document_and_the_words(published):
    leaf = Leaf.objects.get(event="register.published")

    assert leaf.actor == system_user().pseudonym
    assert leaf.subject == f"registerversion:{published.pk}"
    assert leaf.details.content["register"] == published.digest
    assert leaf.details.content["words"].startswith("sha256:")


def test_the_excluded_slugs_are_sorted(published):
    slugs = excluded_slugs(published)

    assert slugs == sorted(slugs)
    assert len(slugs) == 167


def test_refuses_a_second_load(published):
    with pytest.raises(RegisterExists):
        load_register(by=system_user(), portal_host=PORTAL_HOST)

    assert RegisterVersion.objects.get() == published


@pytest.mark.django_db(transaction=True)
def test_two_loads_at_once_make_one_version():
    by = system_user()

    def load(_: int) -> str:
        try:
            load_register(by=by, portal_host=PORTAL_HOST)
        except RegisterExists:
            return "refused"
        finally:
            connection.close()
        return "published"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(load, range(2)))

    assert outcomes == ["published", "refused"]
    assert RegisterVersion.objects.count() == 1


def test_the_command_publishes_and_says_so(db, capsys):
    call_command("load_register")

    version = current_version()
    assert version is not None
    said = capsys.readouterr().out
    assert "version 1 with 522 applications" in said
    assert version.digest in said


@pytest.mark.usefixtures("published")
def test_the_command_refuses_a_second_load():
    with pytest.raises(CommandError, match="There is a register already"):
        call_command("load_register")


def test_the_command_leaves_a_register_as_it_is_when_asked(published):
    call_command("load_register", "--if-missing")

    assert RegisterVersion.objects.get().digest == published.digest


@pytest.mark.django_db
def test_without_a_register_nothing_is_in_force():
    assert current_version() is None
    with pytest.raises(RegisterNotPublished):
        register_by_digest("sha256:" + "0" * 64)


def test_the_version_in_force_comes_without_its_document(published, django_assert_num_queries):
    with django_assert_num_queries(1) as captured:
        current_version()

    assert '"document"' not in captured[0]["sql"]


def test_the_register_is_indexed_once(published, django_assert_num_queries):
    register_by_digest(published.digest)

    with django_assert_num_queries(0):
        register_by_digest(published.digest)


def test_a_draft_is_not_in_force(published):
    RegisterVersion.objects.create(
        number=2, purpose="p", limits="l", readers=[], never_collected=[]
    )

    assert current_version() == published


def test_rows_and_document_say_the_same(published):
    assert Application.objects.filter(version=published).count() == 522
    assert Safeguard.objects.filter(version=published).count() == 55
    assert [kind.code for kind in published.kinds.all()] == [
        "mouse_movement",
        "mouse_click",
        "keystrokes",
    ]


def load_and_undo() -> bytes:
    with transaction.atomic():
        version = load_register(by=system_user(), portal_host=PORTAL_HOST)
        transaction.set_rollback(True)
    return bytes(version.document)


def document(version: RegisterVersion) -> dict:
    return parse_json(bytes(version.document))
