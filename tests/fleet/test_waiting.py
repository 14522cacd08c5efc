"""Devices that wait: told of a change at once, and confirming it."""

import json
from collections import Counter

WAIT = ["--mode", "wait", "--start-within", "0.2", "--wait-seconds", "1"]


def test_devices_hold_one_poll_after_the_other(run_fleet, portal):
    report = run_fleet(*WAIT, seconds=2.6)

    held = report["times"]["held without news"]
    assert report["times"]["first poll"]["count"] == 4
    assert held["count"] == 8
    assert 1 <= held["p50"] < 1.3
    assert report["counts"]["waiting at the end"] == 4
    assert report["errors"] == {}


def test_a_press_reaches_the_device_and_is_confirmed(run_fleet, portal, tmp_path):
    events = tmp_path / "events.jsonl"

    report = run_fleet(
        *WAIT, "--press-every", "0.3", "--events", str(events), confirming=2, seconds=2
    )

    said = [json.loads(line) for line in events.read_text().splitlines()]
    presses = [path for _, path, *_ in portal.requests if path.startswith("pauses")]
    confirmed = portal.bodies("POST", "acknowledgements")
    counts = Counter(line["what"] for line in said)
    assert {"pauses", "pauses/current"} == set(presses)
    assert counts["changed"] == counts["confirmed"] == len(confirmed)
    assert 4 <= len(confirmed) <= len(presses) <= len(confirmed) + 1  # the end may cut one short
    assert {line.get("state") for line in said} == {None, "paused", "collecting"}
    assert report["times"]["press to confirmation"]["count"] == len(confirmed)
    assert report["times"]["press to new policy"]["p50"] < 0.5
    assert report["errors"] == {}


def test_a_portal_that_does_not_hold_polls_is_not_hammered(run_fleet, portal):
    def answer_at_once(handler):
        handler.headers.replace_header("Prefer", "wait=0") if "Prefer" in handler.headers else None
        portal.answer(handler, "policy", None)

    portal.wrong_answers["policy"] = answer_at_once

    report = run_fleet(*WAIT, count=2, seconds=1.5)

    assert report["counts"]["answered early without news"] >= 2
    assert len(portal.requests) < 15


def test_an_error_is_counted_and_the_device_asks_again_later(run_fleet, portal):
    failed = []

    def fail_once_each(handler):
        token = handler.headers["Authorization"]
        if token in failed:
            portal.answer(handler, "policy", None)
        else:
            failed.append(token)
            handler.send(503, {"code": "unavailable"}, {"Retry-After": "1"})

    portal.wrong_answers["policy"] = fail_once_each

    report = run_fleet(*WAIT, count=2, seconds=4.5)

    assert report["errors"] == {"status 503": 2}
    assert report["counts"]["waiting at the end"] == 2
