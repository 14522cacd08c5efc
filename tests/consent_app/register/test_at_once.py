"""Two people act on one version in the same moment: one is first, and nothing is half done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from consent_app.audit.models import Leaf
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.editing import save_words
from consent_app.register.actions.review import (
    approve_version,
    propose_version,
    publish_version,
    return_version,
)
from consent_app.register.errors import (
    DraftWithLegal,
    SomebodyWroteMeanwhile,
    WrongVersionState,
)
from consent_app.register.models import Notice, RegisterVersion, VersionState
from consent_app.register.queries.review import prepared
from portal.lib.refusals import Refusal
from tests.consent_app.register.drafting import fresh

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal(make_employee, owner):
    person = make_employee("Legal")
    person.groups.add(ensure_roles()[Role.LEGAL_REVIEWER])
    return person


@pytest.fixture
def written(draft) -> RegisterVersion:
    """A draft that collects from one application less."""
    draft.applications.captured().first().delete()
    return fresh(draft)


@pytest.fixture
def proposed(written, owner) -> RegisterVersion:
    propose_version(
        draft=written, by=owner, seen=written.drafted_at, summary="Less.", is_immaterial=False
    )
    return fresh(written)


def at_once(*acts: Callable[[], object]) -> list[type[Refusal] | None]:
    """Do all of it in the same moment; return the refusal of each, or None."""
    begin = Barrier(len(acts))

    def run(act: Callable[[], object]) -> type[Refusal] | None:
        try:
            begin.wait()
            act()
        except Refusal as refusal:
            return type(refusal)
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_a_version_is_published_once(proposed, owner, legal):
    approve_version(version=proposed, by=legal, seen=prepared(proposed).digest)

    outcomes = at_once(*[lambda: publish_version(version=proposed, by=owner, in_force_at=None)] * 4)

    assert outcomes.count(None) == 1
    assert set(outcomes) == {None, WrongVersionState}
    assert Leaf.objects.filter(event="register.published").count() == 2  # with the first version
    assert Notice.objects.filter(version=proposed).count() == 7


def test_what_is_taken_back_while_legal_approves_is_a_draft(proposed, owner, legal):
    seen = prepared(proposed).digest

    approved, taken_back = at_once(
        lambda: approve_version(version=proposed, by=legal, seen=seen),
        lambda: return_version(version=proposed, by=owner, reason="A slip."),
    )

    assert taken_back is None
    assert approved in {None, WrongVersionState}
    left = fresh(proposed)
    assert (left.state, left.approved_by) == (VersionState.DRAFT, None)


def test_an_edit_comes_before_a_proposal_or_not_at_all(written, owner):
    proposed, saved = at_once(
        lambda: propose_version(
            draft=written, by=owner, seen=written.drafted_at, summary="Less.", is_immaterial=False
        ),
        lambda: save_words(
            draft=written, by=owner, seen=written.drafted_at,
            purpose="Anything.", limits=written.limits, readers=(), never_collected=(),
        ),
    )  # fmt: skip

    left = fresh(written)
    if saved is None:
        # On a clock that stands still both saw the draft as it was; then the proposal has the edit.
        assert proposed in {None, SomebodyWroteMeanwhile}
        assert left.purpose == "Anything."
    else:
        assert saved is DraftWithLegal
        assert (left.state, left.purpose) == (VersionState.PROPOSED, written.purpose)
