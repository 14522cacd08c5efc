"""Devices that poll: each at its time, counted from then, and every answer looked at."""

import os
import time

import pytest

from consent_agent.protocol.canonical import content_digest

POLICY = "/agent/v1/policy"
each = pytest.mark.parametrize


def test_every_device_polls_in_each_period(run_fleet, portal):
    report = run_fleet("--period", "1", "--start-within", "0.5", "--check-one-in", "1", seconds=2.2)

    polls = len([path for _, path, *_ in portal.requests if path == "policy"])
    counted = sum(report["times"][f"poll, {status}"]["count"] for status in (200, 304))
    assert report["times"]["poll, 200"]["count"] == 4
    assert 8 <= polls == counted <= 12
    assert report["counts"]["checked by the agent's acceptance"] == polls
    assert (report["errors"], report["exit"]) == ({}, 0)


def test_a_portal_that_stands_still_is_late_for_all_who_were_due(run_fleet, portal):
    stood = []

    def stand_still_once(handler):
        if not stood:
            stood.append(time.sleep(0.6))
        portal.answer(handler, "policy", None)

    portal.wrong_answers["policy"] = stand_still_once

    report = run_fleet("--start-within", "0.2", "--connections", "1", count=20)

    # One connection: all but one answer took no time, but everybody waited for theirs.
    times = report["times"]["poll, 200"]
    assert times["count"] == 20
    assert times["p50"] > 0.4
    assert report["times"]["sent late by"]["longest"] < 0.4


@each(
    ("changes", "kind"),
    [
        ({"device_digest": content_digest(b"other")}, "document refused: freshness_mismatch"),
        ({"device": "5f0c1c1e-5f6e-4d4e-9b53-3a4b8a0c7a11"}, "document refused: wrong_device"),
        ({"minutes": 61}, "document refused: bad_window"),
    ],
)
def test_a_document_that_the_agent_would_refuse_is_an_error(run_fleet, portal, changes, kind):
    portal.freshness_changes = changes

    report = run_fleet("--start-within", "0", "--check-one-in", "2")

    assert report["errors"] == {kind: 2}
    assert report["exit"] == 1


@each(
    ("status", "headers", "kind"),
    [
        (500, {}, "status 500"),
        (200, {}, "etag_missing"),
        (304, {"ETag": '"1"'}, "not_modified_unasked"),
    ],
)
def test_a_wrong_answer_is_an_error_by_its_kind(run_fleet, portal, status, headers, kind):
    portal.wrong_answers["policy"] = lambda handler: handler.send(status, {}, headers)

    report = run_fleet("--start-within", "0", "--check-one-in", "10", count=3)

    assert report["errors"] == {kind: 3}


def test_an_unchanged_answer_without_freshness_is_an_error(run_fleet, portal):
    def forget_freshness(handler):
        if handler.headers.get("If-None-Match"):
            handler.send(304, headers={"ETag": '"17"'})
        else:
            portal.answer(handler, "policy", None)

    portal.wrong_answers["policy"] = forget_freshness

    report = run_fleet("--period", "1", "--start-within", "0", "--check-one-in", "9", seconds=1.5)

    assert report["errors"] == {"freshness_missing": 4}


def test_a_connection_that_is_closed_on_a_request_is_an_error(run_fleet, portal):
    def hang_up(handler):
        handler.close_connection = True

    portal.wrong_answers["policy"] = hang_up

    report = run_fleet("--start-within", "0", count=3)

    assert report["errors"] == {"connection lost": 3}


def test_a_device_asks_again_only_after_the_time_it_was_told(run_fleet, portal):
    def too_many(handler):
        handler.send(429, {"code": "too_many_requests"}, {"Retry-After": "60"})

    portal.wrong_answers["policy"] = too_many

    report = run_fleet("--period", "1", "--start-within", "0", count=3, seconds=2.5)

    assert report["errors"] == {"status 429": 3}
    assert report["counts"]["told when to ask again"] == 3


def test_a_flood_asks_as_often_as_it_is_answered(run_fleet, portal):
    flood = ["--mode", "flood", "--connections", "2", "--expect", "200"]

    report = run_fleet(*flood, "--path", "/.well-known/jwks.json", seconds=0.5)

    asked = len([path for _, path, *_ in portal.requests if path == "/.well-known/jwks.json"])
    assert report["times"]["answer, 200"]["count"] == asked > 10
    assert report["errors"] == {}


def test_a_flood_counts_every_other_status(run_fleet):
    report = run_fleet("--mode", "flood", "--connections", "2", "--expect", "304", seconds=0.3)

    asked = report["times"]["answer, 304"]["count"]
    assert report["errors"] == {"status 200": asked}


def test_memory_and_open_files_of_a_process_are_sampled(run_fleet):
    report = run_fleet("--watch", str(os.getpid()), seconds=1.5)

    [watched] = report["watched"]
    assert 2 <= len(watched["samples"]) <= 4
    assert watched["rss_kb"]["most"] > 10_000
    assert watched["files"]["last"] > 3
