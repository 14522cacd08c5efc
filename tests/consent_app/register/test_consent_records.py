"""A free choice is kept as a consent record; a no, and taking a yes back, are as good as a yes."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from consent_app.audit.models import Leaf
from consent_app.register.actions import notices
from consent_app.register.consent_record import CONTEXT
from consent_app.register.errors import NoChoiceHere, NoticeChanged
from consent_app.register.models import ConsentRecord
from consent_app.register.queries import newest_choice, notice_standing, notice_to_choose_on
from tests.conftest import NOON
from tests.notice_fixtures import ASKING, CHOOSING, OUT, digest_to_choose_on, in_days


@pytest.fixture
def camille(frozen_time, published, make_jurisdiction, make_employee):
    """Somebody whose law leaves it to her."""
    make_jurisdiction("CA-QC", **CHOOSING)
    return make_employee("Camille Tremblay", jurisdiction="CA-QC", time_zone="America/Toronto")


def say(person, answer, *, digest=None, at=NOON):
    with transaction.atomic():
        notices.choose(
            employee=person,
            says_yes=answer == "yes",
            digest=digest_to_choose_on(person) if digest is None else digest,
            at=at,
        )


def opted_in(person, at=NOON):
    return notice_standing(person, at=at).opted_in


def choices(person):
    return list(
        ConsentRecord.objects.filter(employee=person)
        .order_by("at")
        .values_list("choice", flat=True)
    )


def test_without_a_word_nobody_has_said_yes(camille):
    assert not opted_in(camille)


def test_a_yes_counts_and_is_taken_back_in_one_step(camille):
    say(camille, "yes")
    assert opted_in(camille)

    say(camille, "no", digest="")

    assert not opted_in(camille)
    assert choices(camille) == ["given", "withdrawn"]


def test_a_no_is_kept_and_needs_no_text(camille):
    say(camille, "no", digest="")

    assert choices(camille) == ["refused"]
    assert not opted_in(camille)


def test_the_same_answer_again_writes_nothing(camille):
    for answer in ("no", "no", "yes", "yes", "no", "no"):
        say(camille, answer)

    assert choices(camille) == ["refused", "given", "withdrawn"]


def test_a_clock_that_was_set_back_puts_no_withdrawal_before_its_yes(camille):
    say(camille, "yes", at=NOON)

    say(camille, "no", at=NOON - timedelta(hours=1))

    assert newest_choice(camille).choice == "withdrawn"
    assert not opted_in(camille)


def test_a_yes_to_another_text_is_refused(camille, publish):
    read = digest_to_choose_on(camille)
    publish(limits="Other.")

    with pytest.raises(NoticeChanged):
        say(camille, "yes", digest=read)

    assert choices(camille) == []


def test_a_yes_ends_when_the_text_changes(camille, publish):
    say(camille, "yes")

    publish(limits="Other.", in_force_at=in_days(14))

    standing = notice_standing(camille, at=NOON)
    assert (standing.opted_in, standing.consent_lapses_at) == (True, in_days(14))
    assert not opted_in(camille, at=in_days(14))


def test_a_yes_can_be_said_to_a_coming_text(camille, publish):
    say(camille, "yes")
    publish(limits="Other.", in_force_at=in_days(14))

    say(camille, "yes")

    assert opted_in(camille, at=in_days(15))
    assert choices(camille) == ["given", "given"]


def test_a_yes_outlives_a_slip_of_the_pen(camille, publish):
    say(camille, "yes")

    publish(limits="Other.", is_immaterial=True)

    assert opted_in(camille)


@pytest.mark.parametrize("law", [{}, ASKING, OUT], ids=["notice", "acknowledgement", "never"])
def test_there_is_no_choice_where_the_law_leaves_none(
    published, make_jurisdiction, make_employee, law
):
    make_jurisdiction("XX", **law)
    person = make_employee(jurisdiction="XX")

    assert notice_to_choose_on(person, at=NOON) is None
    for answer in ("yes", "no"):
        with pytest.raises(NoChoiceHere):
            say(person, answer, digest="")
    assert not ConsentRecord.objects.exists()


def test_whoever_moved_away_can_still_take_a_yes_back(camille, make_jurisdiction):
    say(camille, "yes")
    camille.jurisdiction = make_jurisdiction("US-CA")

    say(camille, "no", digest="")

    assert choices(camille) == ["given", "withdrawn"]


def test_a_yes_of_before_counts_for_nothing_where_there_is_no_choice(camille, make_jurisdiction):
    say(camille, "yes")
    camille.jurisdiction = make_jurisdiction("DE", **OUT)

    assert not opted_in(camille)


def test_the_record_says_all_that_the_standard_asks_for(camille, published):
    say(camille, "yes")

    kept = ConsentRecord.objects.get()
    record = kept.record
    assert record["@type"] == "dpv:ConsentRecord"
    assert record["schema_version"] == "ISO/IEC TS 27560:2023"
    assert record["record_id"] == str(kept.pk)
    assert record["pii_principal_id"] == str(camille.pseudonym)
    assert record["jurisdiction"] == "CA-QC"
    assert record["privacy_notice"] == {
        "title": "Notice of collection",
        "digest": kept.notice.digest,
        "version": 1,
        "language": "en",
    }
    [purpose] = record["purposes"]
    assert purpose["lawful_basis"] == "dpv:Consent"
    assert purpose["description"] == published.purpose
    kinds = {entry["pii_type"]: entry["retention_period"] for entry in purpose["pii_information"]}
    assert kinds == {"mouse_movement": "P90D", "mouse_click": "P90D", "keystrokes": "P30D"}
    parties = {party["party_id"]: party for party in record["party_identification"]}
    assert [parties[name]["party_name"] for name in purpose["recipient_third_parties"]] == [
        reader["who"] for reader in published.readers
    ]
    [controller] = purpose["pii_controllers"]
    assert parties[controller]["party_role"] == "dpv:DataController"
    assert parties[controller]["party_name"] == published.notice_fields["controller"]
    assert parties[controller]["party_contact"] == published.notice_fields["contact"]
    assert (
        parties["protection-officer"]["party_name"] == published.notice_fields["protection_officer"]
    )
    assert parties[purpose["authority_party"]]["party_name"] == published.notice_fields["complaint"]
    assert "one step" in purpose["withdrawal_method"]
    [event] = record["event"]
    assert event["event_time"] == "2026-11-23T12:00:00.000000Z"
    assert event["event_state"] == "dpv:ConsentGiven"


def test_each_choice_has_the_status_of_the_vocabulary(camille):
    for answer in ("no", "yes", "no"):
        say(camille, answer)

    records = ConsentRecord.objects.order_by("at").values_list("record", flat=True)
    assert [record["event"][0]["event_state"] for record in records] == [
        "dpv:ConsentRefused",
        "dpv:ConsentGiven",
        "dpv:ConsentWithdrawn",
    ]


def test_the_record_names_nobody_and_the_context_explains_every_member(camille):
    say(camille, "yes")
    record = ConsentRecord.objects.get().record

    assert "Camille" not in json.dumps(record)
    assert camille.email not in json.dumps(record)
    assert members(record) - {"@context", "@type"} <= set(CONTEXT)


def members(value) -> set[str]:
    """Return every name of a member, however deep, outside of the context."""
    if isinstance(value, list):
        return set().union(*map(members, value))
    if not isinstance(value, dict):
        return set()
    inside = (members(inner) for name, inner in value.items() if name != "@context")
    return set(value).union(*inside)


def test_a_record_is_never_changed_or_deleted(camille):
    say(camille, "yes")

    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentRecord.objects.update(choice="refused")
    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentRecord.objects.all().delete()


def test_the_log_has_each_choice(camille):
    for answer in ("yes", "no"):
        say(camille, answer)

    leaves = Leaf.objects.filter(person=camille.pseudonym).order_by("index")
    assert [leaf.event for leaf in leaves] == ["consent.granted", "consent.withdrawn"]
