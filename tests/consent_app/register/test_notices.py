"""What happened between notices and people: three kinds of rows, and who has to be asked again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from consent_app.audit.models import Leaf
from consent_app.register.actions import notices
from consent_app.register.errors import NoticeChanged
from consent_app.register.models import ConsentRecord, NoticeForm, NoticeRecord, NoticeStage
from consent_app.register.queries import (
    daily_notice,
    notice_form_for,
    notice_in_force,
    notice_standing,
    notice_to_show,
)
from tests.conftest import NOON
from tests.notice_fixtures import ASKING, digest_for, in_days

BROWSER = "Firefox on Linux"


@pytest.fixture
def dana(frozen_time, published, make_jurisdiction, make_employee):
    """Somebody where the law asks for an acknowledgement."""
    make_jurisdiction("US-NY", **ASKING)
    return make_employee("Dana Ortiz", jurisdiction="US-NY", time_zone="America/New_York")


@pytest.fixture
def wilma(frozen_time, published, make_jurisdiction, make_employee):
    """Somebody in Delaware."""
    make_jurisdiction("US-DE", **ASKING)
    return make_employee("Wilma Dean", jurisdiction="US-DE", time_zone="America/New_York")


@pytest.fixture
def daily(publish, wilma):
    """The version in force gives the notice of Delaware each day."""
    return publish(fields={"delaware": "daily"})


def acknowledge(person, at=NOON):
    with transaction.atomic():
        notices.acknowledge_notice(
            employee=person, digest=digest_for(person), browser=BROWSER, at=at
        )


def serve(person, at):
    with transaction.atomic():
        notices.serve_notice(employee=person, digest=digest_for(person), browser=BROWSER, at=at)


def is_missing(person, at=NOON):
    return notice_standing(person, at=at).acknowledgement_missing


def stages(person):
    return sorted(NoticeRecord.objects.filter(employee=person).values_list("stage", flat=True))


# Rows


def test_an_acknowledgement_is_a_row_of_its_own_with_the_exact_text(dana):
    acknowledge(dana)

    assert stages(dana) == ["acknowledged", "served"]
    row = NoticeRecord.objects.get(stage=NoticeStage.ACKNOWLEDGED)
    assert row.digest == notice_in_force(NoticeForm.NEW_YORK, at=NOON).digest
    assert (row.language, row.browser, row.at) == ("en", BROWSER, NOON)
    assert not is_missing(dana)


def test_an_acknowledgement_is_never_a_consent(dana):
    acknowledge(dana)

    assert not ConsentRecord.objects.exists()
    assert not notice_standing(dana, at=NOON).opted_in
    assert not Leaf.objects.filter(event__startswith="consent").exists()


def test_having_read_it_is_no_acknowledgement(dana):
    with transaction.atomic():
        notices.confirm_reading(employee=dana, digest=digest_for(dana), browser=BROWSER, at=NOON)

    assert stages(dana) == ["read", "served"]
    assert is_missing(dana)


def test_saying_it_twice_writes_it_once(dana):
    acknowledge(dana)
    acknowledge(dana, at=NOON + timedelta(hours=1))

    assert stages(dana) == ["acknowledged", "served"]


def test_the_log_holds_each_with_the_digest(dana):
    acknowledge(dana)

    leaves = Leaf.objects.filter(person=dana.pseudonym).order_by("index")
    assert [leaf.event for leaf in leaves] == ["notice.served", "notice.acknowledged"]
    assert leaves[1].details.content["notice"] == digest_for(dana)


def test_what_was_said_is_never_changed_or_deleted(dana):
    acknowledge(dana)

    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeRecord.objects.update(stage=NoticeStage.READ)
    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeRecord.objects.all().delete()


def test_refuses_a_word_to_another_text(dana):
    with pytest.raises(NoticeChanged), transaction.atomic():
        notices.acknowledge_notice(
            employee=dana, digest="sha256:" + "0" * 64, browser=BROWSER, at=NOON
        )

    assert not NoticeRecord.objects.exists()


def test_refuses_a_word_to_the_notice_of_another_place(dana):
    elsewhere = notice_in_force(NoticeForm.CALIFORNIA, at=NOON).digest

    with pytest.raises(NoticeChanged), transaction.atomic():
        notices.acknowledge_notice(employee=dana, digest=elsewhere, browser=BROWSER, at=NOON)


# Who is asked again


def test_one_character_more_asks_again(dana, publish):
    acknowledge(dana)

    publish(limits=dana_limits() + "!")

    assert is_missing(dana)


def test_a_slip_of_the_pen_that_two_people_called_so_does_not_ask_again(dana, publish):
    acknowledge(dana)

    publish(limits=dana_limits() + "!", is_immaterial=True)

    assert not is_missing(dana)
    assert notice_to_show(dana, at=NOON).notice.version.number == 2


def test_a_version_with_the_same_words_does_not_ask_again(dana, publish):
    acknowledge(dana)

    publish(summary="Nothing for people.")

    assert not is_missing(dana)


def test_a_wider_one_asks_again_with_the_same_words(dana, publish):
    acknowledge(dana)

    publish(widens=True)

    assert is_missing(dana)
    acknowledge(dana)
    assert not is_missing(dana)


def test_what_was_said_before_a_slip_counts_until_the_words_change(dana, publish):
    acknowledge(dana)
    publish(limits=dana_limits() + "!", is_immaterial=True)

    publish(limits=dana_limits() + "!!")

    assert is_missing(dana)


def test_a_change_of_one_form_asks_nobody_elsewhere(dana, publish):
    acknowledge(dana)

    publish(fields={"connecticut": "Keys, clicks and movement."})

    assert not is_missing(dana)


def test_a_coming_version_says_from_when_it_lapses(dana, publish):
    acknowledge(dana)
    from_ = in_days(14)

    publish(limits="Other.", in_force_at=from_)

    assert notice_standing(dana, at=NOON).notice_lapses_at == from_
    assert not is_missing(dana)
    assert is_missing(dana, at=from_)


def test_a_coming_version_can_be_acknowledged_before_it_is_in_force(dana, publish):
    acknowledge(dana)
    from_ = in_days(14)
    publish(limits="Other.", in_force_at=from_)

    acknowledge(dana)

    standing = notice_standing(dana, at=NOON)
    assert (standing.acknowledgement_missing, standing.notice_lapses_at) == (False, None)
    assert not is_missing(dana, at=from_)


def test_what_holds_now_is_asked_for_before_what_is_coming(dana, publish):
    publish(limits="Other.", in_force_at=in_days(14))

    shown = notice_to_show(dana, at=NOON)

    assert (shown.notice.version.number, shown.is_coming, shown.is_asked) == (1, False, True)
    acknowledge(dana)
    assert notice_to_show(dana, at=NOON).notice.version.number == 2


def test_nobody_is_asked_where_no_law_asks(dana, make_employee):
    california = make_employee()

    shown = notice_to_show(california, at=NOON)

    assert not shown.is_asked
    assert not is_missing(california)


def test_whoever_moves_is_asked_for_the_notice_of_the_new_place(dana, make_jurisdiction):
    acknowledge(dana)
    dana.jurisdiction = make_jurisdiction("US-DE", **ASKING)

    assert is_missing(dana)


# Each day


def test_the_notice_of_the_day_allows_until_midnight_where_one_is(wilma, daily):
    assert is_missing(wilma)

    serve(wilma, NOON)

    standing = notice_standing(wilma, at=NOON)
    assert not standing.acknowledgement_missing
    assert standing.notice_lapses_at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert is_missing(wilma, at=standing.notice_lapses_at)


def test_the_notice_of_the_day_is_due_once_a_day(wilma, daily):
    assert daily_notice(wilma, at=NOON).version == daily

    serve(wilma, NOON)
    serve(wilma, NOON + timedelta(hours=2))

    assert stages(wilma) == ["served"]
    assert daily_notice(wilma, at=NOON + timedelta(hours=2)) is None
    assert daily_notice(wilma, at=NOON + timedelta(days=1)) is not None


def test_an_acknowledgement_takes_the_place_of_all_of_them(wilma, daily):
    acknowledge(wilma)

    assert not is_missing(wilma, at=NOON + timedelta(days=30))
    assert daily_notice(wilma, at=NOON + timedelta(days=30)) is None


def test_being_shown_it_is_not_enough_where_an_acknowledgement_was_chosen(wilma):
    serve(wilma, NOON)

    assert is_missing(wilma)
    assert daily_notice(wilma, at=NOON) is None


def test_a_change_during_the_day_wants_it_shown_again(wilma, daily, publish):
    serve(wilma, NOON)
    from_ = NOON + timedelta(hours=3)

    publish(limits="Other.", in_force_at=from_)

    assert notice_standing(wilma, at=NOON).notice_lapses_at == from_
    assert is_missing(wilma, at=from_)


def test_a_version_that_says_the_same_leaves_the_day_alone(wilma, daily, publish):
    serve(wilma, NOON)

    publish(in_force_at=NOON + timedelta(hours=3))

    assert notice_standing(wilma, at=NOON).notice_lapses_at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert not is_missing(wilma, at=NOON + timedelta(hours=4))


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25)], ids=["spring", "autumn"]
)
def test_the_day_of_a_change_of_the_clock_has_its_own_length(wilma, daily, day, hours):
    # Published in November, so a year on.
    begin = datetime(
        day[0] + 1, day[1], {3: 14, 11: 7}[day[1]], 5 if day[1] == 3 else 4, tzinfo=UTC
    )

    serve(wilma, begin)

    assert notice_standing(wilma, at=begin).notice_lapses_at == begin + timedelta(hours=hours)


# Forms


@pytest.mark.parametrize(
    ("code", "regime", "form"),
    [
        ("US-NY", "US", NoticeForm.NEW_YORK),
        ("US-DE", "US", NoticeForm.DELAWARE),
        ("US-CT", "US", NoticeForm.CONNECTICUT),
        ("US-CA", "US", NoticeForm.CALIFORNIA),
        ("US-TX", "US", NoticeForm.GENERAL),
        ("DE", "EU GDPR", NoticeForm.GDPR_13),
        ("GB", "UK GDPR", NoticeForm.GDPR_13),
        ("CA-QC", "Canadian provincial", NoticeForm.GENERAL),
    ],
)
def test_each_place_has_the_form_of_its_law(make_jurisdiction, code, regime, form):
    assert notice_form_for(make_jurisdiction(code, regime=regime)) == form


def dana_limits() -> str:
    return NoticeRecord.objects.first().notice.version.limits
