"""My data: the sums, the days and hours in one's own zone, and nobody else's."""

import csv
import html
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from consent_app.devices.actions import revoke_device
from consent_app.ledger.actions import keep_days, receive_report
from consent_app.ledger.models import Reporter
from consent_app.ledger.rules import Counted, Spent
from tests.conftest import NOON
from tests.consent_app.ledger.conftest import HOUR

NEW_YORK = "America/New_York"


def text_of(response):
    return " ".join(html.unescape(strip_tags(response.content.decode())).split())


def lead_of(response):
    return html.unescape(re.search(r'class="lead">(.*?)</p>', response.content.decode())[1])


def points_of(response):
    """Return the counts of the chart's table by the name of the hour or day."""
    points = response.context["counted"].points
    return {point.name: (point.collected, point.left_out) for point in points}


@pytest.fixture
def mira(make_employee, frozen_time):
    return make_employee("Mira Okafor", time_zone=NEW_YORK)


@pytest.fixture
def laptop(make_device, mira):
    return make_device(mira)


@pytest.fixture
def visit(sign_in, mira):
    def visit(name="my-data", person=None, **query):
        return sign_in(person or mira).get(reverse(name), query)

    return visit


# Sums


def test_says_in_a_sentence_what_was_collected_today(visit, laptop, count, declared):
    count(laptop, captured=1200, pause=300, safeguard=10)
    count(laptop, app=declared[1], captured=4, kind="mouse_click")

    assert lead_of(visit()) == "1,204 events were collected from you today. 310 more were left out."


@pytest.mark.parametrize(
    ("captured", "paused", "sentence"),
    [
        (1, 0, "1 event was collected from you today. None was left out."),
        (1, 1, "1 event was collected from you today. 1 more was left out."),
        (0, 7, "Nothing was collected from you today. 7 events were left out."),
    ],
)
def test_the_sentence_is_right_for_few(visit, laptop, count, captured, paused, sentence):
    count(laptop, captured=captured, pause=paused)

    assert lead_of(visit()) == sentence


def test_adds_up_two_devices_one_of_them_removed(visit, laptop, make_device, mira, count):
    other = make_device(mira, hostname="LAPTOP-2")
    count(laptop, captured=5)
    count(other, captured=6)
    revoke_device(device=other.device, by=mira)

    response = visit()

    assert lead_of(response).startswith("11 events")
    assert "LAPTOP-2 (removed)" in text_of(response)


def test_says_until_when_each_device_told(visit, laptop, make_device, mira, count, frozen_time):
    count(laptop, NOON - HOUR)
    spent = [Spent(NOON - 3 * HOUR, 1.0, 1, None)]
    other = make_device(mira, hostname="LAPTOP-2")
    receive_report(device=other.device, counted=[], spent=spent)

    text = text_of(visit())
    assert "LAPTOP-1: last told of the hour that began 1 hour ago" in text
    assert "LAPTOP-2: last told of the hour that began 3 hours ago" in text

    frozen_time.shift(timedelta(days=8))
    assert text_of(visit()).count("has told of no hour for a week") == 2


def test_lists_applications_by_name_the_most_collected_from_first(visit, laptop, count, declared):
    slack, mail = declared[:2]
    count(laptop, app=slack, captured=3, kind="keystrokes")
    count(laptop, app=mail, captured=5, kind="mouse_click", pause=2)

    counted = visit().context["counted"]

    assert [line.totals.collected for line in counted.lines] == [5, 3]
    assert [dict(line.by_kind) for line in counted.lines] == [
        {"Mouse clicks": 5, "Keystrokes": 0},
        {"Mouse clicks": 0, "Keystrokes": 3},
    ]


def test_adds_up_each_kind_in_the_order_of_the_register(visit, laptop, count, declared):
    slack, mail = declared[:2]
    count(laptop, app=slack, captured=3, kind="keystrokes", pause=1)
    count(laptop, app=mail, captured=4, kind="keystrokes")
    count(laptop, app=mail, captured=0, kind="mouse_click", pause=2)

    page = visit()

    sums = [
        (kind, totals.collected, totals.left_out)
        for kind, totals in page.context["counted"].by_kind
    ]
    assert sums == [("Mouse clicks", 0, 2), ("Keystrokes", 7, 1)]
    assert "By kind of data" in text_of(page)


def test_says_why_something_was_left_out_and_puts_together_what_reads_the_same(
    visit, laptop, count
):
    count(laptop, pause=3, local_pause=4, exemption=9)

    reasons = visit().context["counted"].reasons

    assert reasons == [("An exemption of yours", 9), ("You had paused", 7)]


# Days and hours


def test_today_begins_at_midnight_where_the_person_is(visit, laptop, count):
    midnight = datetime(2026, 11, 23, 5, tzinfo=UTC)
    count(laptop, midnight - HOUR, 100)
    count(laptop, midnight, 7)

    points = points_of(visit())

    assert points["00:00"] == (7, 0)
    assert sum(collected for collected, _ in points.values()) == 7
    assert len(points) == 24


def test_week_and_month_are_of_local_days(visit, laptop, count):
    midnight = datetime(2026, 11, 23, 5, tzinfo=UTC)
    count(laptop, midnight - HOUR, 100)
    count(laptop, midnight, 7)

    for show, days in (("week", 7), ("month", 30)):
        points = points_of(visit(show=show))
        assert len(points) == days
        assert points["Sunday 22 November"] == (100, 0)
        assert points["Monday 23 November"] == (7, 0)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "twice"),
    [
        (NEW_YORK, "2026-11-01", 25, ["01:00 EDT", "01:00 EST"]),
        (NEW_YORK, "2027-03-14", 23, []),
        ("Asia/Kolkata", "2026-11-20", 24, []),
        ("Australia/Lord_Howe", "2027-04-04", 25, ["01:30 +1030"]),
    ],
)
def test_a_day_has_the_hours_that_begin_in_it(
    visit, laptop, declared, mira, frozen_time, zone, day, hours, twice
):
    mira.time_zone = zone
    mira.save(update_fields=["time_zone"])
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    frozen_time.move_to(noon + timedelta(days=2))
    around = [noon + number * HOUR for number in range(-40, 40)]
    receive_report(
        device=laptop.device,
        counted=[Counted(hour, declared[0], "keystrokes", 1) for hour in around],
        spent=[],
    )

    points = points_of(visit(to=day))

    assert len(points) == hours
    assert set(points.values()) == {(1, 0)}
    assert [name for name in points if " " in name] == twice


def test_a_person_who_moved_sees_the_days_of_where_they_are_now(visit, laptop, count, mira):
    count(laptop, datetime(2026, 11, 23, 3, tzinfo=UTC), 7)
    assert points_of(visit(show="week"))["Sunday 22 November"] == (7, 0)

    mira.time_zone = "Europe/Berlin"
    mira.save(update_fields=["time_zone"])

    assert points_of(visit(show="week"))["Monday 23 November"] == (7, 0)


def test_leads_to_earlier_days_as_far_as_they_are_kept_and_back(visit, laptop, count):
    count(laptop)

    response = visit(show="week")
    earlier = visit(show="week", to="2026-11-16")
    oldest = visit(show="month", to="2026-08-25")

    assert "to=2026-11-16" in response.context["earlier"]
    assert response.context["later"] == ""
    assert "to=2026-11-23" in earlier.context["later"]
    assert oldest.context["earlier"] == ""


def test_nothing_is_said_of_days_whose_counts_are_deleted(visit, laptop, count):
    count(laptop)

    month = visit(show="month", to="2026-08-27")
    one_day = visit(show="week", to="2026-08-25")

    days = ["Tuesday 25 August", "Wednesday 26 August", "Thursday 27 August"]
    assert list(points_of(month)) == days
    assert lead_of(month) == "Nothing was counted from 25 August to 27 August."
    assert lead_of(one_day) == "Nothing was counted on 25 August."


@pytest.mark.parametrize("query", [{"show": "year"}, {"to": "yesterday"}, {"to": "2026-13-01"}])
def test_an_address_that_makes_no_sense_is_refused(visit, laptop, count, query):
    count(laptop)

    assert visit(**query).status_code == 400


@pytest.mark.parametrize(
    ("to", "shown"), [("2030-01-01", "23 November"), ("0001-01-01", "25 August")]
)
def test_days_out_of_reach_are_the_nearest_ones(visit, laptop, count, to, shown):
    count(laptop)

    assert shown in text_of(visit(to=to))


# Cost, retention, nothing yet


def test_shows_what_the_agent_used_against_its_budget(visit, laptop, declared):
    spent = [Spent(NOON - number * HOUR, 36.0, 5_000_000, None) for number in range(2)]
    receive_report(device=laptop.device, counted=[], spent=spent)

    costs = {cost.name: cost for cost in visit().context["costs"]}

    network = costs["Network"]
    assert (network.used, network.most, network.part) == ("10 MB", "10 MB in a day", 0.5)
    assert costs["Processor"].used == "1.00 per cent on average"
    assert costs["Processor"].part == 0.5
    assert costs["Battery"].used == "not measured by your devices"


def test_says_when_the_budget_was_not_kept(visit, laptop, declared):
    receive_report(device=laptop.device, counted=[], spent=[Spent(NOON, 73.0, 1, 40)])

    response = visit()

    assert "Over the budget" in text_of(response)
    assert "40 mWh" in text_of(response)


def test_says_since_when_and_when_the_next_is_deleted_and_keeps_its_word(
    visit, laptop, count, frozen_time
):
    count(laptop)

    response = visit()
    kept = response.context["kept"]
    assert "Collected since Monday 23 November 2026." in text_of(response)
    assert "kept for 90 days" in text_of(response)

    frozen_time.move_to(kept.deleted_at - timedelta(days=1))
    assert keep_days() == 0 or Reporter.objects.exists()
    assert visit().context["kept"].oldest == kept.oldest
    frozen_time.move_to(kept.deleted_at)
    keep_days()
    after = visit()
    assert after.context["kept"].oldest is None
    assert "Collected since Monday 23 November 2026." in text_of(after)


def test_says_when_a_deletion_is_overdue(visit, laptop, count, frozen_time):
    count(laptop)
    due = visit().context["kept"].deleted_at

    frozen_time.move_to(due + timedelta(minutes=59))
    assert "are deleted on" in text_of(visit())
    frozen_time.move_to(due + timedelta(minutes=61))
    late = text_of(visit())
    keep_days()

    assert "should have been deleted on" in late
    assert "should have been deleted" not in text_of(visit())


def test_without_a_report_the_page_says_what_will_be_there(visit, laptop):
    response = visit()

    assert "Nothing was reported yet" in text_of(response)
    assert "chart" not in response.content.decode()


def test_a_day_without_counts_is_no_proof_that_nothing_was_collected(visit, laptop, count):
    count(laptop)

    response = visit(to="2026-11-10")

    assert lead_of(response) == "Nothing was counted on 10 November."
    assert "reports later" in text_of(response)


# Only I see it


@pytest.fixture
def somebody(make_employee):
    return make_employee("Somebody Else")


def test_nobody_sees_what_is_another_persons(visit, laptop, count, somebody, make_device):
    count(laptop, captured=4711)

    pages = [visit(name, person=somebody) for name in ("my-data", "my-data-csv", "my-data-json")]

    for page in pages:
        content = b"".join(page) if page.streaming else page.content
        assert page.status_code == 200
        assert b"4711" not in content
        assert b"4,711" not in content
        assert laptop.device.hostname.encode() not in content


def test_a_manager_sees_nothing_of_a_report(visit, laptop, count, mira, make_employee):
    boss = make_employee("Jonas Lind")
    mira.line_manager = boss
    mira.save(update_fields=["line_manager"])
    before = visit(person=boss).content

    count(laptop, captured=4711)

    def without_tokens(page):
        return re.sub(rb"[A-Za-z0-9]{64}", b"", page)

    assert without_tokens(visit(person=boss).content) == without_tokens(before)


# Downloads


def test_downloads_all_of_it_as_csv(visit, laptop, count, declared):
    count(laptop, NOON - timedelta(days=5), 12, pause=3)

    response = visit("my-data-csv")

    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert response["Content-Disposition"] == 'attachment; filename="my-data.csv"'
    assert response["Cache-Control"] == "no-store"
    assert [(row["outcome"], row["count"]) for row in rows] == [("allowed", "12"), ("pause", "3")]
    assert rows[0]["hour"] == "2026-11-18T12:00:00Z"
    assert rows[0]["application"] == declared[0]


def test_downloads_all_of_it_as_json_with_what_the_agent_used(visit, laptop, count, declared):
    count(laptop, captured=12, pause=3)
    receive_report(device=laptop.device, counted=[], spent=[Spent(NOON, 1.5, 9, None)])

    document = json.loads(b"".join(visit("my-data-json")))

    assert [row["count"] for row in document["counts"]] == [12, 3]
    [used] = document["costs"]
    assert used == {
        "hour": "2026-11-23T12:00:00Z",
        "device": "LAPTOP-1",
        "cpu_seconds": 1.5,
        "bytes": 9,
        "battery_mwh": None,
    }


def test_an_empty_download_is_whole(visit, laptop):
    assert b"".join(visit("my-data-csv")).count(b"\n") == 1
    assert json.loads(b"".join(visit("my-data-json")))["counts"] == []


# Queries


@pytest.mark.parametrize("show", ["day", "week", "month"])
def test_the_number_of_queries_does_not_grow(
    visit, laptop, make_device, mira, declared, count, show, django_assert_max_num_queries
):
    for hostname in ("LAPTOP-1", "LAPTOP-2"):
        device = make_device(mira, hostname=hostname)
        for number in range(3):
            for app in declared[:2]:
                count(device, NOON - number * 26 * HOUR, app=app, pause=1)

    visit()

    with django_assert_max_num_queries(30):
        visit(show=show)
