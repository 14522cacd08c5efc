"""All devices, for IT: where each stands, lists and figures of it, and removing or enrolling again.

That none of it tells what an owner decided is held by tests/test_differential.py.
"""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices import fleet
from consent_app.devices.actions import (
    accept_device,
    issue_rollout,
    receive_acknowledgement,
    refresh_policies,
    revoke_device,
)
from consent_app.devices.actions.policies import replace_signatures
from consent_app.devices.fleet import Contact, Lag, Standing, Wanted, lists
from consent_app.devices.models import Ceiling, Device, DevicePolicy, Rollout
from consent_app.notifications.models import Notification
from consent_app.people.models import CollectionDefault
from consent_app.people.roles import Role
from consent_app.restrictions.actions import resume, start_pause
from tests.conftest import NOON
from tests.consent_app.devices.test_rollouts import roll_out  # noqa: F401 (fixture)
from tests.exemption_fixtures import give_role


@pytest.fixture
def samuel(make_employee):
    return give_role(make_employee("Samuel Adeyemi"), Role.IT_ADMINISTRATOR)


@pytest.fixture
def mira(make_employee):
    return make_employee("Mira Okafor", email="mira.okafor@example.com")


@pytest.fixture
def client_of_it(sign_in, samuel):
    return sign_in(samuel)


@pytest.fixture
def make_known(make_device, frozen_time):
    """Enrol a device that is in contact and has confirmed what it was told."""

    def make(person=None, *, confirms=True, seen=timedelta(0), **fields):
        enrolled = make_device(person, **fields)
        if confirms:
            receive_acknowledgement(device=enrolled.device, jws=enrolled.acknowledgement())
        if seen is not None:
            Device.objects.filter(pk=enrolled.device.pk).update(last_seen_at=NOON - seen)
        enrolled.device.refresh_from_db()
        return enrolled

    return make


def sign_next_ceiling(device, *, ago):
    """Let another ceiling of the device's cohort have come into force some time ago."""
    last = Ceiling.objects.filter(jurisdiction=device.cohort).latest("version")
    last.pk, last.version, last.in_force_at = None, last.version + 1, NOON - ago
    last.digest = f"sha256:{last.version:064x}"
    last.save(force_insert=True)


def now():
    return fleet.in_force(at=timezone.now())


def names(**wanted):
    return [device.hostname for device in fleet.listed(Wanted(**wanted), held=now()).devices]


# Where a device stands


def test_a_device_that_confirmed_what_holds_is_in_date(make_known):
    device = make_known().device

    assert (device.cohort, device.confirmed_ceiling) == ("US-CA", 1)
    assert now().standing_of(device) == Standing.IN_DATE
    assert now().lag_of(device) == Lag.NONE


LAGS = {
    timedelta(minutes=4): Lag.NONE,
    timedelta(minutes=6): Lag.HOUR,
    timedelta(hours=23): Lag.DAY,
    timedelta(days=6): Lag.WEEK,
    timedelta(days=29): Lag.MONTH,
    timedelta(days=31): Lag.LONGER,
}


@pytest.mark.parametrize(("ago", "lag"), LAGS.items())
def test_a_device_lags_since_the_ceiling_that_it_has_not_confirmed(make_known, ago, lag):
    device = make_known().device

    sign_next_ceiling(device, ago=ago)
    sign_next_ceiling(device, ago=timedelta(0))

    assert now().lag_of(device) == lag
    assert names(lag=lag.value) == [device.hostname]
    assert [other for other in Lag if other != lag and names(lag=other.value)] == []


def test_a_ceiling_that_is_signed_ahead_makes_nobody_lag(make_known):
    device = make_known().device

    sign_next_ceiling(device, ago=timedelta(days=-3))

    assert now().lag_of(device) == Lag.NONE


def test_the_word_about_a_ceiling_is_kept_once(make_known, frozen_time):
    enrolled = make_known()
    frozen_time.shift(timedelta(days=2))
    start_pause(employee=enrolled.device.employee, by=enrolled.device.employee, minutes=5)

    receive_acknowledgement(device=enrolled.device, jws=enrolled.acknowledgement(sequence=2))

    enrolled.device.refresh_from_db()
    assert enrolled.device.ceiling_confirmed_at == NOON


def test_a_device_of_somebody_who_moved_has_confirmed_nothing_there(
    make_known, make_jurisdiction, mira
):
    enrolled = make_known(mira)
    mira.jurisdiction = make_jurisdiction("US-NY")
    mira.save(update_fields=["jurisdiction"])

    start_pause(employee=mira, by=mira, minutes=5)

    enrolled.device.refresh_from_db()
    assert (enrolled.device.cohort, enrolled.device.confirmed_ceiling) == ("US-NY", 0)


def places_told(person):
    told = Notification.objects.filter(recipient=person, event="device_place")
    return [(message.context["hostnames"], message.context["cohort"]) for message in told]


def test_somebody_who_moved_is_told_once_what_their_devices_wait_for(
    make_known, make_jurisdiction, mira
):
    for name in ("LAPTOP-1", "DESKTOP-7"):
        make_known(mira, hostname=name)
    at_first = places_told(mira)
    mira.jurisdiction = make_jurisdiction("US-NY")
    mira.save(update_fields=["jurisdiction"])

    start_pause(employee=mira, by=mira, minutes=5)
    resume(employee=mira, by=mira)

    assert at_first == []
    assert places_told(mira) == [("DESKTOP-7, LAPTOP-1", "us-ny")]


def test_nobody_is_told_where_nothing_is_collected(make_known, make_jurisdiction, mira):
    make_known(mira)
    mira.jurisdiction = make_jurisdiction("DE", collection_default=CollectionDefault.NOT_IN_SCOPE)
    mira.save(update_fields=["jurisdiction"])

    refresh_policies(employees=[mira], at=timezone.now())

    assert Device.objects.get().cohort == "DE"
    assert places_told(mira) == []


def test_nobody_is_told_of_a_device_that_may_be_somebody_elses(
    make_jurisdiction,
    mira,
    roll_out,  # noqa: F811
    samuel,
    keys,
):
    _, code = issue_rollout(label="Berlin", days=1, uses=None, by=samuel)
    roll_out(code, mira, hostname="WAITING")
    mira.jurisdiction = make_jurisdiction("US-NY")
    mira.save(update_fields=["jurisdiction"])

    replace_signatures(employee=mira, at=timezone.now())

    assert Device.objects.get().cohort == "US-NY"
    assert places_told(mira) == []


def test_every_standing_has_its_devices_and_no_other(make_known, roll_out, samuel):  # noqa: F811
    make_known(hostname="IN-DATE")
    make_known(hostname="UNCONFIRMED", confirms=False)
    make_known(hostname="AWAY", seen=timedelta(minutes=3))
    make_known(hostname="NEVER", seen=None, confirms=False)
    behind = make_known(hostname="BEHIND").device
    Device.objects.filter(pk=behind.pk).update(cohort="US-TX")
    ceiling = Ceiling.objects.get(jurisdiction="US-CA")
    revoke_device(device=make_known(hostname="GONE").device, by=samuel)
    _, code = issue_rollout(label="Berlin", days=1, uses=None, by=samuel)
    roll_out(code, behind.employee, hostname="WAITING")
    held = now()
    held.then[Lag.NONE]["US-TX"] = ceiling.version + 1

    stand = {
        standing: [
            device.hostname
            for device in fleet.listed(Wanted(standing=standing.value), held=held).devices
        ]
        for standing in Standing
    }

    assert stand == {
        Standing.IN_DATE: ["IN-DATE"],
        Standing.LAGGING: ["BEHIND"],
        Standing.UNCONFIRMED: ["UNCONFIRMED"],
        Standing.OUT_OF_REACH: ["AWAY", "NEVER"],
        Standing.WAITING: ["WAITING"],
        Standing.REMOVED: ["GONE"],
    }
    counts = fleet.overview(held=held).standings
    assert counts == {standing: len(found) for standing, found in stand.items()}
    for device in Device.objects.select_related("rollout"):
        assert device.hostname in stand[held.standing_of(device)]


CONTACTS = {
    timedelta(seconds=90): Contact.NOW,
    timedelta(minutes=50): Contact.HOUR,
    timedelta(hours=20): Contact.DAY,
    timedelta(days=6): Contact.WEEK,
    timedelta(days=20): Contact.MONTH,
    timedelta(days=40): Contact.EARLIER,
    None: Contact.NEVER,
}


@pytest.mark.parametrize(("seen", "contact"), CONTACTS.items())
def test_the_last_contact_is_told_coarsely(make_known, seen, contact):
    device = make_known(seen=seen).device

    assert now().contact_of(device) == contact
    assert [other for other in Contact if names(contact=other.value)] == [contact]


# Search and pages


def test_finds_by_device_owner_and_address(make_known, mira, make_employee):
    make_known(mira, hostname="LAPTOP-1")
    make_known(make_employee("Tom Berg"), hostname="DESK-2")

    assert names(search="top-1") == ["LAPTOP-1"]
    assert names(search="OKAFOR") == ["LAPTOP-1"]
    assert names(search="mira.okafor@example") == ["LAPTOP-1"]
    assert names(search="tom") == ["DESK-2"]
    assert names(search="100%") == []


def test_filters_together_narrow(make_known, mira):
    make_known(mira, hostname="A")
    make_known(mira, hostname="B", confirms=False)
    Device.objects.filter(hostname="B").update(platform="macos", agent_version="2.0")

    assert names(platform="macos") == ["B"]
    assert names(version="2.0", standing="unconfirmed") == ["B"]
    assert names(version="2.0", standing="in_date") == []


def test_pages_go_on_and_back_without_losing_one(make_known, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_PER_PAGE", 2)
    for hostname in ("A", "B", "B", "C", "D"):
        make_known(hostname=hostname)
    everyone = list(Device.objects.order_by("hostname", "pk"))

    first = fleet.listed(Wanted(), held=now())
    second = fleet.listed(Wanted(), held=now(), after=first.after)
    third = fleet.listed(Wanted(), held=now(), after=second.after)
    back = fleet.listed(Wanted(), held=now(), before=third.before)

    assert [*first.devices, *second.devices, *third.devices] == everyone
    assert (first.before, third.after) == (None, None)
    assert back.devices == second.devices
    assert fleet.listed(Wanted(), held=now(), before=back.before).before is None


ODD = [
    "page=2",
    "standing=paused",
    "after=7",
    "order_by=password",
    "version=%00",
    f"after={uuid.UUID(int=1)}&before={uuid.UUID(int=1)}",
]


@pytest.mark.parametrize("query", ODD)
def test_an_odd_address_is_refused(client_of_it, query):
    assert client_of_it.get(f"/fleet/?{query}").status_code == 400


def test_nobody_asks_for_those_who_paused(client_of_it):
    states = {"collecting", "paused", "exempt", "protected", "unacknowledged", "opted_out"}

    assert states.isdisjoint(Standing.values)
    assert all(client_of_it.get(f"/fleet/?standing={s}").status_code == 400 for s in states)


# The pages


@pytest.mark.parametrize("path", ["", "lag", "rollouts", "chosen"])
def test_these_pages_do_not_exist_for_others(sign_in, mira, path):
    assert sign_in(mira).get(f"/fleet/{path}").status_code == 404


def test_the_list_shows_and_counts(client_of_it, make_known, mira):
    make_known(mira, hostname="LAPTOP-1")

    page = client_of_it.get("/fleet/").content.decode()

    assert "LAPTOP-1" in page
    assert "Mira Okafor" in page
    assert re.search(r'In date <span class="number">1</span>', page)


def test_a_page_asks_as_much_for_many_devices_as_for_few(client_of_it, make_known):
    for path in ("/fleet/", "/fleet/lag", "/fleet/rollouts"):
        client_of_it.get(path)
    make_known(hostname="A")
    few = queries_of(client_of_it)
    for number in range(4):
        make_known(hostname=f"B{number}")

    many = queries_of(client_of_it)

    assert many == few
    assert max(many) <= 14


def queries_of(client):
    counts = []
    for path in ("/fleet/", "/fleet/?search=laptop", "/fleet/lag", "/fleet/rollouts"):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        counts.append(len(asked))
    return counts


def test_counts_what_was_removed_in_both_figures(client_of_it, make_known, samuel):
    make_known(hostname="HERE")
    revoke_device(device=make_known(hostname="GONE").device, by=samuel)

    page = client_of_it.get("/fleet/", {"search": "e"}).content.decode()

    assert "2 of 2 devices fit" in page


def test_the_histogram_has_a_table_with_the_same_figures(client_of_it, make_known):
    make_known()

    page = client_of_it.get("/fleet/lag").content.decode()

    assert "Up to 5 minutes" in page
    assert "100.0%" in page
    assert 'href="/fleet/?lag=none"' in page


def test_a_devices_page_says_how_far_it_follows(client_of_it, make_known, mira):
    device = make_known(mira).device

    page = client_of_it.get(f"/fleet/device/{device.pk}").content.decode()

    assert "version 1 of the ceiling" in page
    assert "version 1, on" in page
    assert "mira.okafor@example.com" in page


# Removing and enrolling again


def test_says_what_will_happen_before_it_does(client_of_it, make_known, mira):
    devices = [make_known(mira, hostname=name).device for name in ("A", "B")]

    page = client_of_it.get("/fleet/chosen", {"device": [d.pk for d in devices]}).content.decode()

    assert "2 devices chosen" in page
    assert "1 person is told" in " ".join(page.split())
    assert not Device.objects.filter(revoked_at__isnull=False).exists()


def test_chooses_all_that_fit(client_of_it, make_known):
    for name in ("ZQ1", "ZQ2", "LAPTOP-OTHER"):
        make_known(hostname=name)

    page = client_of_it.get("/fleet/chosen", {"search": "zq"}).content.decode()

    assert "2 devices chosen" in page
    assert "LAPTOP-OTHER" not in page


def test_without_a_filter_nothing_is_chosen(client_of_it, make_known):
    make_known()

    assert "No device is chosen" in client_of_it.get("/fleet/chosen").content.decode()


def test_removes_several_and_tells_their_owners(client_of_it, make_known, mira, samuel):
    devices = [make_known(mira, hostname=name).device for name in ("A", "B")]
    Notification.objects.all().delete()

    answer = client_of_it.post("/fleet/chosen/remove", {"device": [d.pk for d in devices]})

    assert "2 devices removed" in answer.content.decode()
    assert Device.objects.active().count() == 0
    assert Leaf.objects.filter(event="device.revoked", actor=samuel.pseudonym).count() == 2
    owed = Notification.objects.values_list("event", "recipient__name", "context__hostname")
    assert sorted(owed) == [
        ("device_removed_by_it", "Mira Okafor", "A"),
        ("device_removed_by_it", "Mira Okafor", "B"),
    ]


def test_removes_one_alone(client_of_it, make_known, mira):
    one, other = (make_known(mira, hostname=name).device for name in ("A", "B"))
    asked = client_of_it.get("/fleet/chosen", {"device": one.pk}).content.decode()

    answer = client_of_it.post("/fleet/chosen/remove", {"device": one.pk})

    assert "A" in asked
    assert "1 device removed" in answer.content.decode()
    assert list(Device.objects.active()) == [other]


def test_enrols_one_alone_again(client_of_it, make_known, mira, roll_out):  # noqa: F811
    one, other = (make_known(mira, hostname=name).device for name in ("A", "B"))

    answer = client_of_it.post("/fleet/chosen/again", {"device": one.pk})

    code = re.search(r"enrol http\S+ (\S+) --employee-email", answer.content.decode())[1]
    assert Rollout.objects.get().uses_allowed == 1
    assert list(Device.objects.active()) == [other]
    again = roll_out(code, mira, hostname="A").device
    accept_device(device=again, by=mira)
    assert Device.objects.in_use().count() == 2


def test_of_two_administrators_the_second_is_told(client_of_it, make_known, samuel):
    device = make_known().device
    revoke_device(device=device, by=samuel)

    assert client_of_it.post("/fleet/chosen/remove", {"device": device.pk}).status_code == 400
    assert Leaf.objects.filter(event="device.revoked").count() == 1


def test_enrols_again_by_a_code_that_lets_as_many_in(
    client_of_it,
    make_known,
    mira,
    roll_out,  # noqa: F811 (a fixture)
):
    devices = [make_known(mira, hostname=name).device for name in ("A", "B")]

    answer = client_of_it.post("/fleet/chosen/again", {"device": [d.pk for d in devices]})

    code = re.search(r"enrol http\S+ (\S+) --employee-email", answer.content.decode())[1]
    assert Rollout.objects.get().uses_allowed == 2
    assert Device.objects.active().count() == 0
    again = roll_out(code, mira, hostname="A").device
    accept_device(device=again, by=mira)
    assert Notification.objects.filter(event="device_to_enrol_again").count() == 2


@pytest.mark.parametrize("path", ["remove", "again"])
def test_nothing_happens_without_a_choice(client_of_it, make_known, path):
    make_known()

    assert client_of_it.post(f"/fleet/chosen/{path}").status_code == 400
    assert client_of_it.post(f"/fleet/chosen/{path}", {"device": "7"}).status_code == 400
    assert not Device.objects.filter(revoked_at__isnull=False).exists()
    assert not Rollout.objects.exists()


def test_no_more_than_200_at_once(client_of_it):
    ids = [uuid.uuid4() for _ in range(201)]

    assert client_of_it.post("/fleet/chosen/remove", {"device": ids}).status_code == 400


# Codes of roll-outs


def test_a_code_is_shown_once(client_of_it, samuel):
    wanted = {"label": "Berlin", "days": 14, "uses": ""}

    page = client_of_it.post("/fleet/rollouts", wanted).content.decode()

    code = re.search(r"enrol http\S+ (\S+) --employee-email", page)[1]
    assert len(code) == 19
    later = client_of_it.get("/fleet/rollouts").content.decode()
    assert "Berlin" in later
    assert code not in later
    assert Leaf.objects.filter(event="rollout.issued", actor=samuel.pseudonym).count() == 1


@pytest.mark.parametrize(
    "wrong", [{"days": 91}, {"days": 0}, {"uses": 0}, {"label": ""}, {"label": "Ber\u202elin"}]
)
def test_a_wrong_code_names_the_field(client_of_it, wrong):
    answer = client_of_it.post(
        "/fleet/rollouts", {"label": "Berlin", "days": 14, "uses": ""} | wrong
    )

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == list(wrong)
    assert not Rollout.objects.exists()


def test_a_code_is_ended_early(client_of_it, samuel):
    rollout, _ = issue_rollout(label="Berlin", days=1, uses=None, by=samuel)

    page = client_of_it.post(f"/fleet/rollouts/{rollout.pk}/end", follow=True).content.decode()

    assert "lets nothing in any more" in page
    assert "ended by" in page
    rollout.refresh_from_db()
    assert rollout.ended_by == samuel


# What an owner decided leaves no trace


def test_a_pause_leaves_no_trace_on_any_page_of_it(
    client_of_it, make_known, post_json, mira, frozen_time
):
    """As tests/test_differential.py, of a device that is told at once, answers and confirms."""
    near = make_known(mira, hostname="NEAR", seen=timedelta(seconds=80))
    make_known(mira, hostname="AWAY", seen=timedelta(hours=3))
    addresses = [
        "/fleet/", "/fleet/lag", "/fleet/rollouts", "/fleet/?search=mira",
        "/fleet/chosen?search=mira",
        *(f"/fleet/?standing={standing.value}" for standing in Standing),
        *(f"/fleet/?contact={contact.value}" for contact in Contact),
        *(f"/fleet/?lag={lag.value}" for lag in Lag),
        *(f"/fleet/device/{pk}" for pk in Device.objects.values_list("pk", flat=True)),
    ]  # fmt: skip
    before = [page_at(client_of_it, address) for address in addresses]

    start_pause(employee=mira, by=mira, minutes=15)
    DevicePolicy.objects.filter(device=near.device, version=2).update(delivered_at=NOON)
    Device.objects.filter(pk=near.device.pk).update(last_seen_at=NOON)
    word = {"jws": near.acknowledgement(sequence=2)}
    assert post_json("acknowledgements", word, **near.authorization).status_code == 202

    assert near.newest_document().state == "paused"
    assert [page_at(client_of_it, address) for address in addresses] == before


def page_at(client, address):
    tokens = r'"X-CSRFToken": "[^"]+"|csrfmiddlewaretoken" value="[^"]+"'
    return re.sub(tokens, "", client.get(address).content.decode())
