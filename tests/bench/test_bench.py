"""What a measurement rests on: its percentiles, and that it sees wrong answers."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.bare import application
from tests.bench.figures import percentile, table
from tests.bench.load import Sample
from tests.bench.own_load import requests_in, run

ANSWERS = {
    "not modified": b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n',
    "with a body": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    "refused": b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}",
}


@pytest.fixture
def requests_file(tmp_path) -> Path:
    file = tmp_path / "requests.txt"
    file.write_text('token-a "1-1-0"\ntoken-b -\n')
    return file


@pytest.fixture
def load_once(requests_file):
    """Load a server that always gives the same answer, in pieces of `piece` bytes."""

    def load(answer: bytes, *, expected: int, piece: int = 10) -> dict[str, float]:
        return asyncio.run(_load(answer, expected, piece))

    async def _load(answer: bytes, expected: int, piece: int) -> dict[str, float]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                for start in range(0, len(answer), piece):
                    writer.write(answer[start : start + piece])
                    await writer.drain()
                    await asyncio.sleep(0)
                if not answer:
                    break
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await run(
                port, "/", connections=2, seconds=0.05, expected=expected, file=requests_file
            )

    return load


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


def test_own_generator_asks_with_token_and_etag_of_each_line(requests_file):
    first, second = requests_in(requests_file, path="/agent/v1/policy")

    assert first.startswith(b"GET /agent/v1/policy HTTP/1.1\r\nHost: ")
    assert b'Authorization: Bearer token-a\r\nIf-None-Match: "1-1-0"\r\n\r\n' in first
    assert second.endswith(b"Authorization: Bearer token-b\r\n\r\n")


@pytest.mark.parametrize(("answer", "expected"), [("not modified", 304), ("with a body", 200)])
def test_own_generator_reads_answers_that_come_in_pieces(load_once, answer, expected):
    said = load_once(ANSWERS[answer], expected=expected)

    assert said["answers"] > 2
    assert said["errors"] == 0


def test_own_generator_counts_every_other_status_as_an_error(load_once):
    said = load_once(ANSWERS["refused"], expected=304)

    assert said["answers"] == said["errors"] > 0


def test_own_generator_counts_connections_that_were_closed_on_it(load_once):
    said = load_once(b"", expected=304)

    assert (said["answers"], said["errors"]) == (0, 2)


def test_bare_handler_answers_304_and_nothing_more():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(application({"type": "http"}, None, send))

    assert [message.get("status") for message in sent] == [304, None]
    assert sent[1]["body"] == b""
