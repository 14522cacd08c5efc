"""The decision that page and agent share."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.decision import PolicyView, Reason, Subject, decide
from consent_agent.protocol.documents import Ceiling, Deny, DevicePolicy
from consent_agent.protocol.matching import Register
from consent_agent.protocol.members import Members
from tests.agent.simulated_portal import (
    KINDS,
    NOON,
    REGISTER_DOCUMENT,
    ceiling_members,
    deny,
    policy_members,
    read_rows,
)

REGISTER = Register.from_document(REGISTER_DOCUMENT)
ROWS = read_rows("applications.csv")
IN_TEN_MINUTES = "2026-11-23T12:10:00Z"


@pytest.fixture
def verdict():
    """Decide about one subject; `policy`, `ceiling` and `freshness_deny` state what differs."""

    def make(
        *, policy=None, ceiling=None, freshness_deny=(), kind="keystrokes", at=NOON, **subject
    ):
        return decide(
            Subject(**(subject or {"application": "github"})),
            kind=kind,
            at=at,
            register=REGISTER,
            ceiling=Ceiling.from_payload(canonical_json(ceiling_members(**(ceiling or {})))),
            policy=DevicePolicy.from_payload(canonical_json(policy_members(**(policy or {})))),
            freshness_deny=tuple(Deny.from_members(Members(entry)) for entry in freshness_deny),
        )

    return make


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["slug"])
def test_captured_rows_are_allowed_and_excluded_rows_are_not(verdict, row):
    identifiers = [
        {"application": name}
        for column in ("slug", "macos_bundle_id", "windows_executable", "linux_executable")
        for name in row[column].split(";")
        if name
    ] + [{"url": f"https://{domain}/"} for domain in row["domains"].split(";") if domain]
    verdicts = {verdict(**identifier) for identifier in identifiers}

    if row["default_scope"] == "excluded":
        assert {(v.allowed, v.reason) for v in verdicts} == {(False, Reason.EXCLUDED)}
    else:
        # A sign-in page is never captured, though its application is.
        assert all(v.allowed or v.reason is Reason.SAFEGUARD for v in verdicts)
        assert verdict(application=row["slug"]).allowed


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ({"application": None}, Reason.NOT_IDENTIFIED),
        ({"window_title": "Terminal"}, Reason.NOT_IDENTIFIED),
        ({"field": "tag=input"}, Reason.NOT_IDENTIFIED),
        ({"application": ""}, Reason.NOT_IN_REGISTER),
        ({"application": "no-such-program"}, Reason.NOT_IN_REGISTER),
        ({"application": "google-chrome", "url": ""}, Reason.UNREADABLE),
        ({"application": "google-chrome", "url": "github.com"}, Reason.NOT_IN_REGISTER),
        ({"application": "google-chrome", "url": "https://unknown.test/"}, Reason.NOT_IN_REGISTER),
        ({"application": "google-chrome", "url": "https://1password.com/"}, Reason.EXCLUDED),
        ({"application": "1password", "url": "https://github.com/"}, Reason.EXCLUDED),
        ({"application": "tor-browser", "url": "https://github.com/"}, Reason.EXCLUDED),
        (
            {"application": "google-chrome", "url": "https://github.com/reset-password"},
            Reason.SAFEGUARD,
        ),
        (
            {"url": "https://u:p@WWW.linkedin.com.:443/jobs/view/1"},
            Reason.SAFEGUARD,
        ),
        ({"application": "github", "window_title": "Notice of Litigation Hold"}, Reason.SAFEGUARD),
        ({"application": "github", "window_title": "x" * 20_000}, Reason.UNREADABLE),
        ({"application": "github", "field": "tag=INPUT;TYPE=PASSWORD"}, Reason.SAFEGUARD),
    ],
)
def test_what_is_unknown_excluded_or_protected_is_denied(verdict, subject, reason):
    answer = verdict(**subject)

    assert (answer.allowed, answer.reason) == (False, reason)


@pytest.mark.parametrize(
    "subject",
    [
        {"application": "github"},
        {"url": "https://github.com/"},
        {"application": "google-chrome", "url": "https://github.com/"},
        {"application": "google-chrome"},
        {"application": "github", "window_title": "", "field": "tag=input;type=text"},
    ],
)
def test_what_the_register_captures_is_allowed(verdict, subject):
    answer = verdict(**subject)

    assert (answer.allowed, answer.reason, answer.until) == (True, Reason.ALLOWED, None)


@pytest.mark.parametrize("kind", ["screen_content", "keystroke", "", "KEYSTROKES"])
def test_kinds_that_a_row_does_not_name_are_denied(verdict, kind):
    assert verdict(kind=kind).reason is Reason.KIND_NOT_COLLECTED


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("unacknowledged", Reason.UNACKNOWLEDGED),
        ("opted_out", Reason.OPTED_OUT),
        ("out_of_scope", Reason.OUT_OF_SCOPE),
        ("revoked", Reason.REVOKED),
        ("hibernating", Reason.UNKNOWN_STATE),
        ("Collecting", Reason.UNKNOWN_STATE),
    ],
)
def test_states_that_collect_nothing_need_no_deny(verdict, state, reason):
    answer = verdict(policy={"state": state})

    assert (answer.allowed, answer.reason, answer.rule) == (False, reason, f"state:{state}")


@pytest.mark.parametrize("state", ["collecting", "paused", "exempt", "protected"])
def test_in_the_other_states_the_deny_entries_decide(verdict, state):
    assert verdict(policy={"state": state}).allowed


@pytest.mark.parametrize(
    ("collection", "allowed"),
    [("allowed", True), ("opt_in", True), ("out_of_scope", False), ("everything", False)],
)
def test_the_cohort_must_be_open_to_collection(verdict, collection, allowed):
    assert verdict(ceiling={"collection": collection}).allowed is allowed


def test_opt_in_without_consent_is_denied_by_the_policy(verdict):
    answer = verdict(ceiling={"collection": "opt_in"}, policy={"deny": [deny(source="consent")]})

    assert answer.reason is Reason.CONSENT


@pytest.mark.parametrize("where", ["policy", "ceiling", "freshness"])
def test_a_deny_counts_wherever_it_stands(verdict, where):
    entries = [deny(id="d", until=IN_TEN_MINUTES)]
    places = {
        "policy": {"policy": {"deny": entries}},
        "ceiling": {"ceiling": {"deny": entries}},
        "freshness": {"freshness_deny": entries},
    }

    answer = verdict(**places[where])

    assert (answer.reason, answer.rule) == (Reason.PAUSE, "d")
    assert answer.until == NOON + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ({"applications": ["github"]}, True),
        ({"applications": ["slack", "github"]}, True),
        ({"applications": ["slack"]}, False),
        ({"kinds": ["keystrokes"]}, True),
        ({"kinds": ["mouse_click"]}, False),
        ({"applications": ["github"], "kinds": ["mouse_click"]}, False),
        ({"applications": None, "kinds": None}, True),
        ({"source": "weather"}, True),
        ({"from": "2026-11-23T12:00:00.000001Z"}, False),
        ({"from": "2026-11-23T11:00:00Z", "until": "2026-11-23T12:00:00Z"}, False),
        ({"from": "2026-11-23T11:00:00Z", "until": "2026-11-23T12:00:00.000001Z"}, True),
    ],
)
def test_a_deny_covers_what_it_names_while_it_lasts(verdict, changes, denied):
    assert verdict(policy={"deny": [deny(**changes)]}).allowed is not denied


def test_a_deny_of_the_page_counts_in_every_browser(verdict):
    answer = verdict(
        policy={"deny": [deny(applications=["github"])]},
        application="google-chrome",
        url="https://github.com/",
    )

    assert (answer.reason, answer.application) == (Reason.PAUSE, "github")


def test_of_several_denies_the_most_general_and_longest_is_reported(verdict):
    entries = [
        deny(id="open, one application", applications=["github"], source="exemption"),
        deny(id="short", until="2026-11-23T12:05:00Z"),
        deny(id="long", until=IN_TEN_MINUTES, source="protection"),
        deny(id="a long", until=IN_TEN_MINUTES, source="protection"),
    ]

    rules = {verdict(policy={"deny": order}).rule for order in (entries, entries[::-1])}

    assert rules == {"a long"}


def test_a_time_without_zone_is_a_mistake_of_the_caller(verdict):
    with pytest.raises(ValueError, match="zone"):
        verdict(at=datetime(2026, 11, 23, 12))  # noqa: DTZ001


moments = st.integers(-20, 20).map(lambda minutes: NOON + timedelta(minutes=minutes))
slugs = st.sampled_from(["github", "slack", "google-chrome", "1password", "unknown"])
denies = st.builds(
    lambda bounds, **rest: Deny(
        starts_at=min(bounds[0], bounds[1] or bounds[0]),
        ends_at=bounds[1] and max(bounds),
        **rest,
    ),
    st.tuples(moments, st.none() | moments),
    id=st.text("abc", min_size=1, max_size=2),
    applications=st.none() | st.frozensets(slugs, min_size=1),
    kinds=st.none() | st.frozensets(st.sampled_from(KINDS), min_size=1),
    source=st.sampled_from(["pause", "weather"]),
)
subjects = st.builds(
    Subject,
    application=st.none() | slugs,
    url=st.sampled_from([None, "", "https://github.com/", "https://slack.com/"]),
    window_title=st.sampled_from([None, "Grievance form"]),
    field=st.sampled_from([None, "type=password"]),
)
CEILING = Ceiling.from_payload(canonical_json(ceiling_members()))
POLICY = DevicePolicy.from_payload(canonical_json(policy_members()))


def view_of(entries: list[Deny]) -> PolicyView:
    return PolicyView(register=REGISTER, ceiling=CEILING, policy=POLICY, freshness_deny=entries)


@given(st.lists(denies, max_size=5), denies, subjects, st.sampled_from(KINDS), moments)
def test_a_further_deny_never_allows_more(entries, further, subject, kind, at):
    before = view_of(entries).decide(subject, kind=kind, at=at)
    after = view_of([*entries, further]).decide(subject, kind=kind, at=at)

    assert before.allowed or not after.allowed


@given(st.lists(denies, max_size=5), subjects, st.sampled_from(KINDS), moments)
def test_the_prepared_timelines_agree_with_each_deny_read_by_itself(entries, subject, kind, at):
    answer = view_of(entries).decide(subject, kind=kind, at=at)
    unrestricted = view_of([]).decide(subject, kind=kind, at=at)
    page = REGISTER.match_url(subject.url) if subject.url else None
    touched = {subject.application, page.slug if page else None} - {None}
    denied = any(
        entry.is_in_force(at) and any(entry.covers(slug, kind) for slug in touched)
        for entry in entries
    )

    assert answer.allowed == (unrestricted.allowed and not denied)


@given(st.permutations([deny(id=name) for name in "abc"]))
def test_the_order_of_restrictions_does_not_matter(entries):
    read = [Deny.from_members(Members(entry)) for entry in entries]

    answer = view_of(read).decide(Subject("github"), kind="keystrokes", at=NOON)

    assert answer.rule == "a"


SUBJECTS = st.builds(
    Subject,
    application=st.sampled_from([None, "github", "slack", "1password", "google-chrome", "nothing"]),
    url=st.sampled_from(
        [None, "", "https://github.com/", "https://github.com/login", "https://1password.com/"]
    ),
    window_title=st.sampled_from([None, "Notes", "Tor Browser"]),
    field=st.sampled_from([None, "tag=input;type=text", "tag=input;type=password"]),
)


@given(st.lists(st.tuples(SUBJECTS, st.sampled_from([*KINDS, "screen"])), min_size=2, max_size=12))
def test_what_was_asked_before_changes_no_answer(questions):
    """A view remembers the last subject; each answer is that of a view which remembers none."""
    policy = {"deny": [deny(applications=["slack"], kinds=["keystrokes"])]}
    documents = {
        "register": REGISTER,
        "ceiling": Ceiling.from_payload(canonical_json(ceiling_members())),
        "policy": DevicePolicy.from_payload(canonical_json(policy_members(**policy))),
    }
    view = PolicyView(**documents)

    answers = [view.decide(subject, kind=kind, at=NOON) for subject, kind in questions]

    assert answers == [
        decide(subject, kind=kind, at=NOON, **documents) for subject, kind in questions
    ]
