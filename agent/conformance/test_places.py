"""Where the owner works: no device goes to another place's ceiling by the portal's word alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.device import DENIED, OPEN, USUAL_POLICY, Device
from conformance.documents import COHORT, NOON, deny
from consent_agent.protocol.times import format_time

ELSEWHERE = "us-ca"
SHUT = "out_of_scope"


def send_to(device: Device, cohort: str, *, version: int, ceiling: int = 9, **changes: Any) -> None:
    """Have the portal say that the owner works there; `changes` are of the ceiling."""
    device.portal.ceiling_changes = {"version": ceiling, "cohort": cohort, **changes}
    device.portal.publish(version=version, cohort=cohort, **USUAL_POLICY)


def said(device: Device) -> list[tuple[int, str]]:
    return [(word["device_version"], word["effect"]) for word in device.acknowledgements()]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_another_place_collects_nothing_until_the_owner_says_so_there(working: Device) -> None:
    send_to(working, ELSEWHERE, version=18)
    working.takes_policy()

    working.denies("cohort_unconfirmed")
    working.denies("cohort_unconfirmed", DENIED)
    assert working.show()["device_version"] == 18
    assert said(working) == [(17, "collecting"), (18, "not_collecting")]

    working.moved(ELSEWHERE)
    working.allows()
    working.denies("preference", DENIED)
    working.takes_policy()
    assert said(working)[2:] == [(18, "collecting")]


def test_it_waits_for_the_owner_after_a_restart_too(working: Device) -> None:
    send_to(working, ELSEWHERE, version=18)
    working.takes_policy()
    working.restart()
    working.denies("cohort_unconfirmed")

    working.takes_policy()
    working.denies("cohort_unconfirmed")

    working.moved(ELSEWHERE)
    working.restart()
    working.allows()


def comes_home(device: Device) -> None:
    """Wait for a word, while the portal may offer an older ceiling of the place that is kept."""
    send_to(device, ELSEWHERE, version=18)
    device.takes_policy()
    device.portal.ceiling_changes = {"version": 1}
    device.portal.publish(version=19)


def waits_elsewhere(device: Device) -> None:
    send_to(device, ELSEWHERE, version=18)
    device.takes_policy()


def left_by_its_owners_word(device: Device) -> None:
    device.moved(ELSEWHERE)
    device.takes_policy()


def moved_before_the_first_policy(device: Device) -> None:
    """The device is enrolled anew, and the portal has not answered yet."""
    device.restart()
    shutil.rmtree(device.state)
    assert device.enrol()["ok"]
    device.moved(ELSEWHERE)


@pytest.mark.parametrize("lose", [damage, Path.unlink])
@pytest.mark.parametrize(
    "begin",
    [waits_elsewhere, left_by_its_owners_word, comes_home, moved_before_the_first_policy],
)
def test_it_waits_for_the_owner_whichever_one_file_was_lost(
    working: Device, begin: Callable[[Device], None], lose: Callable[[Path], None]
) -> None:
    begin(working)
    for path in working.losing_each_file(lose):
        for _ in range(2):
            working.poll()
            assert not working.ask(OPEN).allowed, f"without {path.name}"
            working.restart()


@pytest.mark.parametrize("lose", [damage, Path.unlink])
def test_after_the_owners_word_no_older_ceiling_comes_in_whichever_one_file_was_lost(
    working: Device, lose: Callable[[Path], None]
) -> None:
    comes_home(working)
    for path in working.losing_each_file(lose):
        working.poll()
        working.call("moved", cohort=COHORT)
        for _ in range(2):
            working.poll()
            assert not working.ask(OPEN).allowed, f"without {path.name}"
            working.restart()


@pytest.mark.parametrize("cohort", ["us-tx", COHORT])
def test_the_word_for_one_place_is_none_for_another(working: Device, cohort: str) -> None:
    working.moved(cohort)
    send_to(working, ELSEWHERE, version=18)
    working.takes_policy()

    working.denies("cohort_unconfirmed")


def test_the_owner_may_say_so_before_the_portal_does(working: Device) -> None:
    working.moved(ELSEWHERE)
    working.denies("cohort_unconfirmed")
    working.takes_policy()
    working.denies("cohort_unconfirmed")
    assert said(working)[-1] == (17, "not_collecting")

    send_to(working, ELSEWHERE, version=18)
    working.takes_policy()
    working.allows()


def test_the_word_before_the_first_policy_counts(device: Device) -> None:
    device.moved(ELSEWHERE)
    device.portal.publish(**USUAL_POLICY)
    device.takes_policy()
    device.denies("cohort_unconfirmed")

    send_to(device, ELSEWHERE, version=18)
    device.takes_policy()
    device.allows()


@pytest.mark.parametrize("collection", ["opt_in", "allowed"])
def test_every_open_collection_needs_the_word(working: Device, collection: str) -> None:
    send_to(working, ELSEWHERE, version=18, collection=collection)
    working.takes_policy()

    working.denies("cohort_unconfirmed")


def test_a_place_where_nothing_is_collected_needs_no_word(working: Device) -> None:
    send_to(working, ELSEWHERE, version=18, collection=SHUT)
    working.takes_policy()
    working.denies("out_of_scope")


def test_from_where_nothing_is_collected_it_takes_a_word_to_go_back(working: Device) -> None:
    """Whoever holds the policy key can send a device there and back."""
    send_to(working, ELSEWHERE, version=18, collection=SHUT)
    working.takes_policy()
    send_to(working, COHORT, version=19)
    working.takes_policy()
    working.denies("cohort_unconfirmed")
    working.restart()
    working.denies("cohort_unconfirmed")

    working.moved(COHORT)
    working.allows()


def test_a_place_that_opens_later_is_the_owners_by_then(device: Device) -> None:
    """The law there changed, and nobody moved."""
    send_to(device, ELSEWHERE, version=17, collection=SHUT)
    device.takes_policy()
    device.denies("out_of_scope")

    send_to(device, ELSEWHERE, version=18, ceiling=10)
    device.takes_policy()
    device.allows()


@pytest.mark.parametrize("collection", ["out_of_scope", "a word of later"])
def test_a_place_that_was_shut_and_opens_is_not_the_owners(
    working: Device, collection: str
) -> None:
    """Old ceilings are true ones too: of a place that opened there is one by which it was shut."""
    send_to(working, ELSEWHERE, version=18, ceiling=1, collection=collection)
    working.takes_policy()
    send_to(working, ELSEWHERE, version=19, ceiling=2)
    working.takes_policy()
    working.denies("cohort_unconfirmed")
    working.restart()
    working.denies("cohort_unconfirmed")

    working.moved(ELSEWHERE)
    working.allows()


def test_a_shut_place_does_not_wipe_out_the_owners_word(working: Device) -> None:
    send_to(working, ELSEWHERE, version=18, collection=SHUT)
    working.takes_policy()
    working.moved("us-tx")
    for _ in range(2):
        working.clock.pass_time(minutes=1)
        working.takes_policy()
        working.restart()
    working.denies("out_of_scope")

    send_to(working, "us-tx", version=19)
    working.takes_policy()
    working.allows()


def test_a_shut_place_whose_next_register_is_missing_does_not_either(working: Device) -> None:
    send_to(working, ELSEWHERE, version=18, collection=SHUT)
    working.takes_policy()
    working.moved("us-tx")
    missing = "sha256:" + "0" * 64
    send_to(working, ELSEWHERE, version=19, ceiling=10, collection=SHUT, register=missing)
    working.refuses(None)
    working.restart()
    send_to(working, ELSEWHERE, version=20, ceiling=11, collection=SHUT)
    working.takes_policy()

    send_to(working, "us-tx", version=21)
    working.takes_policy()
    working.allows()


def test_a_place_that_was_open_and_is_shut_leaves_none_either(working: Device) -> None:
    """Else one true open ceiling, slipped in before, would keep the old place."""
    send_to(working, ELSEWHERE, version=18, ceiling=1)
    working.takes_policy()
    send_to(working, ELSEWHERE, version=19, ceiling=2, collection=SHUT)
    working.takes_policy()
    send_to(working, COHORT, version=20)
    working.takes_policy()

    working.denies("cohort_unconfirmed")


def test_a_first_policy_without_its_register_sets_no_place(device: Device) -> None:
    missing = "sha256:" + "0" * 64
    send_to(device, ELSEWHERE, version=17, register=missing)
    device.refuses(None)
    device.restart()

    send_to(device, COHORT, version=18)
    device.takes_policy()
    device.allows()


def test_an_answer_that_is_refused_sets_no_place(device: Device) -> None:
    send_to(device, ELSEWHERE, version=17)
    device.portal.publish(version=17, cohort=COHORT)
    device.refuses("wrong_cohort")

    device.portal.ceiling_changes = {}
    device.portal.publish(version=18, **USUAL_POLICY)
    device.takes_policy()
    device.allows()


@pytest.mark.parametrize("state", ["out_of_scope", "opted_out", "unacknowledged", "revoked"])
def test_a_policy_that_is_shut_for_now_does_not_take_the_device_along(
    working: Device, state: str
) -> None:
    """`state` is the policy key's word: else two policies of a thief would do what one can't."""
    send_to(working, ELSEWHERE, version=18)
    working.portal.publish(version=18, cohort=ELSEWHERE, state=state)
    working.takes_policy()
    working.portal.publish(version=19, cohort=ELSEWHERE)
    working.takes_policy()

    working.denies("cohort_unconfirmed")


def test_what_takes_away_holds_while_it_waits(working: Device) -> None:
    """Erasures are followed and confirmed all the same, and a pause is in force afterwards."""
    working.hold(OPEN, NOON, NOON)
    erase = {
        "id": "33333333-0000-4000-8000-000000000003",
        "from": format_time(NOON),
        "until": format_time(NOON.replace(hour=13)),
    }
    send_to(working, ELSEWHERE, version=18)
    working.portal.publish(version=18, cohort=ELSEWHERE, erase=[erase], deny=[deny()])
    working.takes_policy()

    assert working.show()["held"] == 0
    assert said(working)[-1] == (18, "not_collecting")
    working.moved(ELSEWHERE)
    working.denies("pause")
