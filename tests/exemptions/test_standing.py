"""State and dates in, words out: every line of the table is a case that somebody reads."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from exemptions.words.standing import (
    Effect,
    Facts,
    Waiting,
    day_in_words,
    not_collected,
    phase_of,
    standing_of,
)
from tests.conftest import NOON

TODAY = NOON.date()
DAY = timedelta(days=1)
ALL = "nothing may be collected from you"
WAITING = Waiting(who="Jonas Lindqvist", due_on=date(2026, 11, 26))


def effect(start: int, end: int | None) -> Effect:
    """Return an effect from so many days from now until so many; its last day is the one before."""
    return Effect(
        starts_at=NOON + start * DAY,
        first_day=TODAY + start * DAY,
        ends_at=None if end is None else NOON + end * DAY,
        last_day=None if end is None else TODAY + (end - 1) * DAY,
    )


def facts(state: str, **known) -> Facts:
    usual = {"now": NOON, "today": TODAY, "not_collected": ALL, "not_collected_by_grant": ALL}
    return Facts(state=state, **usual | known)


PENDING = facts("in_review", waiting=WAITING)
GRANTED = facts("approved", exemption=effect(-3, 7), decided_on=TODAY)


@pytest.mark.parametrize(
    ("given", "look", "word"),
    [
        (facts("draft"), "draft", "Draft"),
        (PENDING, "in_review", "In review"),
        (replace(PENDING, state="appealed"), "appealed", "Appealed"),
        (replace(GRANTED, exemption=effect(2, 7)), "scheduled", "From Wednesday 25 November"),
        (GRANTED, "in_force", "In force until Sunday 29 November"),
        (replace(GRANTED, exemption=effect(-3, None)), "in_force", "In force"),
        (replace(GRANTED, exemption=effect(0, 7)), "in_force", "In force until Sunday 29 November"),
        (replace(GRANTED, exemption=effect(-3, 0)), "ended", "Ended on Sunday 22 November"),
        (replace(GRANTED, exemption=effect(-3, 0), is_renewed=True), "ended", "Renewed"),
        (replace(GRANTED, state="overturned"), "in_force", "In force until Sunday 29 November"),
        (
            replace(GRANTED, state="revoked"),
            "in_force",
            "Revoked, in force until Sunday 29 November",
        ),
        (replace(GRANTED, state="revoked", exemption=effect(-9, -1)), "revoked", "Revoked"),
        (facts("declined", decided_on=TODAY), "declined", "Declined"),
        (facts("upheld", decided_on=TODAY), "upheld", "Decision upheld"),
        (replace(GRANTED, state="upheld"), "in_force", "In force until Sunday 29 November"),
        (facts("withdrawn", decided_on=TODAY), "withdrawn", "Withdrawn"),
    ],
)
def test_badge(given, look, word):
    assert phase_of(given) == look
    assert standing_of(given).word == word


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (WAITING, "Jonas Lindqvist has until Thursday 26 November to decide."),
        (
            replace(WAITING, is_appeal=True),
            "Jonas Lindqvist has until Thursday 26 November to decide on your appeal.",
        ),
        (
            replace(WAITING, due_on=TODAY),
            "Jonas Lindqvist has until Monday 23 November to decide.",
        ),
        (
            replace(WAITING, due_on=TODAY - DAY),
            "Jonas Lindqvist had until Sunday 22 November to decide. It still waits.",
        ),
        (
            replace(WAITING, due_on=TODAY - DAY, steps_in="HR"),
            "Jonas Lindqvist had until Sunday 22 November to decide. HR may decide as well now.",
        ),
        (
            replace(WAITING, who="Legal", people=2),
            "Two people of Legal have until Thursday 26 November to decide.",
        ),
        (
            replace(WAITING, who="Legal", people=2, decided=1),
            "One person of Legal has decided. A second has until Thursday 26 November to decide.",
        ),
        (
            replace(WAITING, who="Legal", people=2, decided=2),
            "Two people of Legal disagreed. A third has until Thursday 26 November to decide.",
        ),
    ],
)
def test_who_has_until_when(waiting, sentence):
    assert standing_of(replace(PENDING, waiting=waiting)).headline == sentence


@pytest.mark.parametrize(
    ("protection", "by_silence", "words", "is_protected"),
    [
        (None, False, "Until then nothing changes for you.", False),
        (effect(0, None), False, f"You are protected while it is decided: {ALL}.", True),
        (
            effect(2, None),
            False,
            f"You are protected from Wednesday 25 November on, until it is decided: {ALL}.",
            False,
        ),
        (
            effect(2, None),
            True,
            (
                "Until then nothing changes for you. If nobody has decided, you are protected from "
                f"Wednesday 25 November on: {ALL} until somebody does."
            ),
            False,
        ),
        (
            effect(-1, None),
            True,
            f"Nobody decided in time, so you are protected since Sunday 22 November: {ALL}.",
            True,
        ),
        (effect(-9, -1), False, "Until then nothing changes for you.", False),
    ],
)
def test_what_protects_meanwhile(protection, by_silence, words, is_protected):
    given = replace(PENDING, protection=protection, is_protected_by_silence=by_silence)

    shown = standing_of(given)

    assert shown.effect == words
    assert shown.is_protected == is_protected


@pytest.mark.parametrize(
    ("given", "what", "who", "by"),
    [
        (facts("draft"), "Finish it and send it, or discard it", "You", None),
        (PENDING, "A decision", "Jonas Lindqvist", date(2026, 11, 26)),
        (
            replace(PENDING, waiting=replace(WAITING, steps_in="HR")),
            "A decision",
            "Jonas Lindqvist or HR",
            date(2026, 11, 26),
        ),
        (replace(PENDING, state="information_requested"), "Answer the question", "You", None),
        (facts("declined", appeal_until=TODAY + DAY), "You can appeal", "You", TODAY + DAY),
        (facts("declined"), "Nothing more happens", "", None),
        (GRANTED, "It ends by itself", "", TODAY + 6 * DAY),
        (replace(GRANTED, can_renew=True), "You can renew it", "You", TODAY + 6 * DAY),
        (
            replace(GRANTED, exemption=effect(-3, None), review_on=TODAY + 9 * DAY),
            "It is looked at again",
            "",
            TODAY + 9 * DAY,
        ),
        (replace(GRANTED, exemption=effect(2, 7)), "It begins by itself", "", TODAY + 2 * DAY),
        (
            replace(GRANTED, exemption=effect(-3, 0), can_renew=True),
            "You can renew it",
            "You",
            None,
        ),
        (facts("withdrawn"), "Nothing more happens", "", None),
    ],
)
def test_what_is_next(given, what, who, by):
    shown = standing_of(given).next

    assert (shown.what, shown.who, shown.by) == (what, who, by)


@pytest.mark.parametrize(
    ("applications", "kinds", "clause"),
    [
        (None, None, "nothing may be collected from you"),
        (["Slack"], None, "nothing may be collected from Slack"),
        (["Slack", "Zoom"], None, "nothing may be collected from Slack and Zoom"),
        (["Slack", "Xero", "Zoom"], None, "nothing may be collected from Slack, Xero and Zoom"),
        (["Box", "Slack", "Xero", "Zoom"], None, "nothing may be collected from Box and 3 more"),
        (None, ["Keystrokes"], "keystrokes may not be collected"),
        (None, ["Mouse movement"], "mouse movement may not be collected"),
        (
            ["Slack"],
            ["Mouse clicks", "Keystrokes"],
            "mouse clicks and keystrokes may not be collected from Slack",
        ),
    ],
)
def test_what_is_not_collected(applications, kinds, clause):
    assert not_collected(applications, kinds) == clause


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 26), "Thursday 26 November"),
        (date(2026, 12, 25), "25 December"),
        (date(2027, 1, 22), "22 January 2027"),
    ],
)
def test_days(day, words):
    assert day_in_words(day, today=TODAY) == words
