"""The pages of versions: the next one and its way, all published ones, and what changed."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from consent_app.devices.queries import ceiling_document, newest_ceiling
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.announcing import announce_newest
from consent_app.register.actions.drafts import start_draft
from consent_app.register.actions.review import (
    approve_version,
    propose_version,
    publish_version,
    return_version,
)
from consent_app.register.models import (
    Notice,
    NoticeForm,
    NoticeRecord,
    NoticeStage,
    RegisterVersion,
    VersionState,
)
from consent_app.register.queries import current_version
from consent_app.register.queries.review import prepared
from portal.lib.keys import create_keys


@pytest.fixture
def make_holder(make_employee, ceilings):
    def make(role: Role):
        person = make_employee(role.label)
        person.groups.add(ensure_roles()[role])
        return person

    return make


@pytest.fixture
def owner(frozen_time, make_holder):
    return make_holder(Role.PROGRAMME_OWNER)


@pytest.fixture
def legal(frozen_time, make_holder):
    return make_holder(Role.LEGAL_REVIEWER)


@pytest.fixture
def draft(owner):
    """A draft that excludes one application more."""
    draft = start_draft(by=owner)
    row = draft.applications.captured().first()
    draft.applications.filter(pk=row.pk).update(excluded=True, reason="Too close.", kinds=[])
    return draft


def fresh(version) -> RegisterVersion:
    return RegisterVersion.objects.select_related("based_on").get(pk=version.pk)


@pytest.fixture
def approved(draft, owner, legal):
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="One less.", is_immaterial=False
    )
    return approve_version(version=draft, by=legal, seen=prepared(fresh(draft)).digest)


@pytest.fixture
def published(approved, owner):
    return publish_version(version=approved, by=owner, in_force_at=None)


def text(response) -> str:
    return " ".join(response.content.decode().split())


# The next version


def test_a_version_goes_its_whole_way_on_the_page(client, sign_in, owner, legal):
    page = reverse("register-review")
    sign_in(owner).post(reverse("register-start"))
    draft = RegisterVersion.objects.get(number=2)
    row = draft.applications.captured().first()
    draft.applications.filter(pk=row.pk).update(excluded=True, reason="Too close.", kinds=[])

    shown = text(client.get(page))
    client.post(
        reverse("register-propose"),
        {"summary": "One less.", "seen": draft.drafted_at.isoformat()},
    )
    decided = text(sign_in(legal).get(page))
    seen = prepared(fresh(draft)).digest
    client.post(reverse("register-approve"), {"seen": seen})
    response = sign_in(owner).post(reverse("register-publish"), {"in_force_on": ""}, follow=True)

    assert f'{row.name}<span class="soft small"> Status</span>' in shown
    assert "Collects less" in shown
    assert "Approve version 2" in decided
    assert "Ceilings are signed for every place." in text(response)
    assert current_version().number == 2
    ceiling = ceiling_document(owner.jurisdiction)
    assert ceiling.register == current_version().digest
    assert any(row.slug in (deny.applications or ()) for deny in ceiling.deny)


def test_without_the_programme_key_the_page_says_what_to_do(
    sign_in, owner, approved, settings, tmp_path
):
    create_keys(tmp_path)
    (tmp_path / "programme.key").unlink()
    settings.KEYS_DIR = tmp_path
    before = newest_ceiling(owner.jurisdiction)

    response = sign_in(owner).post(reverse("register-publish"), {}, follow=True)

    assert "manage.py sign_ceilings" in text(response)
    assert current_version().number == 2
    assert newest_ceiling(owner.jurisdiction) == before


def test_legal_sends_back_and_the_owner_reads_why(client, sign_in, owner, legal, draft):
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="One less.", is_immaterial=False
    )

    nothing = sign_in(legal).post(reverse("register-return"), {"reason": ""})
    client.post(reverse("register-return"), {"reason": "Name the reason."})

    assert nothing.status_code == 422
    assert "Name the reason." in text(sign_in(owner).get(reverse("register-review")))


def test_what_changed_meanwhile_is_not_approved(sign_in, legal, owner, draft):
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="One less.", is_immaterial=False
    )

    response = sign_in(legal).post(reverse("register-approve"), {"seen": "sha256:other"})

    assert response.status_code == 409
    assert fresh(draft).state == VersionState.PROPOSED


def test_the_page_of_a_draft_that_somebody_else_wrote_meanwhile_says_so(sign_in, owner, draft):
    stale = (draft.drafted_at - timedelta(seconds=1)).isoformat()

    response = sign_in(owner).post(
        reverse("register-propose"), {"summary": "One less.", "seen": stale}
    )
    discarded = sign_in(owner).post(reverse("register-discard"), {"seen": stale})

    assert (response.status_code, discarded.status_code) == (409, 409)
    assert "Somebody changed this meanwhile." in text(response)


@pytest.mark.parametrize("seen", ["", "yesterday", "2026-11-23T12:00:00"])
def test_a_form_without_what_was_seen_is_no_form_of_ours(sign_in, owner, draft, seen):
    response = sign_in(owner).post(reverse("register-discard"), {"seen": seen})

    assert response.status_code == 400


def test_a_day_that_is_too_early_is_refused(sign_in, owner, legal):
    draft = start_draft(by=owner)
    draft.kinds.filter(code="keystrokes").update(retention_days=60)
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="Longer.", is_immaterial=False
    )
    approve_version(version=draft, by=legal, seen=prepared(fresh(draft)).digest)
    client = sign_in(owner)
    early, late = (timezone.localdate() + timedelta(days=days) for days in (13, 15))

    refused = client.post(reverse("register-publish"), {"in_force_on": early.isoformat()})
    empty = client.post(reverse("register-publish"), {})
    done = client.post(reverse("register-publish"), {"in_force_on": late.isoformat()})

    assert (refused.status_code, empty.status_code, done.status_code) == (409, 422, 302)
    assert "People have to be told earlier than that." in text(refused)
    announced = text(client.get(reverse("register")))
    assert "version 2 is in force: Longer." in announced


def test_only_those_who_prepare_or_oversee_see_a_draft(sign_in, make_holder, draft):
    for role in Role:
        response = sign_in(make_holder(role)).get(reverse("register-review"))
        may = role in (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR)
        assert response.status_code == (200 if may else 403)


def test_a_draft_is_no_version_to_anybody_else(sign_in, make_employee, draft):
    response = sign_in(make_employee()).get(reverse("register-version", args=[draft.number]))

    assert response.status_code == 404


def test_the_notices_of_a_draft_stand_there_as_people_will_read_them(
    sign_in, draft, legal, make_employee
):
    RegisterVersion.objects.filter(pk=draft.pk).update(
        notice_fields=draft.notice_fields | {"connecticut": "Only <clicks>."}
    )
    address = reverse("register-notices")

    page = text(sign_in(legal).get(address))

    assert "Only &lt;clicks&gt;." in page
    assert page.count("Same words") == 6
    assert page.count("Other words") == 1
    assert sign_in(make_employee()).get(address).status_code == 403


def needs(client, person) -> str:
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return text(client.get(reverse("home")))


def test_home_says_whose_step_is_next(client, draft, owner, legal):
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="One less.", is_immaterial=False
    )
    assert "Version 2 of the register waits for legal to decide." in needs(client, legal)
    assert "Version 2 of the register" not in needs(client, owner)

    return_version(version=draft, by=legal, reason="Say why.")
    assert "Version 2 of the register came back from legal" in needs(client, owner)
    assert "Version 2 of the register" not in needs(client, legal)


def test_home_says_that_an_approved_one_can_be_published(client, approved, owner, legal):
    assert "Version 2 of the register is approved and can be published." in needs(client, owner)
    assert "Version 2 of the register" not in needs(client, legal)


# Published versions


def test_everybody_reads_every_version_and_what_it_changed(sign_in, make_employee, published):
    client = sign_in(make_employee())

    listed = text(client.get(reverse("register-versions")))
    second = text(client.get(reverse("register-version", args=[2])))
    first = text(client.get(reverse("register-version", args=[1])))

    assert "One less." in listed
    assert "What changed from version 1" in second
    assert "Too close." in second
    assert re.search(r"It was in force from .* until .*Version 2</a> took its place", first)
    assert "Proposed by" in second
    assert "of legal," in second
    assert "It collects no more." in second
    assert "Protected in every application" in second
    assert "Collects no more" in listed


def test_where_not_every_kind_is_collected_the_pages_name_those_that_are(
    sign_in, make_employee, draft, owner, legal
):
    some = draft.applications.captured().first()
    draft.applications.filter(pk=some.pk).update(kinds=["mouse_click"])
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary="Less.", is_immaterial=False
    )
    approve_version(version=draft, by=legal, seen=prepared(fresh(draft)).digest)
    publish_version(version=draft, by=owner, in_force_at=None)
    client = sign_in(make_employee())

    page = text(client.get(reverse("register"), {"search": some.name}))
    version = text(client.get(reverse("register-version", args=[2])))

    assert "Collected: Mouse clicks" in page
    assert f"<li>{escape(some.name)}: Mouse clicks</li>" in version


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-22", "version 1</a> was in force"),
        ("2026-11-23", "version 2</a> will be in force, by what is published now"),
        ("2030-01-01", "version 2</a> will be in force, by what is published now"),
        ("2020-01-01", "no version was in force, so nothing was collected"),
    ],
)
def test_the_version_of_a_day_is_found(sign_in, make_employee, published, day, words):
    page = sign_in(make_employee()).get(reverse("register-versions"), {"on": day})

    assert words in text(page)


@pytest.mark.parametrize("day", ["soon", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_is_said(sign_in, make_employee, published, day):
    page = sign_in(make_employee()).get(reverse("register-versions"), {"on": day})

    assert page.status_code == 422
    assert "Choose a day" in text(page)


def test_what_changed_is_shown_since_the_reader_last_read(sign_in, make_employee, published):
    mira = make_employee()
    client = sign_in(mira)
    address = reverse("register-changes")

    unread = text(client.get(address))
    read(mira, 1)
    behind = text(client.get(address))
    read(mira, 2)
    up_to_date = text(client.get(address))

    assert "You have not said yet that you read a notice" in unread
    assert "This is what version 2 changes." in unread
    assert "Too close." in unread
    assert "You last read version 1." in behind
    assert "Too close." in behind
    assert "You read version 2, and there is none after it." in up_to_date


def test_reading_the_notice_of_a_version_moves_what_is_new_on(
    sign_in, make_employee, published, publish
):
    """Also where its text is that of the version before, as when only an application changes."""
    client, address = sign_in(make_employee()), reverse("register-changes")
    publish(in_force_at=timezone.now() + timedelta(days=14), widens=True)
    shown = reverse("notice-version", args=[3])
    digest = Notice.objects.get(version__number=3, form=NoticeForm.CALIFORNIA).digest

    page = text(client.get(shown))
    response = client.post(
        reverse("notice-read"), {"digest": digest, "version": "3", "next": shown}
    )

    assert "in force from" in page
    assert response.url == shown
    assert "I have read it" not in text(client.get(shown))
    assert "You read version 3, and there is none after it." in text(client.get(address))


@pytest.mark.parametrize("version", ["0", "-1", "x", "9" * 400, "\u00b2"])
def test_a_version_that_is_none_is_not_read(sign_in, make_employee, published, version):
    digest = Notice.objects.get(version__number=2, form=NoticeForm.CALIFORNIA).digest

    answer = sign_in(make_employee()).post(
        reverse("notice-read"), {"digest": digest, "version": version}
    )

    assert answer.status_code in {302, 409}
    assert not NoticeRecord.objects.exclude(notice__version__number=2).exists()


def read(person, number: int) -> None:
    notice = Notice.objects.filter(version__number=number).first()
    NoticeRecord.objects.create(
        notice=notice, employee=person, stage=NoticeStage.READ, at=timezone.now(),
        digest=notice.digest, language="en",
    )  # fmt: skip


def test_everybody_is_told_once(published, make_employee, frozen_time, monkeypatch):
    monkeypatch.setattr("consent_app.register.actions.announcing.AT_ONCE", 2)
    people = Notification.objects.filter(event="register_published")

    told = announce_newest()
    later = make_employee(joined_at=timezone.now() + timedelta(hours=1))

    assert told == people.count() >= 2
    assert announce_newest() == 0
    assert not people.filter(recipient=later).exists()
    frozen_time.shift(timedelta(days=8))
    people.delete()
    assert announce_newest() == 0
