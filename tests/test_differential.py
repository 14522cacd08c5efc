"""What others see of somebody is the same to the byte, whatever that person chose for themselves.

Every address is opened by everybody who decides or oversees, before and after Mira paused, set
preferences, and had counts reported by her device. Only what is made anew for each answer is left
out of the comparison: the tokens of its forms.
"""

import re
from datetime import time

import pytest
from django.utils import timezone

from consent_app.register.queries import captured_applications
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    save_preference,
    start_pause,
)
from tests.test_access import (  # noqa: F401 (fixtures)
    SIGNED_IN,
    address,
    objects,
    people,
    signed_in,
    targets,
)

OBSERVERS = ("jonas", "hr", "legal", "owner", "auditor", "it")
# Requests of Mira's: one that is her own yet, one before many, one before few.
REQUESTS = ("draft", "ordinary", "confidential")
TOKENS = re.compile(rb'"X-CSRFToken": "[^"]+"|csrfmiddlewaretoken" value="[^"]+"')


def seen_by(client, known) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return what every address answers, for each object that it can name."""
    seen = {}
    for name in SIGNED_IN:
        for target in targets(name, known):
            response = client.get(address(name, target, known))
            body = b"".join(response.streaming_content) if response.streaming else response.content
            seen[name, target] = response.status_code, TOKENS.sub(b"", body)
    return seen


def choose_all(mira, laptop, captured, post_json) -> None:
    """Let Mira do whatever is hers alone."""
    start_pause(employee=mira, by=mira, minutes=15)
    wanted = WantedPreference(default_minutes=7, battery_below_percent=30, denies_metered=True)
    save_preference(employee=mira, by=mira, wanted=wanted)
    add_quiet_time(
        employee=mira, by=mira, starts_at=time(12), minutes=30, weekdays=frozenset({1, 2})
    )
    choose_applications(employee=mira, by=mira, slugs=frozenset({captured.slug}))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    report = {
        "hour": f"{hour:%Y-%m-%dT%H:%M:%SZ}",
        "application": captured.slug,
        "kind": captured.kinds[0],
        "captured": 12,
        "suppressed": {"pause": 3},
    }
    counted = post_json("ledger", {"reports": [report], "cost": []}, **laptop.authorization)
    assert counted.status_code == 202
    said = post_json("acknowledgements", {"jws": laptop.acknowledgement()}, **laptop.authorization)
    assert said.status_code == 202


@pytest.mark.timeout(600)
def test_nothing_that_others_see_tells_what_somebody_chose(
    people,  # noqa: F811 (a fixture)
    objects,  # noqa: F811 (a fixture)
    laptop,
    post_json,
    subtests,
):
    captured = captured_applications().first()
    known = {name: objects[name] for name in REQUESTS}
    clients = {name: signed_in(people[name]) for name in OBSERVERS}
    for client in clients.values():
        seen_by(client, known)  # what is noted at a first visit is noted before
    before = {name: seen_by(client, known) for name, client in clients.items()}

    choose_all(people["mira"], laptop, captured, post_json)

    for name, client in clients.items():
        after = seen_by(client, known)
        for where, answer in after.items():
            with subtests.test(observer=name, address=where):
                assert answer == before[name][where]


def test_the_comparison_would_notice(people, objects, laptop):  # noqa: F811 (fixtures)
    mira = people["mira"]
    client = signed_in(mira)
    before = seen_by(client, objects)

    start_pause(employee=mira, by=mira, minutes=15)

    after = seen_by(client, objects)
    assert {name for name, _ in after if after[name, _] != before[name, _]} >= {"home", "devices"}
