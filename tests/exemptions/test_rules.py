"""The pure rules: texts, periods, scopes, agreement and routes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exemptions import rules
from exemptions.errors import PeriodOutOfRange, RouteNotSound, TextMissing, TextTooLong
from exemptions.rules import StepPlan
from exemptions.scope import Scope

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  two\r\nlines\r", "two\nlines"),
        ("e\u0301tude", "\u00e9tude"),
        ("a\x00b\x1b[31mc\x7f\x85", "ab[31mc"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("right\u202eto left\u200b", "right\u202eto left\u200b"),
        ("tab\tand <b>{{ 7 }}</b>", "tab\tand <b>{{ 7 }}</b>"),
    ],
)
def test_what_is_kept_of_a_text(written, kept):
    assert rules.clean_text(written) == kept
    assert rules.clean_text(kept) == kept


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0344", "\x01\u0301"])
def test_few_of_thousands_of_marks_are_kept(marks):
    clean = rules.clean_text("x" + marks * 5_000 + "y")

    assert len(clean) == len("x") + rules.MAX_MARKS_ON_A_LETTER + len("y")
    assert rules.clean_text(clean) == clean


@pytest.mark.parametrize("written", ["", " \n\t", "\x00\x01", "\ud800"])
def test_nothing_is_no_text(written):
    with pytest.raises(TextMissing):
        rules.clean_text(written)


def test_ten_thousand_characters_and_no_more():
    assert rules.clean_text("x" * 10_000)

    for count in (10_001, 1_000_000):
        with pytest.raises(TextTooLong):
            rules.clean_text("x" * count)


@given(st.text(max_size=200))
def test_cleaning_a_clean_text_changes_nothing(text):
    try:
        clean = rules.clean_text(text)
    except TextMissing:
        return
    assert rules.clean_text(clean) == clean


@pytest.mark.parametrize(
    "period",
    [
        {"starts_on": TODAY, "ends_on": TODAY},
        {"starts_on": TODAY + 366 * DAY, "ends_on": TODAY + 366 * DAY},
        {"starts_on": TODAY, "ends_on": TODAY + 732 * DAY},
        {"starts_on": TODAY, "review_on": TODAY + DAY},
        {"starts_on": TODAY, "review_on": TODAY + 366 * DAY},
    ],
)
def test_periods_that_can_be_asked_for(period):
    rules.check_period(Scope(None, None, **period), today=TODAY)


@pytest.mark.parametrize(
    "period",
    [
        {"starts_on": TODAY - DAY, "ends_on": TODAY},
        {"starts_on": TODAY + 367 * DAY, "ends_on": TODAY + 368 * DAY},
        {"starts_on": TODAY, "ends_on": TODAY + 733 * DAY},
        {"starts_on": TODAY + DAY, "ends_on": TODAY},
        {"starts_on": TODAY},
        {"starts_on": TODAY, "ends_on": TODAY, "review_on": TODAY + DAY},
        {"starts_on": TODAY, "review_on": TODAY},
        {"starts_on": TODAY, "review_on": TODAY + 367 * DAY},
        {"starts_on": date.min, "ends_on": date.max},
        {"starts_on": TODAY, "ends_on": date.max},
    ],
)
def test_periods_that_can_not(period):
    with pytest.raises(PeriodOutOfRange):
        rules.check_period(Scope(None, None, **period), today=TODAY)


names = st.none() | st.frozensets(st.sampled_from("abc"), min_size=1)
days = st.integers(0, 5).map(lambda count: TODAY + count * DAY)
ends = st.tuples(days, st.none()) | st.tuples(st.none(), days)
scopes = st.builds(
    lambda applications, kinds, starts_on, end: Scope(applications, kinds, starts_on, *end),
    names, names, days, ends,
)  # fmt: skip


def covered(scope, *, until=TODAY + 9 * DAY):
    """Return all that a scope takes away, one by one."""
    last = scope.ends_on or until
    return {
        (application, kind, TODAY + count * DAY)
        for application in scope.applications or "abcd"
        for kind in scope.kinds or "abcd"
        for count in range((until - TODAY).days + 1)
        if scope.starts_on <= TODAY + count * DAY <= last
    }


@given(scopes, scopes)
def test_what_is_within_covers_nothing_more(narrow, wide):
    if narrow.is_within(wide):
        assert covered(narrow) <= covered(wide)


@given(scopes, scopes, scopes)
def test_within_is_an_order(first, second, third):
    assert first.is_within(first)
    if first.is_within(second) and second.is_within(third):
        assert first.is_within(third)


@given(scopes, scopes)
def test_key_is_that_of_what_is_covered(one, other):
    same = (one.applications, one.kinds) == (other.applications, other.kinds)

    assert (one.key == other.key) == same


@pytest.mark.parametrize(
    ("said", "people", "outcome"),
    [
        (["approve"], 1, "approve"),
        (["decline"], 1, "decline"),
        (["approve_in_part"], 1, "approve"),
        ([], 1, None),
        (["approve"], 2, None),
        (["approve", "decline"], 2, None),
        (["approve_in_part", "approve"], 2, "approve"),
        (["decline", "approve", "decline"], 2, "decline"),
        (["decline", "approve", "approve"], 2, "approve"),
    ],
)
def test_agreement(said, people, outcome):
    assert rules.agreed_outcome(said, people=people) == outcome


MANAGER = StepPlan("manager", 1, 3, 2, "hr_reviewer")
LEGAL = StepPlan("legal_reviewer", 2, 5, 2, "")


def check_route(*steps, is_sensitive=False, appeal_reviewer="legal_reviewer"):
    rules.check_route(steps, is_sensitive=is_sensitive, appeal_reviewer=appeal_reviewer)


def test_routes_that_can_be_used():
    check_route(MANAGER, LEGAL)
    check_route(LEGAL, is_sensitive=True)


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ([], {}),
        ([MANAGER, LEGAL, LEGAL], {}),
        ([LEGAL], {"appeal_reviewer": "manager"}),
        ([MANAGER, LEGAL], {"is_sensitive": True}),
        ([replace(LEGAL, fallback="manager")], {"is_sensitive": True}),
        ([replace(LEGAL, fallback="manager")], {}),
        ([replace(LEGAL, fallback="legal_reviewer")], {}),
        ([replace(MANAGER, people=2)], {}),
        ([replace(LEGAL, people=3)], {}),
        ([replace(LEGAL, people=0)], {}),
        ([replace(LEGAL, target_days=0)], {}),
        ([replace(LEGAL, target_days=31)], {}),
        ([replace(LEGAL, grace_days=11)], {}),
    ],
)
def test_routes_that_can_not(steps, options):
    with pytest.raises(RouteNotSound):
        check_route(*steps, **options)
