"""What a measurement rests on: its percentiles, its verdicts, and that it sees wrong answers."""

import asyncio
import json
from dataclasses import replace

import pytest

from consent_fleet.devices import Device
from tests.bench import load
from tests.bench.bare import application
from tests.bench.figures import percentile, table
from tests.bench.load import Sample, measure
from tests.bench.outcome import Figure, Outcome
from tests.bench.processes import BARE, Nginx, Server

DEVICES = [Device(f"device-{number}", f"token-{number}", etag='"1"') for number in range(3)]
needs_wrk = pytest.mark.skipif(load.WRK is None, reason="wrk is not on the PATH")


@pytest.fixture(params=[False, pytest.param(True, marks=needs_wrk)], ids=["fleet", "wrk"])
def generator(request, monkeypatch) -> None:
    """Load by the simulated fleet, then by wrk."""
    if not request.param:
        monkeypatch.setattr(load, "WRK", None)


@pytest.fixture
def bare(tmp_path):
    with Server(BARE["rsgi"], log=tmp_path / "bare.log") as server:
        yield server


@pytest.mark.parametrize(
    ("percent", "value"), [(1, 1), (50, 2), (75, 3), (76, 4), (99, 4), (100, 4)]
)
def test_percentile_is_the_nearest_rank(percent, value):
    values = [4, 1, 3, 2]

    found = percentile(values, percent)

    assert found == value


def test_percentile_of_one_value_is_that_value():
    assert percentile([7.0], 99) == 7.0


def test_table_lines_up_names_left_and_figures_right():
    text = table(["what", "per second"], [["poll", "7"], ["a long name", "12,345"]])

    assert text.splitlines() == [
        "what         per second",
        "poll                  7",
        "a long name      12,345",
    ]


def test_sample_divides_by_the_time_the_server_really_had():
    sample = Sample(
        answers=8000, seconds=2.0, median=0.001, p99=0.002, errors=0, cpu_seconds=0.5,
        generator_busy=0.1,
    )  # fmt: skip

    assert (sample.rate, sample.rate_per_core, sample.server_busy) == (4000, 16000, 0.25)


def test_a_load_counts_answers_and_cpu_time(bare, generator):
    sample = measure(bare, "/", DEVICES, expected=304, conditional=True, seconds=1)

    assert sample.answers > 50
    assert sample.errors == 0
    assert 0 < sample.median <= sample.p99
    assert sample.cpu_seconds is None or 0 < sample.cpu_seconds < 5


def test_a_load_counts_every_other_status_as_an_error(bare, generator):
    sample = measure(bare, "/", DEVICES, expected=200, conditional=True, seconds=1)

    assert sample.errors >= sample.answers > 0


def test_a_load_adds_the_errors_that_were_seen_meanwhile(bare, generator):
    sample = measure(
        bare, "/", DEVICES, expected=304, conditional=True, seconds=1, meanwhile=lambda: 1
    )

    assert sample.errors > 0


@pytest.mark.skipif(Nginx.PROGRAM is None, reason="nginx is not installed")
def test_nginx_answers_304_to_who_has_the_file(tmp_path):
    with Nginx(tmp_path, path="/policy", body=b"document") as nginx:
        stale = measure(nginx, "/policy", DEVICES, expected=200, conditional=True, seconds=1)
        unasked = [replace(device, etag="") for device in DEVICES]
        fresh = measure(nginx, "/policy", unasked, expected=200, conditional=True, seconds=1)

    assert stale.answers > 0 < fresh.answers
    assert stale.errors == fresh.errors == 0


def test_bare_handler_answers_304_and_nothing_more():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(application({"type": "http"}, None, send))

    assert [message.get("status") for message in sent] == [304, None]
    assert sent[1]["body"] == b""


def test_bare_handler_answers_alike_by_rsgi():
    answered = []

    class Protocol:
        def response_empty(self, status, headers):
            answered.append((status, headers))

    asyncio.run(application.__rsgi__(None, Protocol()))

    assert answered == [(304, [("etag", '"1"')])]


@pytest.mark.parametrize(
    ("figure", "target", "is_met"),
    [
        (Figure.at_most("ms", 9.96, 10), "under 10.0", True),
        (Figure.at_most("ms", 10, 10), "under 10.0", False),
        (Figure.at_least("polls", 25_000, 25_000), "at least 25,000", True),
        (Figure.at_least("share", 0.5999, 0.6, "{:.0%}"), "at least 60%", False),
        (Figure.not_measured("nginx", "no nginx"), "", None),
    ],
)
def test_figures_stand_beside_their_targets(figure, target, is_met):
    assert (figure.target, figure.is_met) == (target, is_met)


def test_an_outcome_says_what_is_missed_and_what_was_wrong():
    outcome = Outcome("Polls", [Figure.at_most("p99, ms", 21, 20), Figure("size", "7")])
    outcome.add_errors({"status 500": 2}, during="polls")
    outcome.add_errors({"status 500": 1}, during="polls")

    lines = outcome.text().splitlines()

    assert "## Polls" in lines
    assert next(line for line in lines if line.startswith("p99")).endswith("NOT MET")
    assert not next(line for line in lines if line.startswith("size")).endswith("MET")
    assert "ERROR polls: status 500: 3" in lines


def test_the_report_of_the_fleet_reads_like_that_of_wrk():
    report = {
        "measured_seconds": 2.0,
        "times": {"answer, 304": {"count": 10, "p50": 0.1, "p99": 0.2}},
        "errors": {"status 500": 1, "connection lost": 2},
    }

    found = load._found(json.loads(json.dumps(report)))

    assert found == {"answers": 10, "seconds": 2.0, "median": 0.1, "p99": 0.2, "errors": 3}
