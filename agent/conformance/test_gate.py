"""May this be captured? Yes where everything allows it, no where one rule takes it away."""

from typing import Any, Final

import pytest

from conformance.device import OPEN, PREFERENCE, Device
from conformance.documents import KINDS, deny, filter_document

MOUSE, KEYS = "mouse_movement", "keystrokes"


def given(
    device: Device,
    *,
    policy: dict[str, Any] | None = None,
    ceiling: dict[str, Any] | None = None,
    freshness: dict[str, Any] | None = None,
) -> Device:
    """Have the device take a policy with these differences."""
    device.portal.publish(**{"version": 18} | (policy or {}))
    device.portal.ceiling_changes = {"version": 4} | (ceiling or {})
    device.portal.freshness_changes = freshness or {}
    device.takes_policy()
    return device


def test_before_enrolment_the_answer_is_no(make_device: Any) -> None:
    device = make_device()

    device.denies("no_policy")

    assert not device.show()["enrolled"]
    assert not device.poll()["ok"]


def test_before_the_first_answer_it_is_no(device: Device) -> None:
    device.denies("no_policy")

    assert device.show()["device_version"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_nothing_takes_away_is_allowed(device: Device, kind: str) -> None:
    given(device)

    device.allows(OPEN, kind=kind)

    shown = device.show()
    assert (shown["enrolled"], shown["device_version"], shown["ceiling_version"]) == (True, 18, 4)


SUBJECTS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("allowed", {"application": "editor"}),
    ("allowed", {"application": "Editor.exe"}),
    ("allowed", {"application": "EDITOR.EXE"}),
    ("allowed", {"application": "COM.example.browser"}),
    ("not_in_register", {"application": "Editor"}),
    ("not_in_register", {"application": "unheard-of"}),
    ("not_identified", {}),
    ("allowed", {"url": "https://wiki.example.com/page"}),
    ("allowed", {"url": "https://WIKI.example.com./page"}),
    ("allowed", {"url": "https://team.wiki.example.com:8443/?q=1"}),
    ("excluded", {"url": "https://people.wiki.example.com/"}),
    ("excluded", {"url": "https://de.people.wiki.example.com/"}),
    ("not_in_register", {"url": "https://notwiki.example.com/"}),
    ("not_in_register", {"url": "https://example.com/wiki.example.com"}),
    ("not_in_register", {"url": "https://wiki.example.com@evil.example/"}),
    ("not_in_register", {"url": "https://wiki.example.com.evil.example/"}),
    ("not_in_register", {"url": "https://[2001:db8::1]/"}),
    ("not_in_register", {"url": "file:///home/mira/wiki.example.com"}),
    ("not_in_register", {"url": "javascript:alert(1)"}),
    ("unreadable", {"url": ""}),
    ("unreadable", {"application": "browser", "url": ""}),
    ("allowed", {"application": "browser", "url": "https://wiki.example.com/"}),
    ("not_in_register", {"application": "browser", "url": "https://evil.example/"}),
    ("not_in_register", {"application": "unheard-of", "url": "https://wiki.example.com/"}),
    ("excluded", {"application": "browser", "url": "https://people.wiki.example.com/"}),
    ("excluded", {"application": "people-wiki"}),
    ("kind_not_collected", {"application": "drawing"}),
    ("allowed", {"application": "drawing", "kind": MOUSE}),
    ("kind_not_collected", {"application": "editor", "kind": "screenshot"}),
    ("safeguard", {"application": "diary"}),
    ("safeguard", {"url": "https://wiki.example.com/sign-in?next=/"}),
    ("safeguard", {"url": "https://wiki.example.com./sign-in"}),
    ("safeguard", {"application": "browser", "window_title": "News - Private Browsing"}),
    ("allowed", {"application": "browser", "window_title": "private browsing"}),
    ("safeguard", {"application": "editor", "field": "tag=input;type=password;name=pw"}),
    ("safeguard", {"application": "editor", "field": "tag=INPUT;TYPE=Password"}),
    # Whatever the register says.
    ("safeguard", {"application": "editor", "field": "type=text;autocomplete=current-password"}),
    ("safeguard", {"application": "editor", "field": "type=text;autocomplete=x NEW-password"}),
    ("safeguard", {"application": "editor", "field": "role=x;subrole=AXSecureTextField"}),
    ("safeguard", {"application": "editor", "field": "uia.IsPassword=true"}),
    ("safeguard", {"application": "editor", "field": "atspi.role=password text"}),
    ("allowed", {"application": "editor", "field": "uia.IsPassword=false"}),
    ("allowed", {"application": "editor", "field": "tag=input;type=text;name=password"}),
    ("unreadable", {"application": "editor", "window_title": "x" * 16_385}),
]


@pytest.mark.parametrize(("reason", "subject"), SUBJECTS, ids=lambda value: str(value)[:70])
def test_the_register_decides(device: Device, reason: str, subject: dict[str, Any]) -> None:
    given(device)

    verdict = device.ask(**subject)

    assert (verdict.allowed, verdict.reason) == (reason == "allowed", reason)


@pytest.mark.parametrize(
    "source",
    ["pause", "preference", "exemption", "protection", "programme", "notice", "consent"],
)
def test_a_restriction_on_everything_names_its_source(device: Device, source: str) -> None:
    given(device, policy={"deny": [deny(source=source)]})

    for kind in KINDS:
        device.denies(source, OPEN, kind=kind)


def test_a_restriction_from_an_unknown_source_restricts(device: Device) -> None:
    given(device, policy={"deny": [deny(source="of a later version")]})

    device.denies("restricted")


def test_a_restriction_on_an_application(device: Device) -> None:
    given(device, policy={"deny": [PREFERENCE | {"applications": ["wiki", "chat"]}]})

    device.denies("preference", "chat")
    device.denies("preference", "browser", url="https://wiki.example.com/")
    device.allows(OPEN)


def test_a_restriction_on_the_program_holds_for_its_pages(device: Device) -> None:
    given(device, policy={"deny": [PREFERENCE | {"applications": ["browser"]}]})

    device.denies("preference", "browser", url="https://wiki.example.com/")


def test_a_restriction_on_a_kind(device: Device) -> None:
    given(device, policy={"deny": [deny(source="exemption", kinds=[KEYS])]})

    device.denies("exemption", OPEN, kind=KEYS)
    device.allows(OPEN, kind=MOUSE)


def test_a_restriction_on_a_kind_of_an_application(device: Device) -> None:
    given(device, policy={"deny": [deny(kinds=[KEYS], applications=["editor"])]})

    device.denies("pause", "editor", kind=KEYS)
    device.allows("editor", kind=MOUSE)
    device.allows("wiki", kind=KEYS)


def test_a_restriction_holds_from_its_beginning_until_before_its_end(device: Device) -> None:
    times = {"from": "2026-11-23T12:02:00Z", "until": "2026-11-23T12:04:00Z"}
    given(device, policy={"deny": [deny(source="protection", **times)]})

    device.clock.pass_time(minutes=1, seconds=59)
    device.allows()
    device.clock.pass_time(seconds=1)
    device.denies("protection")
    device.clock.pass_time(minutes=1, seconds=59)
    device.denies("protection")
    device.clock.pass_time(seconds=1)
    device.allows()


def test_of_several_restrictions_the_one_that_lasts_longest_is_named(device: Device) -> None:
    short = deny(source="pause", id="1", until="2026-11-23T12:10:00Z")
    longer = deny(source="exemption", id="2", until="2026-11-24T12:00:00Z")
    given(device, policy={"deny": [short, longer]})
    device.denies("exemption")

    given(device, policy={"version": 19, "deny": [short, longer, deny(source="notice", id="3")]})
    device.denies("notice")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("revoked", "revoked"),
        ("out_of_scope", "out_of_scope"),
        ("opted_out", "opted_out"),
        ("unacknowledged", "unacknowledged"),
        ("of a later version", "unknown_state"),
    ],
)
def test_a_state_from_which_nothing_is_collected(device: Device, state: str, reason: str) -> None:
    given(device, policy={"state": state})

    device.denies(reason)
    assert device.acknowledgements()[-1]["effect"] == "not_collecting"


@pytest.mark.parametrize("state", ["paused", "exempt", "protected"])
def test_a_state_that_leaves_it_to_the_restrictions(device: Device, state: str) -> None:
    given(device, policy={"state": state})

    device.allows()


@pytest.mark.parametrize("collection", ["out_of_scope", "of a later version"])
def test_a_cohort_from_which_nothing_is_collected(device: Device, collection: str) -> None:
    given(device, ceiling={"collection": collection})

    device.denies("out_of_scope")


def test_a_cohort_of_people_who_opted_in(device: Device) -> None:
    given(device, ceiling={"collection": "opt_in"})

    device.allows()


def test_a_ceiling_that_is_narrower_than_the_policy(device: Device) -> None:
    given(device, ceiling={"deny": [deny(source="programme", applications=["editor"])]})

    device.denies("programme", "editor")
    device.allows("wiki")


def test_what_is_denied_to_a_whole_cohort_comes_with_freshness(working: Device) -> None:
    working.portal.freshness_changes = {"deny": [deny(source="programme", applications=["wiki"])]}
    working.takes_policy()

    working.denies("programme", "wiki")
    working.allows(OPEN)

    working.portal.freshness_changes = {}
    working.takes_policy()
    working.allows("wiki")


@pytest.mark.parametrize("programme", ["stopped", "of a later version"])
def test_a_stop_of_the_programme_comes_with_freshness(working: Device, programme: str) -> None:
    working.portal.freshness_changes = {"programme": programme}
    working.takes_policy()

    working.denies("programme_stopped")
    assert working.acknowledgements()[-1]["effect"] == "not_collecting"

    working.portal.freshness_changes = {}
    working.takes_policy()
    working.allows()
    assert working.acknowledgements()[-1]["effect"] == "collecting"


BATTERY: Final = {"battery_below_percent": 30}
METERED: Final = {"metered_network": "deny"}
PRIVATE: Final = {"private_window": "deny"}
CONDITIONS: Final[list[tuple[str, dict[str, Any], dict[str, Any]]]] = [
    ("condition", BATTERY, {"on_battery": True, "battery_percent": 29}),
    ("allowed", BATTERY, {"on_battery": True, "battery_percent": 30}),
    ("allowed", BATTERY, {"on_battery": False, "battery_percent": 5}),
    ("condition_unknown", BATTERY, {"on_battery": True}),
    ("condition_unknown", BATTERY, {"battery_percent": 29}),
    ("condition_unknown", BATTERY, {}),
    ("condition", METERED, {"metered": True}),
    ("allowed", METERED, {"metered": False}),
    ("condition_unknown", METERED, {}),
    ("condition", PRIVATE, {"private_window": True}),
    ("allowed", PRIVATE, {"private_window": False}),
    ("condition_unknown", PRIVATE, {}),
    ("condition_unknown", {"camera_on": "deny"}, {"metered": False}),
    ("condition_unknown", {"metered_network": "ask"}, {"metered": False}),
]


@pytest.mark.parametrize(
    ("reason", "conditions", "surroundings"), CONDITIONS, ids=lambda value: str(value)[:50]
)
def test_conditions(
    device: Device, reason: str, conditions: dict[str, Any], surroundings: dict[str, Any]
) -> None:
    given(device, policy={"conditions": conditions})

    verdict = device.ask(OPEN, surroundings=surroundings)

    assert (verdict.allowed, verdict.reason) == (reason == "allowed", reason)


COUNTERPARTIES: Final[list[tuple[str, list[str] | None]]] = [
    ("counterparty_protected", ["mira@example.com"]),
    ("counterparty_protected", ["dana@example.com", "mira@example.com"]),
    ("counterparty_protected", ["MIRA@Example.com"]),
    ("counterparty_protected", ["anybody@mail.example.eu"]),
    ("allowed", ["dana@example.com"]),
    ("allowed", ["anybody@notexample.eu"]),
    ("allowed", []),
    ("counterparties_unknown", None),
    ("counterparties_unknown", ["Mira <mira@example.com>"]),
    ("counterparties_unknown", ["dana@example.com", ""]),
]


@pytest.mark.parametrize(("reason", "addresses"), COUNTERPARTIES, ids=str)
def test_counterparties(device: Device, reason: str, addresses: list[str] | None) -> None:
    document = filter_document("mira@example.com", "@example.eu")
    digest = device.portal.offer("filters", document)
    given(device, ceiling={"counterparties": digest})

    known: dict[str, Any] = {} if addresses is None else {"counterparties": addresses}
    verdict = device.ask("chat", **known)

    assert (verdict.allowed, verdict.reason) == (reason == "allowed", reason)
    device.allows(OPEN)
    assert not device.ask("browser", url="https://chat.example.com/").allowed


def test_a_later_policy_replaces_the_former(working: Device) -> None:
    working.denies("preference", "chat")

    working.portal.publish(version=18, deny=[deny()])
    working.takes_policy()
    working.denies("pause")

    working.portal.publish(version=19)
    working.takes_policy()
    working.allows("chat")
