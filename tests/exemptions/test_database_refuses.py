"""What the database refuses whoever writes: the rules hold for code that forgot them, too."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from exemptions.actions import decisions, drafts, submission
from exemptions.models import (
    Decision,
    ExemptionRequest,
    Message,
    State,
    Verdict,
)
from exemptions.queries import own
from exemptions.rules import TRANSITIONS
from tests.conftest import NOON
from tests.exemption_fixtures import ORDINARY, SENSITIVE, TWO_PEOPLE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")
TABLE = "exemptions_exemptionrequest"


def run(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def refuses(match):
    return pytest.raises(IntegrityError, match=match)


def decide(request, by, verdict=Verdict.APPROVE, **words):
    return decisions.decide(
        request=request, by=by, seen=fresh(request).version, verdict=verdict, **words
    )


def word(request, by, **fields):
    """Write a decision as code that checks nothing would."""
    asked = request.asked
    values = {
        "request": request, "step": own.open_step(request), "by": by,
        "verdict": Verdict.APPROVE, "text": b"", "saw": {}, "decided_at": NOON,
        "applications": request.applications, "kinds": request.kinds,
        "starts_on": asked.starts_on, "ends_on": asked.ends_on, "review_on": asked.review_on,
    }  # fmt: skip
    with transaction.atomic():
        return Decision.objects.create(**values | fields)


@pytest.mark.parametrize("before", State.values)
def test_states_change_as_the_rules_say_and_no_other_way(make_request, before):
    request = make_request()
    be(request, before)

    allowed = {after for after in State.values if goes_to(request, after)}

    assert allowed == TRANSITIONS[before] | {before}
    assert set(TRANSITIONS) == set(State.values)


def be(request, state):
    """Put a request into a state that it did not reach, with what else the state asks for off."""
    constraints = ("granted_has_restriction", "protected_while_pending", "revoked_was_granted")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT request_{constraint}")
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER exemptions_check_state")
        cursor.execute(f"UPDATE {TABLE} SET state = %s WHERE id = %s", [state, request.pk])
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER exemptions_check_state")


def goes_to(request, after):
    """Whether the trigger lets the state change, apart from who has to have decided so."""
    point = transaction.savepoint_create()
    try:
        run(f"UPDATE {TABLE} SET state = %s WHERE id = %s", after, request.pk)
    except IntegrityError as error:
        return "nobody has decided so" in str(error)
    finally:
        transaction.savepoint_rollback(point)
    return True


def test_request_begins_as_a_draft(make_draft):
    draft = make_draft()

    draft.pk, draft.state = uuid.uuid4(), State.IN_REVIEW
    with refuses("begins as a draft"), transaction.atomic():
        draft.save(force_insert=True)


def test_request_is_as_confidential_as_its_grounds(grounds, organisation):
    with refuses("how confidential"), transaction.atomic():
        ExemptionRequest.objects.create(
            requester=organisation.mira, ground=grounds[SENSITIVE], is_sensitive=False,
            created_at=NOON,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [("requester_id", "noor"), ("is_sensitive", True), ("ground_id", SENSITIVE)],
)
def test_whose_and_on_what_grounds_never_changes(make_draft, organisation, column, value):
    draft = make_draft()
    value = organisation.noor.pk if value == "noor" else value

    with refuses("never changes"):
        run(f"UPDATE {TABLE} SET {column} = %s WHERE id = %s", value, draft.pk)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("applications", ["slack"]),
        ("kinds", ["keystrokes"]),
        ("starts_on", "2026-11-24"),
        ("ends_on", None),
        ("review_on", "2026-12-24"),
        ("submitted_at", "2026-11-22T00:00Z"),
        ("created_at", "2026-11-22T00:00Z"),
        ("route_id", "other"),
    ],
)
def test_what_was_asked_for_never_changes_once_sent(make_request, grounds, column, value):
    request = make_request()
    value = grounds[SENSITIVE].routes.get().pk if value == "other" else value

    with refuses("never changes once sent"):
        run(f"UPDATE {TABLE} SET {column} = %s WHERE id = %s", value, request.pk)


def test_sent_request_is_never_deleted(make_request):
    request = make_request()

    with refuses("never deleted"):
        run(f"DELETE FROM {TABLE} WHERE id = %s", request.pk)


@pytest.mark.parametrize("change", ["UPDATE {} SET {} = ''", "DELETE FROM {}"])
def test_what_was_sent_never_changes(make_draft, change):
    draft = make_draft()
    drafts.attach_file(request=draft, name="a.txt", content=b"words")
    submission.submit_request(request=draft, by=draft.requester)

    for table, column in (("exemptions_message", "text"), ("exemptions_attachment", "content")):
        with refuses("what was sent never changes"):
            run(change.format(table, column))


def test_draft_can_be_written_anew_and_discarded(make_draft):
    draft = make_draft()
    drafts.write_statement(request=draft, text="Another.")

    drafts.discard_draft(request=draft)

    assert not ExemptionRequest.objects.exists()
    assert not Message.objects.exists()


def test_nobody_decides_on_their_own(make_request, organisation):
    request = make_request(organisation.hr[0])

    with refuses("their own request"):
        word(request, organisation.hr[0])
    with refuses("their own request"):
        word(request, organisation.hr[1], on_behalf_of=organisation.hr[0])


def test_manager_decides_on_nothing_confidential(make_request, organisation):
    with refuses("the line manager does not decide"):
        word(make_request(ground=SENSITIVE), organisation.jonas)


def test_nobody_decides_twice(make_request, organisation):
    request = make_request(ground=TWO_PEOPLE)
    word(request, organisation.legal[0])

    with refuses("decision_one_per_person"):
        word(request, organisation.legal[0])


def test_nobody_decides_on_a_closed_step(make_request, organisation):
    request = make_request()
    step = own.open_step(request)
    decide(request, organisation.jonas)

    with refuses("an open step of its request"):
        word(request, organisation.hr[0], step=step)


def test_nobody_decides_on_the_step_of_another_request(make_request, organisation):
    other = own.open_step(make_request(organisation.noor))

    with refuses("an open step of its request"):
        word(make_request(), organisation.hr[0], step=other)


@pytest.mark.parametrize(
    "wider",
    [
        {"applications": None},
        {"applications": ["slack", "zoom"]},
        {"kinds": None},
        {"kinds": ["mouse_click"]},
        {"starts_on": NOON.date() - timedelta(days=1)},
        {"ends_on": NOON.date() + timedelta(days=99)},
        {"ends_on": None, "review_on": NOON.date()},
    ],
)
def test_no_decision_is_wider_than_what_was_asked(make_draft, organisation, wider):
    draft = make_draft()
    ExemptionRequest.objects.filter(pk=draft.pk).update(
        applications=["slack"], kinds=["keystrokes"]
    )
    ExemptionRequest.objects.filter(pk=draft.pk).update(
        state=State.IN_REVIEW, submitted_at=NOON, route=draft.ground.routes.get()
    )
    request = fresh(draft)
    request.steps.create(
        position=1, reviewer="manager", people=1, target_days=1, grace_days=0, opened_at=NOON,
        due_at=NOON, remind_at=NOON,
    )  # fmt: skip

    with refuses("nothing stand that was not asked for"):
        word(request, organisation.jonas, **wider)
    assert word(request, organisation.jonas)


def test_decision_never_changes(make_request, organisation):
    decide(make_request(), organisation.jonas)

    for change in ("UPDATE exemptions_decision SET text = ''", "DELETE FROM exemptions_decision"):
        with refuses("a decision never changes"):
            run(change)


@pytest.mark.parametrize("words", [{"code": ""}, {"code": "ground_not_met", "verdict": "approve"}])
def test_decline_has_a_code_and_nothing_else_has(make_request, organisation, words):
    with refuses("decision_declines_with_a_code"):
        word(make_request(), organisation.jonas, **{"verdict": "decline"} | words)


@pytest.mark.parametrize("state", [State.APPROVED, State.PARTLY_APPROVED])
def test_nothing_is_approved_without_its_restriction(make_request, organisation, state):
    request = make_request()
    word(request, organisation.jonas)

    with refuses("request_granted_has_restriction"):
        run(f"UPDATE {TABLE} SET state = %s, protection_id = NULL WHERE id = %s", state, request.pk)


@pytest.mark.parametrize("state", [State.APPROVED, State.DECLINED])
def test_nothing_is_decided_that_nobody_decided(make_request, state):
    request = make_request()

    with refuses("nobody has decided so"):
        run(
            f"UPDATE {TABLE} SET state = %s, exemption_id = protection_id, protection_id = NULL, "
            "granted_starts_on = starts_on WHERE id = %s",
            state, request.pk,
        )  # fmt: skip


def test_nothing_is_declined_that_was_only_approved(make_request, organisation):
    request = make_request()
    word(request, organisation.jonas)

    with refuses("nobody has decided so"):
        run(
            f"UPDATE {TABLE} SET state = 'declined', protection_id = NULL WHERE id = %s", request.pk
        )


def test_what_is_decided_protects_no_longer(make_request, organisation):
    request = make_request()

    with refuses("request_protected_while_pending"):
        run(f"UPDATE {TABLE} SET state = 'withdrawn' WHERE id = %s", request.pk)


def test_same_scope_is_protected_once(make_request):
    first, second = make_request(ground=SENSITIVE), make_request(ground=ORDINARY)

    with refuses("request_one_protection_per_scope"):
        run(
            f"UPDATE {TABLE} SET protected_scope = %s WHERE id = %s",
            first.protected_scope, second.pk,
        )  # fmt: skip


def test_one_step_is_open(make_request):
    request = make_request()

    with refuses("step_one_open"), transaction.atomic():
        request.steps.create(
            position=2, reviewer="hr_reviewer", people=1, target_days=1, grace_days=0,
            opened_at=NOON, due_at=NOON, remind_at=NOON,
        )  # fmt: skip


def test_confidential_grounds_stay_so_and_have_no_manager(grounds):
    with refuses("how confidential grounds are"):
        run("UPDATE exemptions_ground SET is_sensitive = false WHERE slug = %s", SENSITIVE)
    route = grounds[SENSITIVE].routes.create(
        version=2, state="draft", protects_while_pending=True, appeal_reviewer="legal_reviewer",
        drafted_by_id=grounds[SENSITIVE].routes.get().drafted_by_id, drafted_at=NOON,
    )  # fmt: skip
    with refuses("no step on confidential grounds"), transaction.atomic():
        route.steps.create(position=1, reviewer="manager", people=1, target_days=1, grace_days=0)


def test_route_in_force_never_changes(grounds):
    with refuses("only while it is a draft"):
        run("UPDATE exemptions_routestep SET people = 1")
