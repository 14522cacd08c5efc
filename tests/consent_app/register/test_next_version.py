"""The way of a version: drafted, proposed, approved by somebody else, published in time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.drafts import discard_draft, editing, start_draft
from consent_app.register.actions.review import (
    approve_version,
    propose_version,
    publish_version,
    return_version,
)
from consent_app.register.diff import Effect, Part
from consent_app.register.errors import (
    DraftExists,
    DraftWithLegal,
    NothingChanged,
    NotImmaterial,
    NotLegal,
    NotProgrammeOwner,
    NotReady,
    ReasonMissing,
    SamePerson,
    SomebodyWroteMeanwhile,
    TooEarly,
    TooLate,
    WrongVersionState,
)
from consent_app.register.models import RegisterVersion, VersionState
from consent_app.register.queries import current_version, upcoming_versions
from consent_app.register.queries.review import draft_in_preparation, prepared


@pytest.fixture
def make_holder(make_employee, ceilings):
    def make(role: Role):
        person = make_employee(role.label)
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
def draft(frozen_time, owner):
    return start_draft(by=owner)


def fresh(version) -> RegisterVersion:
    return RegisterVersion.objects.select_related("based_on").get(pk=version.pk)


def include(draft) -> str:
    """Let the draft collect from something that was excluded; return its slug."""
    row = draft.applications.excluded().exclude(slug="consent-portal").last()
    draft.applications.filter(pk=row.pk).update(excluded=False, reason="", kinds=["mouse_click"])
    return row.slug


def exclude(draft) -> None:
    row = draft.applications.captured().first()
    draft.applications.filter(pk=row.pk).update(excluded=True, reason="Too close.", kinds=[])


def spell(draft, **texts) -> None:
    RegisterVersion.objects.filter(pk=draft.pk).update(**texts)


def propose(draft, owner, *, is_immaterial=False):
    return propose_version(
        draft=draft,
        by=owner,
        seen=fresh(draft).drafted_at,
        summary="One more.",
        is_immaterial=is_immaterial,
    )


def approve(draft, legal):
    return approve_version(version=draft, by=legal, seen=prepared(fresh(draft)).digest)


# Drafts


def test_a_draft_says_what_is_in_force(draft):
    in_force = current_version()

    assert draft.number == in_force.number + 1
    assert draft.notice_fields == in_force.notice_fields
    assert draft.applications.count() == in_force.applications.count() > 1
    assert draft.safeguards.count() == in_force.safeguards.count() > 1
    assert prepared(fresh(draft)).changes == []


def test_there_is_one_draft_and_the_owner_begins_it(draft, owner, legal):
    with pytest.raises(DraftExists):
        start_draft(by=owner)
    with pytest.raises(NotProgrammeOwner):
        start_draft(by=legal)


def test_a_draft_is_discarded_by_whoever_saw_it_last(draft, owner, frozen_time):
    seen = draft.drafted_at
    frozen_time.shift(5)
    with editing(draft=draft, by=owner, seen=seen) as locked:
        locked.purpose = "Other."

    with pytest.raises(SomebodyWroteMeanwhile):
        discard_draft(draft=draft, by=owner, seen=seen)
    discard_draft(draft=draft, by=owner, seen=fresh(draft).drafted_at)

    assert draft_in_preparation() is None
    assert start_draft(by=owner).number == draft.number


# To legal and back


def test_what_says_the_same_is_not_proposed(draft, owner):
    with pytest.raises(NothingChanged):
        propose(draft, owner)


def test_a_proposal_needs_a_sentence(draft, owner):
    exclude(draft)

    with pytest.raises(ReasonMissing):
        propose_version(
            draft=draft, by=owner, seen=draft.drafted_at, summary=" ", is_immaterial=False
        )


def test_what_is_with_legal_is_not_written(draft, owner, legal):
    exclude(draft)
    propose(draft, owner)

    with pytest.raises(DraftWithLegal), editing(draft=draft, by=owner, seen=draft.drafted_at):
        pass
    assert Notification.objects.filter(event="register_proposed", recipient=legal).exists()


def test_legal_sends_it_back_with_a_reason(draft, owner, legal):
    exclude(draft)
    propose(draft, owner)

    with pytest.raises(ReasonMissing):
        return_version(version=draft, by=legal, reason="")
    return_version(version=draft, by=legal, reason="Say why.")

    back = fresh(draft)
    assert (back.state, back.sent_back_reason) == (VersionState.DRAFT, "Say why.")
    assert Notification.objects.filter(event="register_returned", recipient=owner).exists()
    with pytest.raises(WrongVersionState):
        approve(draft, legal)


def test_an_approved_one_can_come_back_too(draft, owner, legal):
    exclude(draft)
    propose(draft, owner)
    approve(draft, legal)

    return_version(version=draft, by=owner, reason="A slip.")

    assert fresh(draft).approved_by is None


def test_two_people_stand_by_a_version(draft, owner, legal, make_employee):
    owner.groups.add(ensure_roles()[Role.LEGAL_REVIEWER])
    del owner.roles
    exclude(draft)
    propose(draft, owner)

    with pytest.raises(SamePerson):
        approve(draft, owner)
    with pytest.raises(NotLegal):
        approve(draft, make_employee())
    approve(draft, legal)

    assert fresh(draft).approved_by == legal


def test_legal_approves_what_they_saw(draft, owner, legal):
    exclude(draft)
    propose(draft, owner)
    seen = prepared(fresh(draft)).digest
    return_version(version=draft, by=owner, reason="More.")
    include(draft)
    propose(draft, owner)

    with pytest.raises(SomebodyWroteMeanwhile):
        approve_version(version=draft, by=legal, seen=seen)


# In force


def test_what_narrows_holds_at_once(draft, owner, legal):
    exclude(draft)
    propose(draft, owner)
    approve(draft, legal)

    publish_version(version=draft, by=owner, in_force_at=None)

    assert current_version() == draft
    published = Leaf.objects.filter(event="register.published").latest("index")
    assert published.details.content["version"] == draft.number


def test_a_version_that_holds_only_in_years_is_not_published(draft, owner, legal, frozen_time):
    include(draft)
    propose(draft, owner)
    approve(draft, legal)
    earliest = timezone.now() + timedelta(days=14)

    with pytest.raises(TooLate):
        publish_version(
            version=draft, by=owner, in_force_at=earliest + timedelta(days=366, seconds=1)
        )

    assert upcoming_versions(at=timezone.now()) == []
    publish_version(version=draft, by=owner, in_force_at=earliest + timedelta(days=366))


def test_what_widens_is_announced_for_two_weeks(draft, owner, legal, frozen_time):
    slug = include(draft)
    assert propose(draft, owner).widens
    approve(draft, legal)
    now = timezone.now()

    for too_early in (None, now + timedelta(days=13, hours=23)):
        with pytest.raises(TooEarly):
            publish_version(version=draft, by=owner, in_force_at=too_early)
    publish_version(version=draft, by=owner, in_force_at=now + timedelta(days=14))

    assert current_version().number == draft.number - 1
    assert upcoming_versions(at=now) == [draft]
    frozen_time.shift(timedelta(days=14))
    assert current_version().applications.captured().filter(slug=slug).exists()


def test_other_words_count_as_wider_until_two_people_call_them_a_slip(draft, owner, legal):
    spell(draft, purpose=draft.purpose.replace("The programme", "This programme"))

    assert propose(draft, owner).widens
    return_version(version=draft, by=legal, reason="Only a word.")
    assert not propose(draft, owner, is_immaterial=True).widens
    approve(draft, legal)
    publish_version(version=draft, by=owner, in_force_at=None)

    notices = {notice.form: notice for notice in draft.notices.all()}
    before = {notice.form: notice for notice in draft.based_on.notices.all()}
    assert all(notices[form].digest != before[form].digest for form in notices)
    assert all(notices[form].asks_since == before[form].asks_since for form in notices)


def test_one_character_more_asks_everybody_again(draft, owner, legal, frozen_time):
    spell(draft, purpose=f"{draft.purpose}!")
    propose(draft, owner)
    approve(draft, legal)

    publish_version(version=draft, by=owner, in_force_at=timezone.now() + timedelta(days=14))

    assert {notice.asks_since for notice in draft.notices.all()} == {draft.number}


def test_what_collects_more_is_never_called_a_slip(draft, owner):
    include(draft)

    with pytest.raises(NotImmaterial):
        propose(draft, owner, is_immaterial=True)


def test_what_a_law_asks_for_blocks_until_it_is_written(draft, owner, legal):
    exclude(draft)
    spell(draft, notice_fields=draft.notice_fields | {"new_york": "Nothing to see.", "contact": ""})
    propose(draft, owner)
    approve(draft, legal)

    with pytest.raises(NotReady) as refusal:
        publish_version(version=draft, by=owner, in_force_at=timezone.now() + timedelta(days=30))

    assert any("52-c" in problem for problem in refusal.value.problems)
    assert any("Where questions go" in problem for problem in refusal.value.problems)


def test_nobody_publishes_before_legal(draft, owner, legal):
    exclude(draft)
    with pytest.raises(WrongVersionState):
        publish_version(version=draft, by=owner, in_force_at=None)
    propose(draft, owner)
    with pytest.raises(WrongVersionState):
        publish_version(version=draft, by=owner, in_force_at=None)
    approve(draft, legal)
    with pytest.raises(NotProgrammeOwner):
        publish_version(version=draft, by=legal, in_force_at=None)


# What a change does


def test_every_change_says_what_it_does(draft):
    wider = include(draft)
    exclude(draft)
    draft.kinds.filter(code="keystrokes").update(retention_days=31)
    draft.kinds.filter(code="mouse_click").update(retention_days=7)
    gone = draft.safeguards.first()
    gone.delete()
    spell(draft, readers=[*draft.readers, {"who": "A vendor", "why": "To help."}])

    changes = {
        (change.part, change.key, change.field): change.effect
        for change in prepared(fresh(draft)).changes
    }

    assert changes[Part.APPLICATIONS, wider, "Status"] is Effect.WIDENS
    assert changes[Part.KINDS, "keystrokes", "Kept for, in days"] is Effect.WIDENS
    assert changes[Part.KINDS, "mouse_click", "Kept for, in days"] is Effect.NARROWS
    assert changes[Part.SAFEGUARDS, gone.safeguard_id, ""] is Effect.WIDENS
    assert changes[Part.READERS, "A vendor", ""] is Effect.WIDENS
    why = [change for change in changes if change[2] == "Why it is excluded"]
    assert [changes[change] for change in why] == [Effect.NEITHER] * 2
    assert len(changes) == 6 + len(why)
