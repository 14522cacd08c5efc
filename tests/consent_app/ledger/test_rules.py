"""What a register's change means for the hours around it, and which days are kept."""

from datetime import UTC, date, datetime, timedelta

import pytest

from consent_app.ledger import rules
from consent_app.ledger.rules import HOUR, Counted, Edition, Listed

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
CLICKS = Listed(frozenset({"mouse_click"}), is_excluded=False)
BOTH = Listed(frozenset({"mouse_click", "keystrokes"}), is_excluded=False)
EXCLUDED = Listed(frozenset(), is_excluded=True)
KINDS = frozenset({"mouse_click", "keystrokes"})


def edition(in_force_at=NINE - timedelta(days=9), **applications):
    return Edition(in_force_at, KINDS, applications)


def counted(application="slack", kind="keystrokes", captured=1, hour=NINE):
    return Counted(hour, application, kind, captured)


@pytest.mark.parametrize(
    ("minutes", "held"),
    [
        (-61, ["new"]),
        (-60, ["new"]),
        (-59, ["old", "new"]),
        (0, ["old", "new"]),
        (59, ["old", "new"]),
        (60, ["old"]),
    ],
)
def test_an_hour_near_a_change_knows_the_version_before_it_too(minutes, held):
    old, new = edition(), edition(NINE + timedelta(minutes=minutes))

    found = rules.editions_of(NINE, [old, new])

    assert found == [{"old": old, "new": new}[name] for name in held]


def test_before_the_first_version_nothing_is_held():
    assert rules.editions_of(NINE, [edition(NINE + HOUR)]) == []


def test_a_later_number_holds_over_an_earlier_one_of_the_same_time():
    first, second = edition(slack=CLICKS), edition(slack=BOTH)

    assert rules.editions_of(NINE, [first, second]) == [second]


@pytest.mark.parametrize(
    ("row", "member"),
    [
        (counted(), None),
        (counted(application="paint"), "application"),
        (counted(kind="microphone"), "kind"),
        (counted(application="mail"), "kind"),
        (counted(application="mail", captured=0), None),
        (counted(application="union", captured=0), None),
        (counted(application="union"), "kind"),
        (counted(kind="microphone", captured=0), "kind"),
    ],
)
def test_what_is_captured_must_be_listed_as_collected_the_rest_at_all(row, member):
    held = [edition(slack=BOTH, mail=CLICKS, union=EXCLUDED)]

    assert rules.undeclared_member(row, held) == member


def test_one_of_the_versions_around_a_change_is_enough():
    held = [edition(slack=BOTH), edition(slack=CLICKS)]

    assert rules.undeclared_member(counted(), held) is None
    assert rules.undeclared_member(counted(), held[1:]) == "kind"


def test_what_is_excluded_is_not_kept():
    held = [edition(slack=BOTH, union=EXCLUDED)]

    assert rules.is_kept(counted(), held)
    assert not rules.is_kept(counted(application="union", captured=0), held)


def test_a_day_is_dropped_when_its_last_hour_is_90_days_old():
    midnight = datetime(2026, 11, 23, tzinfo=UTC)

    assert rules.oldest_day_kept(midnight) == date(2026, 8, 25)
    assert rules.oldest_day_kept(midnight - timedelta(seconds=1)) == date(2026, 8, 24)


def test_says_on_which_day_an_hour_is_deleted():
    hour = datetime(2026, 8, 24, 17, tzinfo=UTC)
    day = rules.deleted_from(hour)

    at = datetime.combine(day, datetime.min.time(), UTC)
    assert rules.oldest_day_kept(at) > hour.date()
    assert rules.oldest_day_kept(at - timedelta(seconds=1)) == hour.date()


def test_every_hour_that_may_be_reported_has_its_day():
    first, last = rules.days_to_have(NINE)

    assert first <= (NINE - rules.OLDEST_REPORT).date()
    assert last >= (NINE + timedelta(days=13)).date()
