"""Legal stands by every fact of what is added, and by no fact that came afterwards."""

import pytest

from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.review import approve_version, propose_version, return_version
from consent_app.register.errors import NotImmaterial, SomebodyWroteMeanwhile
from consent_app.register.models import Application, DataKind, RegisterVersion, Safeguard
from consent_app.register.queries.review import prepared
from tests.consent_app.register.drafting import fresh


@pytest.fixture
def legal(make_employee, owner):
    person = make_employee("Legal")
    person.groups.add(ensure_roles()[Role.LEGAL_REVIEWER])
    return person


@pytest.fixture
def acme(draft) -> Application:
    return Application.objects.create(
        version=draft, slug="acme", name="Acme", vendor="Acme Inc", category="documents_notes",
        domains=["acme.example"], communication=False, sensitivity="none", excluded=False,
        kinds=["mouse_click", "keystrokes"], source="Its maker.",
    )  # fmt: skip


@pytest.fixture
def clipboard(draft) -> DataKind:
    return DataKind.objects.create(
        version=draft, code="clipboard", name="Clipboard", explanation="What is copied.",
        retention_days=10, retention_reason="No longer.", position=9,
    )  # fmt: skip


@pytest.fixture
def project(draft) -> Safeguard:
    return Safeguard.objects.create(
        version=draft, safeguard_id="project-x", protects="secret_project", detector="regex",
        pattern="Project X", validator="none", action="mask_text", explanation="Names of projects",
    )  # fmt: skip


def propose(draft, owner, *, summary="One more.", is_immaterial=False):
    draft = fresh(draft)
    propose_version(
        draft=draft, by=owner, seen=draft.drafted_at, summary=summary, is_immaterial=is_immaterial
    )


def whole(draft, key: str) -> str:
    [change] = [change for change in prepared(fresh(draft)).changes if change.key == key]
    return change.after or change.before


def test_an_application_that_is_added_is_shown_with_every_fact(draft, acme):
    assert whole(draft, "acme").splitlines() == [
        "collected: Keystrokes, Mouse clicks",
        "Addresses: acme.example",
        "Vendor: Acme Inc",
        "Category: Documents and notes",
        "Other people's words: no",
        "Sensitivity: nothing in particular",
        "Names verified: no",
        "Where its names come from: Its maker.",
    ]


def test_an_application_that_is_taken_out_is_shown_as_it_was(draft):
    gone = draft.applications.captured().first()
    gone.delete()

    assert f"Vendor: {gone.vendor}" in whole(draft, gone.slug)


def test_a_kind_that_is_added_says_how_long_it_is_kept(draft, clipboard):
    assert whole(draft, "clipboard").splitlines() == [
        "What is copied.",
        "Kept for 10 days: No longer.",
        "Code: clipboard",
    ]


def test_a_safeguard_that_is_added_says_what_it_looks_for(draft, project):
    assert "Looks at regex: Project X" in whole(draft, "project-x")


@pytest.mark.parametrize(
    ("thing", "other"),
    [
        ("acme", {"domains": ["acme.example", "private.example"]}),
        ("acme", {"kinds": ["mouse_click"]}),
        ("acme", {"communication": True}),
        ("clipboard", {"retention_days": 3650}),
        ("clipboard", {"explanation": "All that is copied."}),
        ("project", {"pattern": "Nothing"}),
        ("project", {"action": "drop_event"}),
    ],
)
def test_a_fact_that_changes_after_legal_looked_is_not_approved(
    draft, owner, legal, thing, other, request
):
    added = request.getfixturevalue(thing)
    propose(draft, owner)
    seen = prepared(fresh(draft)).digest

    return_version(version=draft, by=owner, reason="A slip.")
    type(added).objects.filter(pk=added.pk).update(**other)
    propose(draft, owner)

    with pytest.raises(SomebodyWroteMeanwhile):
        approve_version(version=draft, by=legal, seen=seen)
    assert fresh(draft).approved_by is None


def test_what_staff_will_read_of_it_is_approved_too(draft, acme, owner, legal):
    propose(draft, owner, summary="One more application.")
    seen = prepared(fresh(draft)).digest

    return_version(version=draft, by=owner, reason="A slip.")
    propose(draft, owner, summary="Only spelling.")

    with pytest.raises(SomebodyWroteMeanwhile):
        approve_version(version=draft, by=legal, seen=seen)


def test_another_order_of_readers_is_another_text_to_approve(draft, acme):
    before = prepared(fresh(draft)).digest

    RegisterVersion.objects.filter(pk=draft.pk).update(readers=draft.readers[::-1])

    assert prepared(fresh(draft)).digest != before


def test_a_sentence_more_is_never_called_spelling(draft, owner):
    RegisterVersion.objects.filter(pk=draft.pk).update(
        limits=f"{draft.limits} Appraisals may use them."
    )

    with pytest.raises(NotImmaterial):
        propose(draft, owner, is_immaterial=True)


def test_a_denial_less_is_never_called_spelling(draft, owner):
    RegisterVersion.objects.filter(pk=draft.pk).update(
        limits=draft.limits.replace("They are not sold.", "They are sold.")
    )

    with pytest.raises(NotImmaterial):
        propose(draft, owner, is_immaterial=True)
