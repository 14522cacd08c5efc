"""Beginning a draft: it takes over all that the last published version says, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from consent_app.audit.models import Leaf
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.drafts import start_draft
from consent_app.register.diff import diff
from consent_app.register.errors import DraftExists, NotProgrammeOwner
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.review import snapshot


@pytest.fixture
def owner(published, make_employee):
    person = make_employee("Programme owner")
    person.groups.add(ensure_roles()[Role.PROGRAMME_OWNER])
    return person


def test_a_draft_says_all_that_the_version_before_says(owner, published):
    draft = start_draft(by=owner)

    assert (draft.number, draft.based_on, draft.drafted_by) == (2, published, owner)
    assert diff(snapshot(published), snapshot(draft)) == []
    assert [part.count() for part in (draft.kinds, draft.safeguards)] == [3, 55]
    assert draft.applications.count() == published.applications.count() == 522
    assert Leaf.objects.order_by("index").last().event == "register.draft_started"


def test_copying_takes_the_same_questions_however_much_there_is(
    owner, django_assert_max_num_queries
):
    with django_assert_max_num_queries(19):
        start_draft(by=owner)


def test_a_second_draft_is_refused(owner):
    start_draft(by=owner)

    with pytest.raises(DraftExists):
        start_draft(by=owner)

    assert RegisterVersion.objects.count() == 2


def test_nobody_else_begins_one(published, make_employee):
    with pytest.raises(NotProgrammeOwner):
        start_draft(by=make_employee())

    assert RegisterVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_begin_at_once_make_one_draft(owner):
    def begin(_: int) -> str:
        try:
            start_draft(by=owner)
        except DraftExists:
            return "refused"
        finally:
            connection.close()
        return "begun"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(begin, range(2)))

    assert outcomes == ["begun", "refused"]
    assert RegisterVersion.objects.count() == 2
