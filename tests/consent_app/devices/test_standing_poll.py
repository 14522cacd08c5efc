"""A word to a notice wakes the device that waits."""

import asyncio

import pytest

from consent_app.devices.actions import sign_ceilings, standing
from consent_app.people.queries import system_user
from tests.consent_app.devices.test_poll import in_database, read, run, serving
from tests.notice_fixtures import ASKING, CHOOSING, digest_for, digest_to_choose_on

pytestmark = pytest.mark.django_db(transaction=True)


def woken(enrolled, act, **arguments):
    """Return the policy that a waiting agent is given within two seconds of an action."""

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await in_database(act)(**arguments)
            return await asyncio.wait_for(waiting, 2)

    policy, _, _ = read(run(scenario))
    return policy


def test_a_waiting_device_is_woken_by_an_acknowledgement(
    make_device, make_employee, make_jurisdiction
):
    make_jurisdiction("US-NY", **ASKING)
    person = make_employee(jurisdiction="US-NY")
    enrolled = make_device(person)
    assert enrolled.newest_document().state == "unacknowledged"

    policy = woken(
        enrolled, standing.acknowledge_notice,
        employee=person, digest=digest_for(person), browser="Firefox",
    )  # fmt: skip

    assert policy.state == "collecting"


def test_a_waiting_device_is_woken_by_a_yes_that_is_taken_back(
    make_device, make_employee, make_jurisdiction
):
    make_jurisdiction("CA-QC", **CHOOSING)
    person = make_employee(jurisdiction="CA-QC")
    enrolled = make_device(person)
    standing.choose(employee=person, says_yes=True, digest=digest_to_choose_on(person))
    assert enrolled.newest_document().state == "collecting"

    policy = woken(enrolled, standing.choose, employee=person, says_yes=False, digest="")

    assert policy.state == "opted_out"


def test_nobody_is_collected_from_under_a_version_that_their_policy_knows_nothing_of(
    make_device, make_employee, make_jurisdiction, publish
):
    """Whoever is asked again is signed a policy that ends; this holds where nobody signed it."""
    make_jurisdiction("US-NY", **ASKING)
    person = make_employee(jurisdiction="US-NY")
    enrolled = make_device(person)
    standing.acknowledge_notice(employee=person, digest=digest_for(person), browser="Firefox")
    other = make_device(make_employee("Tom Berg"))

    def publish_and_sign():
        publish(purpose="Something else.")
        sign_ceilings(by=system_user())

    def acknowledge():
        standing.acknowledge_notice(employee=person, digest=digest_for(person), browser="Firefox")

    async def scenario():
        async with serving(enrolled.token) as agent, serving(other.token) as elsewhere:
            answers = [await agent.get()]
            etag = answers[0].headers["etag"]
            await in_database(publish_and_sign)()
            # The ceiling is another one, so it is given out as soon as this process heard of it.
            answers += [await agent.get(etag=etag, wait=10), await elsewhere.get()]
            waiting = agent.get(etag=answers[1].headers["etag"], wait=10)
            await in_database(acknowledge)()
            return [*answers, await waiting]

    told = [read(answer) for answer in run(scenario)]

    assert [freshness.programme for _, _, freshness in told] == [
        "running", "stopped", "running", "running",
    ]  # fmt: skip
    assert told[1][0].state == "collecting"  # the policy that was signed before
