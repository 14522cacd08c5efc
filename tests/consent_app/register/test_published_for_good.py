"""A published version never changes, and screen content never gets in: the database holds both."""

import os
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from consent_agent.protocol.canonical import content_digest
from consent_app.register.models import (
    Application,
    DataKind,
    NoticeRecord,
    NoticeStage,
    RegisterVersion,
    Safeguard,
)
from portal.management.commands.prepare_database import grant_serving_role

KINDS_OF_SCREEN_CONTENT = [
    "screen",
    "screenshot",
    "screen_content",
    "full_screen_video",
    "display_capture",
    "window_image",
    "webcam",
    "photo",
    "window_pixels",
    "ocr_text",
    "desktop_recording",
    "thumbnails",
    "video_frames",
    "page_content",
    "password_keystrokes",
    "pin",
]


@pytest.fixture
def draft(published):
    draft = RegisterVersion.objects.create(
        number=2, purpose="p", limits="l", readers=[], never_collected=[]
    )
    for safeguard in published.safeguards.filter(protects="password_field"):
        safeguard.pk, safeguard.version = None, draft
        safeguard.save()
    return draft


@pytest.fixture
def approve(make_employee):
    def approve(draft):
        owner, legal = make_employee(), make_employee()
        for state, fields in (
            ("proposed", {"proposed_by": owner, "proposed_at": timezone.now()}),
            ("approved", {"approved_by": legal, "approved_at": timezone.now()}),
        ):
            RegisterVersion.objects.filter(pk=draft.pk).update(state=state, **fields)
        return draft

    return approve


@pytest.fixture
def approved(draft, approve):
    return approve(draft)


@contextmanager
def refused(because=None):
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        yield


@pytest.mark.parametrize("field", ["number", "purpose", "digest", "document", "published_at"])
def test_no_field_of_a_published_version_changes(published, field):
    values = {"number": 9, "document": b"{}", "published_at": timezone.now()}

    with refused():
        RegisterVersion.objects.update(**{field: values.get(field, "other")})


def test_a_published_version_is_not_deleted(published):
    with refused():
        RegisterVersion.objects.all()._raw_delete("default")


@pytest.mark.parametrize("model", [Application, DataKind, Safeguard])
def test_no_part_of_a_published_version_changes_or_goes(published, model):
    field = {"application": "reason", "datakind": "name", "safeguard": "pattern"}

    with refused():
        model.objects.update(**{field[model._meta.model_name]: "other"})
    with refused():
        model.objects.all()._raw_delete("default")


def test_nothing_is_added_to_a_published_version(published):
    with refused():
        DataKind.objects.create(version=published, **kind("clipboard"))


def test_nothing_moves_into_or_out_of_a_published_version(published, draft):
    added = DataKind.objects.create(version=draft, **kind("clipboard"))

    with refused():
        DataKind.objects.filter(pk=added.pk).update(version=published)
    with refused():
        DataKind.objects.filter(version=published).update(version=draft)


def test_a_draft_changes_and_goes(draft):
    DataKind.objects.create(version=draft, **kind("clipboard"))
    DataKind.objects.filter(version=draft).update(name="Copied text")
    draft.purpose = "other"
    draft.save()

    draft.delete()

    assert not RegisterVersion.objects.filter(number=2).exists()


def test_the_digest_names_the_document(approved):
    with refused():
        RegisterVersion.objects.filter(pk=approved.pk).update(**publication(b"{}", of=b"[]"))

    RegisterVersion.objects.filter(pk=approved.pk).update(**publication(b"{}", of=b"{}"))


def test_a_document_of_more_than_4_mib_is_refused(approved):
    data = b"x" * (4 * 1024 * 1024 + 1)

    with refused():
        RegisterVersion.objects.filter(pk=approved.pk).update(**publication(data, of=data))


@pytest.mark.parametrize("code", KINDS_OF_SCREEN_CONTENT)
def test_screen_content_is_no_kind_of_data(draft, code):
    with pytest.raises(IntegrityError, match="register_no_screen_content"), transaction.atomic():
        DataKind.objects.create(version=draft, **kind(code))


@pytest.mark.parametrize("name", ["Screenshots", "What is on the SCREEN", "Passwords"])
def test_an_innocent_code_does_not_hide_it(draft, name):
    with pytest.raises(IntegrityError, match="register_no_screen_content"), transaction.atomic():
        DataKind.objects.create(version=draft, **kind("window_events") | {"name": name})


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("spins", "Spins"),
        ("mediocre", "Mediocre"),
        ("timeframes", "Timeframes"),
        ("touch", "Touch"),
    ],
)
def test_words_that_only_contain_the_letters_are_no_screen_content(draft, code, name):
    assert DataKind.objects.create(version=draft, **kind(code) | {"name": name}).pk


def test_no_version_is_published_with_a_kind_that_it_does_not_describe(draft, approve):
    Application.objects.create(version=draft, **application(kinds=["clipboard"]))
    approve(draft)

    with refused("does not describe"):
        RegisterVersion.objects.filter(pk=draft.pk).update(**publication(b"{}", of=b"{}"))


def test_no_draft_is_published_without_two_people(draft):
    with refused("draft is not followed by published"):
        RegisterVersion.objects.filter(pk=draft.pk).update(**publication(b"{}", of=b"{}"))


@pytest.mark.parametrize("field", ["protects", "detector", "pattern", "validator", "action"])
def test_no_version_is_published_that_protects_password_fields_less(draft, approve, field):
    last = draft.safeguards.order_by("safeguard_id").last()
    draft.safeguards.filter(pk=last.pk).update(**{field: "other"})
    approve(draft)

    with refused("lacks a safeguard of password fields"):
        RegisterVersion.objects.filter(pk=draft.pk).update(**publication(b"{}", of=b"{}"))


def test_no_version_is_published_without_any_safeguard_of_password_fields(draft, approve):
    draft.safeguards.all().delete()
    approve(draft)

    with refused("lacks a safeguard of password fields"):
        RegisterVersion.objects.filter(pk=draft.pk).update(**publication(b"{}", of=b"{}"))


def test_the_first_version_too_protects_password_fields(db):
    RegisterVersion.objects.create(number=1, purpose="", limits="", readers=[], never_collected=[])

    with refused("lacks a safeguard of password fields"):
        RegisterVersion.objects.update(**publication(b"{}", of=b"{}"))


def test_nobody_approves_what_they_proposed(draft, make_employee):
    owner = make_employee()
    versions = RegisterVersion.objects.filter(pk=draft.pk)
    versions.update(state="proposed", proposed_by=owner, proposed_at=timezone.now())

    with refused("register_approved_by_a_second_person"):
        versions.update(state="approved", approved_by=owner, approved_at=timezone.now())


def test_what_legal_reads_does_not_change_under_their_eyes(approved):
    versions = RegisterVersion.objects.filter(pk=approved.pk)

    with refused("is with legal"):
        versions.update(purpose="other")
    with refused("no draft"):
        DataKind.objects.create(version=approved, **kind("clipboard"))


def test_no_version_holds_before_an_earlier_one(approved):
    early = {"published_at": timezone.now() - timedelta(days=900)}

    with refused("in force before an earlier one"):
        RegisterVersion.objects.filter(pk=approved.pk).update(
            **publication(b"{}", of=b"{}") | early | {"in_force_at": early["published_at"]}
        )


def test_notices_and_what_happened_to_them_stay(published, make_employee):
    notice = published.notices.first()
    record = NoticeRecord.objects.create(
        notice=notice,
        employee=make_employee(),
        stage=NoticeStage.READ,
        at=timezone.now(),
        digest=notice.digest,
        language="en",
    )

    for row in (record, notice):
        with refused("kept as it was"):
            type(row).objects.filter(pk=row.pk).update(digest="sha256:" + "0" * 64)
        with refused("kept as it was"), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])


def test_a_record_names_the_text_that_was_shown(published, make_employee):
    with refused("names another text"):
        NoticeRecord.objects.create(
            notice=published.notices.first(),
            employee=make_employee(),
            stage=NoticeStage.READ,
            at=timezone.now(),
            digest="sha256:" + "0" * 64,
            language="en",
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"excluded": True, "reason": "", "kinds": []},
        {"excluded": True, "reason": "why", "kinds": ["keystrokes"]},
        {"excluded": False, "reason": "why", "kinds": ["keystrokes"]},
        {"excluded": False, "reason": "", "kinds": []},
    ],
)
def test_excluded_means_a_reason_and_no_kinds(draft, fields):
    with pytest.raises(IntegrityError, match="register_excluded_with_reason"), transaction.atomic():
        Application.objects.create(version=draft, **application(**fields))


@pytest.mark.django_db(transaction=True)
def test_the_role_that_serves_requests_changes_nothing_published(request):
    grant_serving_role("portal")
    request.getfixturevalue("published")
    address = psycopg.conninfo.conninfo_to_dict(os.environ["TEST_PORTAL_ROLE_URL"])
    address["dbname"] = connection.settings_dict["NAME"]

    with psycopg.connect(**address, autocommit=True) as portal:
        for statement in (
            "UPDATE register_registerversion SET document = '{}'",
            "DELETE FROM register_registerversion",
            "UPDATE register_application SET excluded = false, reason = '', kinds = '{keystrokes}'",
            "DELETE FROM register_application",
            "DELETE FROM register_safeguard",
            "TRUNCATE register_safeguard",
            "ALTER TABLE register_application DISABLE TRIGGER ALL",
            "DROP TRIGGER register_application_keep ON register_application",
        ):
            with pytest.raises(psycopg.DatabaseError):
                portal.execute(statement)


def kind(code: str) -> dict[str, object]:
    return {
        "code": code,
        "name": "Name",
        "explanation": "e",
        "retention_days": 1,
        "retention_reason": "r",
        "position": 9,
    }


def application(**fields: object) -> dict[str, object]:
    return {
        "slug": "mine",
        "name": "Mine",
        "vendor": "V",
        "category": "browser",
        "communication": False,
        "sensitivity": "none",
        "excluded": False,
    } | fields


def publication(document: bytes, *, of: bytes) -> dict[str, object]:
    now = timezone.now()
    return {
        "state": "published",
        "document": document,
        "digest": content_digest(of),
        "published_at": now,
        "in_force_at": now,
    }
