"""What others see of somebody is the same to the byte, whatever that person chose for themselves.

Every address is opened by everybody who decides or oversees and by a stranger, as a page and as the
part of it that htmx asks for, before and after Mira paused, set preferences, wanted something
forgotten, and had counts reported by her device. Then what she made is asked for by its own ids:
the answer is that to an id which nobody has. Only what is made anew for each answer is left out of
the comparison: the tokens of its forms, and the cookies.
"""

import re
from collections.abc import Iterator
from datetime import time, timedelta
from http import HTTPStatus
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices.models import Device, DevicePolicy
from consent_app.erasure.actions import order_erasure
from consent_app.erasure.rules import KnownDevice, Scope
from consent_app.notifications.models import Notification
from consent_app.register.queries import captured_applications
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    save_preference,
    start_pause,
)
from consent_app.restrictions.models import QuietTime
from tests.device_fixtures import enrol
from tests.test_access import (  # noqa: F401 (fixtures)
    ROWS,
    SIGNED_IN,
    address,
    objects,
    people,
    signed_in,
    targets,
)

OBSERVERS = ("jonas", "hr", "legal", "owner", "auditor", "it")
STRANGER = "nobody in particular"
# Requests of Mira's: one that is her own yet, one before many, one before few.
REQUESTS = ("draft", "ordinary", "confidential")
TOKENS = re.compile(rb'"X-CSRFToken": "[^"]+"|csrfmiddlewaretoken" value="[^"]+"')
# What only takes a POST answers 405 to everybody (tests/test_access.py holds that).
# The page about the service is measured anew each time, and tells nothing of a person in time.
READ = [
    name
    for name in SIGNED_IN
    if ROWS[name].get != HTTPStatus.METHOD_NOT_ALLOWED and name != "service"
]
# What auditors are shown of the log grows with every entry, whoever's it is, and names none.
SIZE_OF_THE_LOG = {("auditor", "log"), ("auditor", "log-checkpoint")}
OPEN = ("contacts", "contacts-asked", "contacts-notice", "account_login", "jwks", "health")
HTMX = {"HX-Request": "true"}
NOBODY_S, NO_INDEX = UUID(int=0), 10**9

Answer = tuple[int, dict[str, str], bytes]


def answer_of(response) -> Answer:
    """Return all that a response says but for what is made anew each time."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    body = TOKENS.sub(b"", body)
    return response.status_code, dict(response.headers), body


def look_at_requests(client: Client, known) -> None:
    """Open every request once: that it was opened is noted, and stands on its page."""
    for name in READ:
        for target in targets(name, known):
            if target:
                client.get(address(name, target, known))


def seen_by(client: Client, known) -> dict[tuple[str, ...], Answer]:
    """Return what every address answers, for each object that it can name, whole and in part."""
    wanted = [
        (name, target, address(name, target, known))
        for name in READ
        for target in targets(name, known)
    ]
    wanted += [(name, "", reverse(name)) for name in OPEN]
    seen: dict[tuple[str, ...], Answer] = {}
    for name, target, where in wanted:
        seen[name, target, "page"] = page = answer_of(client.get(where))
        if page[0] == HTTPStatus.OK:
            seen[name, target, "part"] = answer_of(client.get(where, headers=HTMX))
    return seen


def watchers(cast) -> dict[str, Client]:
    found = {name: signed_in(cast[name]) for name in OBSERVERS}
    return found | {STRANGER: Client()}


def choose_all(mira, laptop, captured, post_json) -> dict[str, list[UUID | int]]:
    """Let Mira do whatever is hers alone; return the ids that she made, by the part of an address
    that they would stand in."""
    now = timezone.now()
    start_pause(employee=mira, by=mira, minutes=15)
    wanted = WantedPreference(default_minutes=7, battery_below_percent=30, denies_metered=True)
    save_preference(employee=mira, by=mira, wanted=wanted)
    quiet = add_quiet_time(
        employee=mira, by=mira, starts_at=time(12), minutes=30, weekdays=frozenset({1, 2})
    )
    choose_applications(employee=mira, by=mira, out=frozenset({captured.slug}))
    order = order_erasure(
        employee=mira,
        by=mira,
        scope=Scope(now - timedelta(hours=1), now),
        devices=[KnownDevice(laptop.device.pk, laptop.device.hostname, is_active=True)],
    )
    report(laptop, captured, post_json)
    word = {"jws": laptop.acknowledgement(sequence=2)}
    said = post_json("acknowledgements", word, **laptop.authorization)
    assert said.status_code == 202
    return {
        "quiet_time_id": [quiet.pk],
        "order_id": [order.pk],
        "device_id": [laptop.device.pk],
        "index": list(Leaf.objects.values_list("index", flat=True).order_by("-index")[:8]),
    }


def report(laptop, captured, post_json) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    row = {
        "hour": f"{hour:%Y-%m-%dT%H:%M:%SZ}",
        "application": captured.slug,
        "kind": captured.kinds[0],
        "captured": 12,
        "suppressed": {"pause": 3},
    }
    counted = post_json("ledger", {"reports": [row], "cost": []}, **laptop.authorization)
    assert counted.status_code == 202


def told_to_others(mira) -> tuple[int, int]:
    """Return how many messages are owed to others, and how many policies their devices have."""
    return (
        Notification.objects.exclude(recipient=mira).count(),
        DevicePolicy.objects.exclude(device__employee=mira).count(),
    )


@pytest.mark.timeout(900)
def test_nothing_that_others_see_tells_what_somebody_chose(
    people,  # noqa: F811 (a fixture)
    objects,  # noqa: F811 (a fixture)
    laptop,
    post_json,
    subtests,
):
    mira, captured = people["mira"], captured_applications().first()
    enrol(people["jonas"], hostname="LAPTOP-7")
    known = {name: objects[name] for name in REQUESTS}
    # It holds what it was told, and has since waited for news: a pause will wake it.
    said = post_json("acknowledgements", {"jws": laptop.acknowledgement()}, **laptop.authorization)
    assert said.status_code == 202
    seen = timezone.now() - timedelta(seconds=80)
    Device.objects.filter(pk=laptop.device.pk).update(last_seen_at=seen)
    clients = watchers(people)
    for client in clients.values():
        look_at_requests(client, known)
    before = {name: seen_by(client, known) for name, client in clients.items()}
    told = told_to_others(mira)

    choose_all(mira, laptop, captured, post_json)
    Device.objects.filter(pk=laptop.device.pk).update(last_seen_at=timezone.now())

    assert told_to_others(mira) == told
    for name, client in clients.items():
        after = seen_by(client, known)
        for where, answer in after.items():
            if (name, where[0]) in SIZE_OF_THE_LOG:
                continue
            with subtests.test(observer=name, address=where):
                assert answer == before[name][where]


def addresses_naming(made) -> Iterator[tuple[str, str]]:
    """Yield each address with an id of Mira's in it, and the same with one that nobody has."""
    for name, pattern in SIGNED_IN.items():
        parts = pattern.pattern.converters
        # That there is a device, IT may know; the test above compares its page.
        if name == "fleet-device":
            continue
        if len(parts) == 1 and (part := next(iter(parts))) in made:
            unknown = NO_INDEX if part == "index" else NOBODY_S
            for value in made[part]:
                yield reverse(name, args=[value]), reverse(name, args=[unknown])


def test_what_she_made_is_to_others_what_nobody_made(
    people,  # noqa: F811 (a fixture)
    laptop,
    post_json,
    subtests,
):
    mira, captured = people["mira"], captured_applications().first()
    made = choose_all(mira, laptop, captured, post_json)
    pairs = list(addresses_naming(made))
    assert len(pairs) > len(made)

    for name, client in watchers(people).items():
        for hers, nobodys in pairs:
            for act in (client.get, client.post):
                with subtests.test(observer=name, address=hers, method=act.__name__):
                    found, unknown = answer_of(act(hers)), answer_of(act(nobodys))
                    assert _without(found, hers) == _without(unknown, nobodys)
    assert QuietTime.objects.filter(employee=mira, ended_at=None).count() == 1


def _without(answer: Answer, where: str) -> tuple[int, str, str, bytes]:
    """Leave out the address itself: somebody not signed in is led back to it afterwards."""
    status, headers, body = answer
    led_to = headers.get("Location", "").replace(where, "")
    return status, led_to, headers.get("Content-Type", ""), body.replace(where.encode(), b"")


def test_the_comparison_would_notice(people, objects, laptop):  # noqa: F811 (fixtures)
    mira = people["mira"]
    client = signed_in(mira)
    before = seen_by(client, objects)

    start_pause(employee=mira, by=mira, minutes=15)

    after = seen_by(client, objects)
    changed = {
        (name, how)
        for name, target, how in after
        if after[name, target, how] != before[name, target, how]
    }
    assert changed >= {("home", "page"), ("home", "part"), ("devices", "page")}


def test_the_comparison_of_ids_would_notice(people, laptop, post_json):  # noqa: F811 (a fixture)
    mira, captured = people["mira"], captured_applications().first()
    made = choose_all(mira, laptop, captured, post_json)
    client = signed_in(mira)

    noticed = {
        hers
        for hers, nobodys in addresses_naming(made)
        if client.get(hers).status_code != client.get(nobodys).status_code
    }

    assert reverse("forget-order", args=made["order_id"]) in noticed
    assert reverse("my-record-receipt", args=[made["index"][0]]) in noticed
