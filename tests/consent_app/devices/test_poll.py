"""The poll: what it answers, what wakes it, and that it never gives out yesterday's policy.

Runs the real ASGI application in this process, on connections of its own, against committed rows.
"""

import asyncio
import gc
import json
import os
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import CoroutineType

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.documents import Ceiling, DevicePolicy, Freshness
from consent_agent.protocol.jws import KeySet, verify
from consent_app.audit.queries import tree_head
from consent_app.devices import freshness as freshness_module
from consent_app.devices import knowledge as knowledge_module
from consent_app.devices import listening, reads_together
from consent_app.devices.actions import revoke_device, sign_ceilings
from consent_app.devices.announcements import announce_device, announce_everyone
from consent_app.devices.knowledge import Knowledge
from consent_app.devices.limits import DeviceLimit
from consent_app.devices.models import Device
from consent_app.devices.poll import PolicyPoll, Question
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import resume, start_pause
from consent_app.restrictions.models import Restriction, Source
from portal.lib.bursts import BurstLimit
from portal.lib.database_address import database_address
from portal.lib.keys import published_keys
from portal.management.commands.prepare_database import grant_serving_role

pytestmark = pytest.mark.django_db(transaction=True)


class Answer:
    def __init__(self, answer):
        self.status, self.body = answer.status, answer.body
        self.headers = dict(answer.headers)

    @property
    def documents(self):
        return json.loads(self.body)

    @property
    def code(self):
        return json.loads(self.body)["code"]


class Agent:
    """Polls as a device does, without a network between."""

    def __init__(self, poll, token):
        self.poll, self.token = poll, token

    async def get(self, *, etag=None, wait=None, gone=None, authorization=None):
        question = Question(
            authorization=authorization or f"Bearer {self.token}",
            if_none_match=etag or "",
            prefer="" if wait is None else f"wait={wait}",
            address=lambda: "192.0.2.1",
        )
        answer = self.poll.answer_at_once(question) or await self.poll.answer(
            question, gone=(gone or asyncio.Event()).wait
        )
        return Answer(answer) if answer else None


@asynccontextmanager
async def serving(token, **limits):
    """Run one process's knowledge and yield an agent that polls it, once it listens."""
    knowledge = Knowledge(database_address("test"))
    await knowledge.start()
    try:
        async with asyncio.timeout(10):
            while not knowledge.is_listening:
                await asyncio.sleep(0.01)
        yield Agent(PolicyPoll(knowledge, **limits), token)
    finally:
        await knowledge.stop()


def run(scenario):
    return asyncio.run(scenario())


def in_database(action):
    """Run a blocking action in a thread of its own, with a connection of its own."""

    async def awaited(**arguments):
        def work():
            try:
                return action(**arguments)
            finally:
                connection.close()

        return await asyncio.get_running_loop().run_in_executor(None, work)

    return awaited


def read(answer):
    """Verify the three documents of an answer as an agent would."""
    keys = KeySet.from_jwks(published_keys())
    documents = answer.documents
    return (
        DevicePolicy.from_payload(verify(documents["device"], typ="device-policy+jws", keys=keys)),
        Ceiling.from_payload(verify(documents["ceiling"], typ="ceiling+jws", keys=keys)),
        freshness_of(documents["freshness"]),
    )


def freshness_of(jws):
    keys = KeySet.from_jwks(published_keys())
    return Freshness.from_payload(verify(jws, typ="freshness+jws", keys=keys))


def test_gives_three_documents_that_belong_together(make_device, settings):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            return await agent.get()

    answer = run(scenario)
    policy, ceiling, freshness = read(answer)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (policy.device, policy.version) == (str(enrolled.device.pk), 1)
    assert freshness.device_digest == content_digest(answer.documents["device"].encode())
    assert freshness.ceiling_digest == content_digest(answer.documents["ceiling"].encode())
    assert (freshness.device_version, freshness.ceiling_version) == (1, ceiling.version)
    assert freshness.programme == "running"
    lifetime = freshness.expires_at - freshness.issued_at
    assert lifetime == timedelta(minutes=settings.FRESHNESS_MINUTES)
    head = tree_head()
    assert (freshness.checkpoint.size, freshness.checkpoint.root) == (head.size, head.root.hex())


@pytest.mark.parametrize("kept", [1, 2])
def test_documents_given_again_are_the_devices_own_whoever_is_kept_in_memory(
    make_device, monkeypatch, kept
):
    monkeypatch.setattr(knowledge_module, "POLICIES_KEPT", kept)
    one, other = make_device(), make_device()

    async def scenario():
        async with serving(one.token) as agent:
            agents = [agent, Agent(agent.poll, other.token)] * 3
            answers = [await asking.get() for asking in agents]
            question = Question(f"Bearer {one.token}", str)
            return answers, agent.poll.answer_at_once(question)

    answers, from_memory = run(scenario)
    assert (from_memory is not None) == (kept == 2)
    for enrolled, given in zip([one, other] * 3, answers, strict=True):
        policy, _, freshness = read(given)
        assert policy.device == freshness.device == str(enrolled.device.pk)
        assert freshness.device_digest == content_digest(given.documents["device"].encode())


def test_answers_304_with_new_freshness_while_nothing_changed(make_device, monkeypatch):
    monkeypatch.setattr(freshness_module, "WINDOW_SECONDS", 0.2)
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            first = await agent.get()
            await asyncio.sleep(0.3)
            return first, await agent.get(etag=first.headers["etag"])

    first, second = run(scenario)
    assert (second.status, second.body) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    _, _, before = read(first)
    assert freshness_of(second.headers["policy-freshness"]).issued_at > before.issued_at


def test_a_device_that_asks_often_is_given_one_signature_for_a_window(make_device, monkeypatch):
    monkeypatch.setattr(freshness_module, "WINDOW_SECONDS", 3600)
    enrolled = make_device()

    signed = []
    sign = freshness_module.Form.sign
    monkeypatch.setattr(
        freshness_module.Form, "sign", lambda form, told: signed.append(told) or sign(form, told)
    )

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            answers = [await agent.get(etag=etag) for _ in range(4)]
            return [answer.headers["policy-freshness"] for answer in answers]

    given = run(scenario)
    assert len(set(given)) == 1
    # The first answer, and the first after which it showed that the device asks often.
    assert len(signed) == 2
    assert freshness_of(given[0]).issued_at <= datetime.now(UTC)


def test_no_device_sees_the_time_of_freshness_go_back_between_two_processes(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    def stop_and_start():
        now = timezone.now()
        stop = Restriction.objects.create(source=Source.PROGRAMME, starts_at=now, decided_at=now)
        announce_everyone()
        return stop

    def start_again(stop):
        Restriction.objects.filter(pk=stop.pk).update(ends_at=timezone.now())
        announce_everyone()

    async def scenario():
        async with serving(enrolled.token) as one, serving(enrolled.token) as other:
            given = []

            async def ask_both():
                await asyncio.sleep(0.3)
                given.extend([read(await agent.get())[2] for agent in (one, other, one)])

            await ask_both()
            stop = await in_database(stop_and_start)()
            await ask_both()
            await in_database(start_again)(stop=stop)
            await ask_both()
            await in_database(start_pause)(employee=person, by=person, minutes=5)
            await ask_both()
            return given

    given = run(scenario)
    times = [freshness.issued_at for freshness in given]
    assert times == sorted(times)
    assert [freshness.programme for freshness in given[2:8]] == [
        "running", "stopped", "stopped", "stopped", "running", "running",
    ]  # fmt: skip
    # Whoever kept what was signed before the stop can't pass it off as newer than the stop.
    assert times[2] < times[3]
    assert times[5] < times[6]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer \u00e9"])
def test_answers_every_wrong_token_alike(make_device, header):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            return await agent.get(authorization=header or " ")

    answer = run(scenario)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["content-type"] == "application/problem+json"


def test_gives_the_new_policy_at_once_after_a_pause(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    async def scenario():
        async with serving(enrolled.token) as agent:
            first = await agent.get()
            await in_database(start_pause)(employee=person, by=person, minutes=15)
            await asyncio.sleep(0.2)
            return await agent.get(etag=first.headers["etag"])

    answer = run(scenario)
    policy, _, _ = read(answer)
    assert (answer.status, policy.version, policy.state) == (200, 2, "paused")


def test_waiting_agent_is_woken_by_its_own_pause(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await in_database(start_pause)(employee=person, by=person, minutes=15)
            return await asyncio.wait_for(waiting, 2)

    policy, _, _ = read(run(scenario))
    assert policy.state == "paused"


def test_waiting_agent_sleeps_through_somebody_elses_pause(make_device, make_employee):
    enrolled, other = make_device(), make_device()
    person = other.device.employee

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=1))
            await in_database(start_pause)(employee=person, by=person, minutes=15)
            return await waiting

    assert run(scenario).status == 304


def test_wait_ends_after_the_asked_seconds(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            began = time.monotonic()
            answer = await agent.get(etag=etag, wait=1)
            return answer, time.monotonic() - began

    answer, took = run(scenario)
    assert answer.status == 304
    assert took >= 1


def test_does_not_wait_when_something_changed_already(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            return await asyncio.wait_for(agent.get(etag='"0-0-0"', wait=30), 2)

    assert run(scenario).status == 200


def test_agent_that_goes_away_leaves_nothing_behind(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            gone = asyncio.Event()
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30, gone=gone))
            await asyncio.sleep(0.1)
            gone.set()
            answer = await asyncio.wait_for(waiting, 2)
            return answer, agent.poll.knowledge.count_waiting()

    assert run(scenario) == (None, 0)


def test_answers_leave_no_reference_cycles(make_device):
    """Whoever collects garbage seldom (`portal/rsgi.py`) must make none that needs it."""
    enrolled = make_device()
    person = enrolled.device.employee

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)
            for _ in range(3):
                assert (await agent.get(etag=etag)).status == 304
                gone = asyncio.Event()
                waits = [agent.get(etag=etag, wait=30, gone=gone), agent.get(etag=etag, wait=1)]
                leaving, staying = map(asyncio.create_task, waits)
                await asyncio.sleep(0.1)
                gone.set()
                assert await leaving is None
                await in_database(start_pause)(employee=person, by=person, minutes=15)
                assert (await staying).status == 200
                await in_database(resume)(employee=person, by=person)
                await asyncio.sleep(0.2)
                etag = (await agent.get()).headers["etag"]
            del leaving, staying, waits, gone
            gc.collect()
            return [one for one in gc.garbage if is_of_the_poll(one)]

    try:
        assert run(scenario) == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def is_of_the_poll(garbage):
    """Whether an object is one that an answer makes, and none of Django's."""
    home = getattr(garbage, "__module__", "")
    return home.startswith("consent_app.devices") or isinstance(
        garbage, asyncio.Future | CoroutineType
    )


def test_revoked_device_is_told_so_even_while_it_waits(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.1)
            await in_database(revoke_device)(device=enrolled.device, by=enrolled.device.employee)
            return await asyncio.wait_for(waiting, 2), await agent.get()

    for answer in run(scenario):
        assert (answer.status, answer.code) == (403, "device_revoked")


def test_stop_for_everyone_reaches_a_waiting_agent(make_device):
    enrolled = make_device()

    def stop():
        now = timezone.now()
        Restriction.objects.create(source=Source.PROGRAMME, starts_at=now, decided_at=now)
        announce_everyone()

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.1)
            await in_database(stop)()
            return await asyncio.wait_for(waiting, 2)

    policy, _, freshness = read(run(scenario))
    assert policy.version == 1
    assert freshness.programme == "stopped"
    assert [deny.applications for deny in freshness.deny] == [None]


def test_stop_of_another_cohort_is_not_told(make_device, make_jurisdiction):
    enrolled = make_device()
    now = timezone.now()
    Restriction.objects.create(
        source=Source.PROGRAMME, cohort=make_jurisdiction("US-TX"), starts_at=now, decided_at=now
    )

    async def scenario():
        async with serving(enrolled.token) as agent:
            return await agent.get()

    _, _, freshness = read(run(scenario))
    assert (freshness.programme, freshness.deny) == ("running", ())


def test_new_ceiling_reaches_a_waiting_agent(make_device):
    enrolled = make_device()
    place = enrolled.device.employee.jurisdiction

    def forbid():
        place.collection_default = "not_in_scope"
        place.save()
        sign_ceilings(by=system_user())

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.1)
            await in_database(forbid)()
            return await asyncio.wait_for(waiting, 2)

    _, ceiling, _ = read(run(scenario))
    assert ceiling.collection == "out_of_scope"


def test_lost_listening_connection_serves_no_old_policy(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    def cut_and_pause():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'test' AND query LIKE 'LISTEN%'"
            )
        start_pause(employee=person, by=person, minutes=15)

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await asyncio.sleep(0.1)
            await in_database(cut_and_pause)()
            return await asyncio.wait_for(waiting, 5), await agent.get()

    for answer in run(scenario):
        assert read(answer)[0].state == "paused"


class Line:
    """What stands between a process and its database. While `flows` is not set, nothing passes."""

    def __init__(self):
        self.flows = asyncio.Event()
        self.flows.set()
        self.address = ""
        self.carried = b""
        self.swallows: bytes | None = None
        self.delay_seconds = 0.0


@asynccontextmanager
async def line_to_database():
    database, line = psycopg.conninfo.conninfo_to_dict(database_address("test")), Line()

    async def relay(reader, writer):
        try:
            while data := await reader.read(65536):
                await line.flows.wait()
                await asyncio.sleep(line.delay_seconds)
                line.carried += data
                if line.swallows and data.startswith(b"A") and line.swallows in data:
                    continue  # a NotificationResponse of the server
                writer.write(data)
        finally:
            writer.close()

    async def connected(reader, writer):
        there = await asyncio.open_connection(database["host"], database["port"])
        await asyncio.gather(
            relay(reader, there[1]), relay(there[0], writer), return_exceptions=True
        )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line.address = psycopg.conninfo.make_conninfo(**database | {"port": port})
    yield line
    server.close()


async def until_listening(knowledge, wanted=True):
    async with asyncio.timeout(20):
        while knowledge.is_listening is not wanted:
            await asyncio.sleep(0.01)


def test_listens_again_after_a_line_that_went_dead_without_a_word(make_device, monkeypatch):
    monkeypatch.setattr(listening, "DEAD_SECONDS", 1.0)
    enrolled = make_device()

    async def scenario():
        async with line_to_database() as line:
            knowledge = Knowledge(line.address)
            await knowledge.start()
            await until_listening(knowledge)
            line.flows.clear()
            await until_listening(knowledge, False)
            line.flows.set()
            await until_listening(knowledge)
            answer = await Agent(PolicyPoll(knowledge), enrolled.token).get()
            await knowledge.stop()
            return answer

    assert run(scenario).status == 200


def test_a_line_that_swallows_notifications_is_not_believed(make_device):
    """As a pooler does that gives each statement another connection: nothing is ever heard."""
    enrolled = make_device()
    person = enrolled.device.employee

    async def scenario():
        async with line_to_database() as line:
            line.swallows = b"consent_policy"
            knowledge = Knowledge(line.address)
            await knowledge.start()
            agent = Agent(PolicyPoll(knowledge), enrolled.token)
            etag = (await agent.get()).headers["etag"]
            await in_database(start_pause)(employee=person, by=person, minutes=15)
            answer, believed = await agent.get(etag=etag), knowledge.is_listening
            await knowledge.stop()
            return answer, believed

    answer, believed = run(scenario)
    assert not believed
    assert read(answer)[0].state == "paused"


def test_a_slow_database_whose_changes_are_not_heard_is_no_reason_to_say_nothing(make_device):
    """What is given out is dated as it was read."""
    enrolled = make_device()

    async def scenario():
        async with line_to_database() as line:
            line.swallows = b"consent_policy"
            knowledge = Knowledge(line.address)
            await knowledge.start()
            agent = Agent(PolicyPoll(knowledge), enrolled.token)
            line.delay_seconds = 0.05
            first = await agent.get()
            asked, began = datetime.now(UTC), time.monotonic()
            second = await agent.get(etag=first.headers["etag"])
            took, believed = time.monotonic() - began, knowledge.is_listening
            line.delay_seconds = 0.0
            await knowledge.stop()
            return first, second, asked, took, believed

    first, second, asked, took, believed = run(scenario)

    assert not believed
    assert (first.status, second.status) == (200, 304)
    assert took > 0.5
    assert freshness_of(second.headers["policy-freshness"]).issued_at <= asked


def test_a_process_that_hears_late_gives_nothing_old_out_after_a_second(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    async def scenario():
        async with line_to_database() as line:
            knowledge = Knowledge(line.address)
            await knowledge.start()
            await until_listening(knowledge)
            agent = Agent(PolicyPoll(knowledge), enrolled.token)
            etag = (await agent.get()).headers["etag"]
            line.flows.clear()
            await in_database(start_pause)(employee=person, by=person, minutes=15)
            await asyncio.sleep(1)
            held_back = agent.poll.answer_at_once(Question(f"Bearer {enrolled.token}", str, etag))
            line.flows.set()
            answer = await asyncio.wait_for(agent.get(etag=etag), 5)
            await knowledge.stop()
            return held_back, answer

    held_back, answer = run(scenario)
    assert held_back is None
    assert read(answer)[0].state == "paused"


def test_a_device_that_polls_without_end_is_slowed_down(make_device):
    enrolled = make_device()
    limit = DeviceLimit(burst=3, per_second=1)

    async def scenario():
        async with serving(enrolled.token, device_limit=limit) as agent:
            etag = (await agent.get()).headers["etag"]
            return [await agent.get(etag=etag) for _ in range(4)]

    answers = run(scenario)
    assert [answer.status for answer in answers] == [304, 304, 429, 429]
    assert answers[-1].code == "too_many_requests"
    assert 5 <= int(answers[-1].headers["retry-after"]) <= 30


def test_an_address_that_tries_tokens_is_slowed_down_and_devices_behind_it_are_not(make_device):
    enrolled = make_device()
    limit = BurstLimit(burst=2, per_second=0.001)

    async def scenario():
        async with serving(enrolled.token, address_limit=limit) as agent:
            etag = (await agent.get()).headers["etag"]
            tried = [await agent.get(authorization=f"Bearer guess{n}") for n in range(3)]
            return tried, await agent.get(etag=etag)

    tried, known = run(scenario)
    assert [answer.status for answer in tried] == [401, 401, 429]
    assert known.status == 304


def test_devices_that_ask_at_once_are_read_together(make_device):
    tokens = [make_device().token for _ in range(30)]

    async def scenario():
        async with line_to_database() as line:
            knowledge = Knowledge(line.address)
            await knowledge.start()
            await until_listening(knowledge)
            line.carried = b""
            poll = PolicyPoll(knowledge)
            answers = await asyncio.gather(*(Agent(poll, token).get() for token in tokens))
            await knowledge.stop()
            return answers, line.carried.count(b"d.token_hash = ANY")

    answers, reads = run(scenario)
    assert {answer.status for answer in answers} == {200}
    assert len({read(answer)[0].device for answer in answers}) == 30
    assert reads <= 2


async def until_waiting(knowledge, count):
    async with asyncio.timeout(10):
        while knowledge.count_waiting() != count:
            await asyncio.sleep(0.01)


def test_device_that_waits_too_often_is_answered_the_oldest_first(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            etag = (await agent.get()).headers["etag"]
            waiting = [asyncio.create_task(agent.get(etag=etag, wait=30)) for _ in range(30)]
            done, held = await asyncio.wait(waiting, timeout=2)
            for task in held:
                task.cancel()
            return {task.result().status for task in done}, [task in held for task in waiting]

    statuses, is_held = run(scenario)
    assert statuses == {304}
    assert is_held == [False] * 26 + [True] * 4


def test_stop_for_everyone_is_read_once_for_all_who_wait(make_device):
    tokens = [make_device().token for _ in range(20)]

    def stop():
        with transaction.atomic():
            Restriction.objects.create(
                source=Source.PROGRAMME, starts_at=timezone.now(), decided_at=timezone.now()
            )
            announce_everyone()

    async def scenario():
        async with line_to_database() as line:
            knowledge = Knowledge(line.address)
            await knowledge.start()
            await until_listening(knowledge)
            agents = [Agent(PolicyPoll(knowledge), token) for token in tokens]
            etag = (await agents[0].get()).headers["etag"]
            waiting = [asyncio.create_task(agent.get(etag=etag, wait=30)) for agent in agents]
            await until_waiting(knowledge, len(agents))
            line.carried = b""
            await in_database(stop)()
            answers = await asyncio.wait_for(asyncio.gather(*waiting), 10)
            await knowledge.stop()
            return answers, line.carried.count(b"restrictions_restriction")

    answers, reads = run(scenario)
    assert {read(answer)[2].programme for answer in answers} == {"stopped"}
    assert reads == 1


def test_a_read_that_hangs_keeps_nobody_from_being_woken(make_device):
    enrolled = make_device()

    async def scenario():
        async with serving(enrolled.token) as agent:
            knowledge = agent.poll.knowledge
            etag = (await agent.get()).headers["etag"]
            waiting = asyncio.create_task(agent.get(etag=etag, wait=30))
            await until_waiting(knowledge, 1)
            address = database_address("test")
            async with await psycopg.AsyncConnection.connect(address) as line:
                await line.execute("LOCK TABLE restrictions_restriction")
                await in_database(announce_everyone)()
                await asyncio.wait_for(until_waiting(knowledge, 0), 3)
            await until_waiting(knowledge, 1)
            assert not waiting.done()
            waiting.cancel()

    run(scenario)


def test_who_comes_when_too_many_wait_for_the_database_is_sent_away(make_device, monkeypatch):
    """A fleet that starts at once, on a database that does not keep up: nobody waits in vain."""
    monkeypatch.setattr(reads_together, "MOST_TOGETHER", 1)
    monkeypatch.setattr(reads_together, "MOST_ASKED", 3)
    fleet = [make_device() for _ in range(5)]

    async def scenario():
        async with serving(fleet[0].token) as agent:
            agents = [Agent(agent.poll, one.token) for one in fleet]
            address = database_address("test")
            async with await psycopg.AsyncConnection.connect(address) as line:
                await line.execute("LOCK TABLE devices_devicepolicy")
                asking = [asyncio.create_task(one.get()) for one in agents]
                done, waiting = await asyncio.wait(asking, timeout=1)
                sent_away = [await one for one in done]
            return sent_away, await asyncio.gather(*waiting)

    sent_away, served = run(scenario)

    assert [(answer.status, answer.code) for answer in sent_away] == [
        (429, "too_many_requests")
    ] * 2
    assert all(5 <= int(answer.headers["retry-after"]) <= 30 for answer in sent_away)
    assert [answer.status for answer in served] == [200] * 3


def test_what_was_decided_while_a_read_hung_is_not_missed(make_device, monkeypatch):
    """The log's head is read for a new window; nothing that the answer says may be older."""
    monkeypatch.setattr(freshness_module, "WINDOW_SECONDS", 1)
    enrolled = make_device()

    def revoke():
        Device.objects.filter(pk=enrolled.device.pk).update(revoked_at=timezone.now())
        announce_device(enrolled.device.pk)

    async def scenario():
        async with serving(enrolled.token) as agent:
            knowledge = agent.poll.knowledge
            etag = (await agent.get()).headers["etag"]
            await asyncio.sleep(1)
            address = database_address("test")
            async with await psycopg.AsyncConnection.connect(address) as line:
                await line.execute("LOCK TABLE audit_leaf, audit_node")
                asking = asyncio.create_task(agent.get(etag=etag))
                await asyncio.sleep(0.1)
                assert not asking.done()
                await in_database(revoke)()
                async with asyncio.timeout(5):
                    while knowledge._by_token:
                        await asyncio.sleep(0.01)
            return await asking

    answer = run(scenario)

    assert (answer.status, answer.code) == (403, "device_revoked")


def test_database_away_answers_503_and_soon(make_device):
    enrolled = make_device()

    async def scenario():
        nowhere = psycopg.conninfo.make_conninfo(host="127.0.0.1", port=1, connect_timeout=2)
        knowledge = Knowledge(nowhere)
        await knowledge.start()
        began = time.monotonic()
        try:
            return await Agent(
                PolicyPoll(knowledge), enrolled.token
            ).get(), time.monotonic() - began
        finally:
            await knowledge.stop()

    answer, took = asyncio.run(scenario())
    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert took < 3


def test_who_is_being_decided_about_keeps_nobody_else_from_being_noted(make_device):
    """Else the note, with the other locked, and a decision about both would wait for each other."""
    decided, other = make_device(), make_device()

    async def noted(device):
        async with asyncio.timeout(3):
            while not await in_database(has_been_seen)(device=device):
                await asyncio.sleep(0.05)

    async def scenario():
        async with serving(decided.token) as agent, deciding_about(decided.device) as decision:
            await agent.get()
            await Agent(agent.poll, other.token).get()
            await noted(other.device)
            assert not await in_database(has_been_seen)(device=decided.device)
            await decision.rollback()
            await noted(decided.device)

    run(scenario)


@asynccontextmanager
async def deciding_about(device):
    """Yield a connection whose transaction has the device locked."""
    address = database_address("test")
    async with await psycopg.AsyncConnection.connect(address) as line:
        await line.execute("SELECT 1 FROM devices_device WHERE id = %s FOR UPDATE", [device.pk])
        yield line


def has_been_seen(*, device):
    return Device.objects.filter(pk=device.pk, last_seen_at__isnull=False).exists()


def test_notes_when_a_policy_was_first_delivered(make_device):
    enrolled = make_device()
    before = datetime.now(UTC)

    async def scenario():
        async with serving(enrolled.token) as agent:
            await agent.get()
            await asyncio.sleep(0.3)
            first = await in_database(lambda: enrolled.newest().delivered_at)()
            await agent.get()
            await asyncio.sleep(0.3)
            return first, await in_database(lambda: enrolled.newest().delivered_at)()

    first, again = run(scenario)
    assert before <= first == again
    enrolled.device.refresh_from_db()
    assert enrolled.device.last_seen_at >= before


def test_without_a_ceiling_nothing_is_served(make_device, make_employee, make_jurisdiction):
    enrolled = make_device()
    person = enrolled.device.employee
    person.jurisdiction = make_jurisdiction("AQ")
    person.save()

    async def scenario():
        async with serving(enrolled.token) as agent:
            return await agent.get()

    answer = run(scenario)
    assert (answer.status, answer.code) == (503, "no_ceiling")


def test_pause_and_resume_in_a_row_end_with_the_last(make_device):
    enrolled = make_device()
    person = enrolled.device.employee

    def back_and_forth():
        for _ in range(10):
            start_pause(employee=person, by=person, minutes=15)
            resume(employee=person, by=person)

    async def scenario():
        unlimited = DeviceLimit(burst=1_000_000)
        async with serving(enrolled.token, device_limit=unlimited) as agent:
            etag, highest = None, 0
            flicker = asyncio.create_task(in_database(back_and_forth)())
            while not flicker.done():
                answer = await agent.get(etag=etag)
                if answer.status == 200:
                    version = read(answer)[0].version
                    assert version >= highest
                    highest, etag = version, answer.headers["etag"]
                await asyncio.sleep(0)
            await flicker
            await asyncio.sleep(0.2)
            return await agent.get()

    policy, _, _ = read(run(scenario))
    assert (policy.version, policy.state) == (21, "collecting")


def test_agents_of_the_serving_role_can_poll(make_device):
    """The role that serves requests has what the poll's own queries need."""
    enrolled = make_device()
    grant_serving_role("portal")
    address = os.environ["TEST_PORTAL_ROLE_URL"].rsplit("/", 1)[0]
    serving_role = f"{address}/{connection.settings_dict['NAME']}"

    async def scenario():
        knowledge = Knowledge(serving_role)
        await knowledge.start()
        try:
            answer = await Agent(PolicyPoll(knowledge), enrolled.token).get()
            await asyncio.sleep(0.3)
            return answer
        finally:
            await knowledge.stop()

    assert asyncio.run(scenario()).status == 200
    assert enrolled.newest().delivered_at
