"""`POST /agent/v1/ledger`: what is kept, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from consent_app.devices.actions import revoke_device
from consent_app.ledger.actions import receive_report
from consent_app.ledger.models import HourlyCost, HourlyCount, Incident, Reporter, Word
from consent_app.ledger.rules import Counted
from tests.conftest import NOON
from tests.consent_app.ledger.conftest import HOUR, at_once, cost, row


@pytest.fixture
def laptop(make_device, frozen_time):
    return make_device()


@pytest.fixture
def report(post_json, laptop, declared):
    """Report rows as the laptop, all of one declared application unless they name another."""

    def report(*rows, cost=(), device=laptop, **members):
        reports = [found | {"application": found.get("application", declared[0])} for found in rows]
        body = {"reports": reports, "cost": list(cost)} | members
        return post_json("ledger", body, **device.authorization)

    return report


def counts():
    """Return all that is kept, by hour, application, kind and outcome."""
    words = dict(Word.objects.values_list("pk", "word"))
    return {
        (found.hour, *(words[key] for key in found.pk[2:])): found.count
        for found in HourlyCount.objects.all()
    }


def refusal(response):
    """Return the code and the wrong fields of a 422."""
    assert response.status_code == 422, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    return body["code"], [error["field"] for error in body.get("errors", [])]


# What is kept


def test_keeps_what_was_captured_and_what_was_not_by_its_reason(report, declared):
    slack = declared[0]

    response = report(row(application=slack, suppressed={"pause": 3, "safeguard": 1}))

    assert (response.status_code, response.json()) == (202, {"reports": 1, "cost": 0})
    hour = NOON - HOUR
    assert counts() == {
        (hour, slack, "keystrokes", "allowed"): 12,
        (hour, slack, "keystrokes", "pause"): 3,
        (hour, slack, "keystrokes", "safeguard"): 1,
    }


def test_the_same_report_twice_counts_once(report, declared):
    for _ in range(2):
        assert report(row(application=declared[0])).status_code == 202

    assert sorted(counts().values()) == [3, 12]


@pytest.mark.parametrize(("first", "second"), [(5, 9), (9, 5)])
def test_the_greatest_total_of_an_hour_holds_in_whatever_order(report, declared, first, second):
    for captured in (first, second):
        report(row(application=declared[0], captured=captured, suppressed={}))

    assert list(counts().values()) == [9]


def test_a_row_that_stands_twice_in_one_report_counts_once(report, declared):
    slack = declared[0]

    report(row(application=slack, captured=4), row(application=slack, captured=7))

    assert sorted(counts().values()) == [3, 7]


def test_what_never_happened_makes_no_row(report, declared):
    response = report(row(application=declared[0], captured=0, suppressed={"pause": 0}))

    assert response.status_code == 202
    assert counts() == {}


def test_two_devices_of_one_person_are_kept_apart(report, make_device, laptop, declared):
    other = make_device(laptop.device.employee, hostname="LAPTOP-2")

    report(row(application=declared[0], suppressed={}))
    report(row(application=declared[0], suppressed={}), device=other)

    assert HourlyCount.objects.values_list("reporter__device__hostname", "count").count() == 2


def test_keeps_the_cost_of_an_hour_each_figure_at_its_greatest(report):
    report(cost=[cost(cpu_seconds=1.25, bytes=5300, battery_mwh=None)])
    report(cost=[cost(cpu_seconds=0.5, bytes=6000, battery_mwh=7)])

    kept = HourlyCost.objects.get()
    figures = (kept.cpu_milliseconds, kept.sent_bytes, kept.battery_milliwatt_hours)
    assert figures == (1250, 6000, 7)


def test_an_empty_report_is_taken(report):
    assert report().status_code == 202


def test_remembers_the_first_hour_in_which_anything_was_captured(report, declared):
    app = declared[0]
    report(row(NOON - HOUR, application=app))
    report(row(NOON - 3 * HOUR, application=app, captured=0))
    report(row(NOON - 2 * HOUR, application=app))

    assert Reporter.objects.get().first_captured_at == NOON - 2 * HOUR


def test_how_often_an_excluded_application_was_open_is_not_kept(report, declared):
    excluded = declared[2]

    response = report(row(application=excluded, captured=0, suppressed={"excluded": 4}))

    assert response.status_code == 202
    assert counts() == {}
    assert not Word.objects.filter(word=excluded).exists()


def test_makes_the_day_that_is_missing(report, declared, frozen_time):
    far = datetime(2031, 1, 1, 12, tzinfo=UTC)
    frozen_time.move_to(far)

    response = report(row(far - 20 * HOUR, application=declared[0]), cost=[cost(far - HOUR)])

    assert response.status_code == 202
    assert HourlyCount.objects.count() == 2


# Hours


@pytest.mark.parametrize(
    "at",
    [
        NOON - timedelta(days=7),
        NOON,
        NOON + timedelta(hours=1) - timedelta(seconds=60),
    ],
    ids=["seven days old", "begins now", "begins in a minute"],
)
def test_takes_hours_of_the_last_seven_days(report, declared, frozen_time, at):
    hour = at if at <= NOON else NOON + HOUR
    frozen_time.move_to(NOON if at <= NOON else at)

    assert report(row(hour, application=declared[0])).status_code == 202


@pytest.mark.parametrize("hour", [NOON - timedelta(days=7, hours=1), NOON + HOUR])
def test_refuses_other_hours_and_names_each(report, declared, hour):
    response = report(
        row(hour, application=declared[0]), row(application=declared[0]), cost=[cost(hour)]
    )

    assert refusal(response) == ("out_of_range", ["reports.0.hour", "cost.0.hour"])
    assert counts() == {}


def test_refuses_the_next_hour_earlier_than_a_minute_ahead(report, declared, frozen_time):
    frozen_time.move_to(NOON - timedelta(seconds=61))

    assert refusal(report(row(NOON, application=declared[0])))[0] == "out_of_range"


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-11-23T11:30:00Z",
        "2026-11-23T11:00:00+00:00",
        "2026-11-23 11:00:00Z",
        "2026-11-23T11:00:00",
        "2026-11-23",
        1763895600,
        None,
    ],
)
def test_takes_one_spelling_of_a_whole_hour(report, declared, spelling):
    response = report(row(application=declared[0]) | {"hour": spelling})

    assert refusal(response) == ("invalid_value", ["reports.0.hour"])


# Values


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"captured": -1}, "out_of_range", "captured"),
        ({"captured": 2**31}, "out_of_range", "captured"),
        ({"captured": "12"}, "invalid_value", "captured"),
        ({"captured": True}, "invalid_value", "captured"),
        ({"captured": 1.5}, "invalid_value", "captured"),
        ({"suppressed": {"pause": -1}}, "out_of_range", "suppressed.pause"),
        ({"suppressed": {"boredom": 1}}, "invalid_value", "suppressed.boredom.[key]"),
        ({"suppressed": {"allowed": 1}}, "invalid_value", "suppressed.allowed.[key]"),
        ({"application": "=cmd"}, "invalid_value", "application"),
        ({"kind": "Key Strokes"}, "invalid_value", "kind"),
        ({"device": "x"}, "unknown_field", "device"),
    ],
)
def test_refuses_a_wrong_value_and_names_its_field(report, declared, change, code, field):
    response = report(row(**{"application": declared[0]} | change))

    assert refusal(response) == (code, [f"reports.0.{field}"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cpu_seconds": -0.1}, "out_of_range"),
        ({"cpu_seconds": 1e9}, "out_of_range"),
        ({"bytes": 2**31}, "out_of_range"),
        ({"battery_mwh": -1}, "out_of_range"),
        ({"watts": 1}, "unknown_field"),
    ],
)
def test_refuses_a_wrong_cost(report, change, code):
    assert refusal(report(cost=[cost(**change)]))[0] == code


def test_keeps_the_greatest_count_there_can_be(report, declared):
    report(row(application=declared[0], captured=2**31 - 1, suppressed={}))

    assert list(counts().values()) == [2**31 - 1]


def test_takes_hundreds_of_rows_and_no_body_above_64_kilobytes(report, declared):
    rows = [
        row(NOON - number * HOUR, application=declared[place], kind=kind, suppressed={})
        for number in range(100)
        for place in (0, 1)
        for kind in ("keystrokes", "mouse_click")
    ]

    assert report(*rows).status_code == 202
    assert report(*rows, *rows).status_code == 413
    assert HourlyCount.objects.count() == 400


def test_asks_few_queries_however_long_the_report(report, declared, django_assert_max_num_queries):
    rows = [row(NOON - number * HOUR, application=declared[0]) for number in range(150)]
    report(*rows[::24])  # makes the table of each day, should it not be there

    with django_assert_max_num_queries(12):
        report(*rows)


# Whose it is


def test_needs_the_token_of_a_device(post_json, db):
    assert post_json("ledger", {"reports": []}).status_code == 401


def test_a_removed_device_reports_nothing(report, laptop, declared):
    revoke_device(device=laptop.device, by=laptop.device.employee)

    response = report(row(application=declared[0]))

    assert (response.status_code, response.json()["code"]) == (403, "device_revoked")
    assert counts() == {}


# What is undeclared


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"application": "spyware"}, "application"),
        ({"kind": "microphone"}, "kind"),
        ({"kind": "microphone", "captured": 0}, "kind"),
    ],
)
def test_refuses_what_the_register_does_not_list_and_keeps_none_of_it(
    report, declared, change, member
):
    wrong = row(**{"application": declared[0]} | change)

    response = report(row(application=declared[0]), wrong, cost=[cost()])

    assert refusal(response) == ("undeclared", [f"reports.1.{member}"])
    assert counts() == {}
    assert not HourlyCost.objects.exists()
    incident = Incident.objects.get()
    assert (incident.application, incident.kind) == (wrong["application"], wrong["kind"])


def test_refuses_what_was_captured_from_an_excluded_application(report, declared):
    response = report(row(application=declared[2], captured=1, suppressed={}))

    assert refusal(response) == ("undeclared", ["reports.0.kind"])
    assert Incident.objects.exists()


# At once


@pytest.mark.django_db(transaction=True)
def test_of_reports_at_once_the_greatest_of_each_count_holds(make_device, declared):
    device = make_device().device
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [hour - number * HOUR for number in range(20)]

    def reporting(captured, order):
        rows = [Counted(at, declared[0], "keystrokes", captured, {"pause": 9}) for at in order]
        return lambda: receive_report(device=device, counted=rows, spent=[])

    at_once(*(reporting(n, hours if n % 2 else hours[::-1]) for n in range(1, 7)))

    found = counts()
    assert {count for key, count in found.items() if key[3] == "allowed"} == {6}
    assert len(found) == 40
