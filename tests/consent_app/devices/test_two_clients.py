"""Two programs with one device's token are noticed, and its owner is told (T15)."""

import asyncio
import secrets
from contextlib import AsyncExitStack

import pytest
from django.urls import reverse
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices.actions import note_runs, revoke_device
from consent_app.devices.actions.acknowledgements import receive_acknowledgement
from consent_app.devices.errors import SequenceReused
from consent_app.devices.models import Device
from consent_app.devices.poll import Question
from consent_app.devices.runs import RUNS_KEPT, Seen, judge_run
from consent_app.notifications.models import Notification
from consent_app.people.queries import system_user
from consent_app.people.roles import Role
from tests.consent_app.devices.test_poll import in_database, run, serving
from tests.exemption_fixtures import give_role

A, B, C = (letter * 22 for letter in "abc")


def told() -> int:
    return Notification.objects.filter(event="device_two_clients").count()


def logged() -> list[str]:
    return list(
        Leaf.objects.filter(event="device.doubled").values_list("details__content__sign", flat=True)
    )


@pytest.fixture
def note(make_device):
    """Let runs of a device poll, one after the other; say whether it is marked."""
    device = make_device().device

    def note(*runs: str) -> bool:
        note_runs((device.pk, run) for run in runs)
        device.refresh_from_db()
        return device.two_clients_at is not None

    return note


# The rule


@pytest.mark.parametrize(
    ("run", "current", "earlier", "seen"),
    [
        (A, "", {}, Seen.BEGAN),
        (A, A, {}, Seen.SAME),
        (B, A, {}, Seen.BEGAN),
        (A, B, {A: 0}, Seen.CAME_BACK),
        (A, B, {A: 1}, Seen.TWO_CLIENTS),
        (A, B, {A: 7}, Seen.TWO_CLIENTS),
        (C, B, {A: 1}, Seen.BEGAN),
    ],
)
def test_what_a_run_means(run, current, earlier, seen):
    assert judge_run(run, current=current, earlier=earlier) is seen


# The action


@pytest.mark.django_db
def test_an_agent_that_is_started_again_and_again_is_one(note):
    assert not note(*(secrets.token_urlsafe(16) for _ in range(3 * RUNS_KEPT)), A, A, A)

    assert Device.objects.get().runs.count() == RUNS_KEPT
    assert told() == 0


@pytest.mark.django_db
def test_one_poll_of_a_run_that_is_over_may_be_late(note):
    assert not note(A, B, A, B, B)

    assert (told(), logged()) == (0, [])


@pytest.mark.django_db
def test_two_that_take_turns_are_noticed_at_the_second_return(note):
    assert note(A, B, A, B, A)

    assert (told(), logged()) == (1, ["run"])


@pytest.mark.django_db
def test_the_owner_is_told_once(note):
    assert note(A, B, A, A, A, B, C, A, B, C, C, B)

    assert (told(), len(logged())) == (1, 1)


@pytest.mark.django_db
def test_two_words_under_one_number_are_the_words_of_two(make_device):
    device = make_device()
    receive_acknowledgement(device=device.device, jws=device.acknowledgement())
    receive_acknowledgement(device=device.device, jws=device.acknowledgement())
    assert told() == 0

    other = device.acknowledgement(applied_at=timezone.now())
    with pytest.raises(SequenceReused):
        receive_acknowledgement(device=device.device, jws=other)

    assert (told(), logged()) == (1, ["sequence"])
    device.device.refresh_from_db()
    assert device.device.two_clients_at is not None


# The page


@pytest.mark.django_db
def test_my_devices_says_what_to_do(note, sign_in):
    note(A, B, A, A)
    client = sign_in(Device.objects.get().employee)

    page = client.get("/devices/").content.decode()

    assert "two programs use the identity of LAPTOP-1" in page
    assert "Remove it here and add it again with a new code" in page


@pytest.mark.django_db
def test_it_is_shown_which_devices_they_are(note, sign_in, make_employee):
    client = sign_in(give_role(make_employee("Samuel Adeyemi"), Role.IT_ADMINISTRATOR))
    note(A)
    addresses = [reverse("fleet"), reverse("fleet-device", args=[Device.objects.get().pk])]
    before = [client.get(address).content.decode() for address in addresses]

    note(B, A, A)
    after = [client.get(address).content.decode() for address in addresses]
    revoke_device(device=Device.objects.get(), by=system_user())
    removed = [client.get(address).content.decode() for address in addresses]

    for page in (*before, *removed):
        assert "two programs use" not in page.lower()
    assert "Two programs use one identity" in after[0]
    assert "LAPTOP-1</a> of <bdi>" in after[0]
    assert "two programs use its identity" in after[1]


# The poll, with several server processes


async def polls(agent, name: str, *, times: int = 1) -> None:
    for _ in range(times):
        question = Question(f"Bearer {agent.token}", str, agent_run=name)
        answer = agent.poll.answer_at_once(question) or await agent.poll.answer(
            question, gone=asyncio.Event().wait
        )
        assert answer.status == 200
        await asyncio.sleep(0.4)  # until it is written down and heard


@pytest.mark.django_db(transaction=True)
def test_two_clients_of_two_processes_are_noticed(make_device):
    """Each process sees one of the two alone; the database knows of both."""
    device = make_device()

    async def scenario():
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(serving(device.token)) for _ in range(2)
            ]
            await polls(first, A)
            await polls(second, B)
            await polls(first, A)
            once = await in_database(told)()
            await polls(second, B)
            await polls(first, A)
            return once, await in_database(told)()

    assert run(scenario) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_goes_on_polling_is_written_once(make_device):
    device = make_device()

    async def scenario():
        async with serving(device.token) as agent:
            await polls(agent, A)
            # Nobody is told, so this process goes by what it noted; a further word would count.
            await in_database(Device.objects.update)(agent_run="")
            await polls(agent, A, times=2)

    run(scenario)

    assert device.device.runs.get().returns == 0


@pytest.mark.django_db(transaction=True)
def test_who_makes_up_a_name_for_each_poll_is_written_down_seldom(make_device):
    device = make_device()

    async def scenario():
        async with serving(device.token) as agent:
            names = [secrets.token_urlsafe(16) for _ in range(50)]
            for name in names:
                question = Question(f"Bearer {agent.token}", str, agent_run=name)
                await agent.poll.answer(question, gone=asyncio.Event().wait)
            await asyncio.sleep(0.4)

    run(scenario)

    assert 1 <= device.device.runs.count() < 10


@pytest.mark.django_db(transaction=True)
def test_one_that_moves_between_processes_and_starts_again_is_one(make_device):
    device = make_device()

    async def scenario():
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(serving(device.token)) for _ in range(2)
            ]
            for name in (A, B, C):
                for process in (first, second, first):
                    await polls(process, name)

    run(scenario)

    assert told() == 0
    device.device.refresh_from_db()
    assert device.device.agent_run == C


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["", "no run at all"])
def test_a_token_that_is_used_without_a_run_beside_the_agent_is_noticed(make_device, name):
    """Whoever stole it need not know of runs."""
    device = make_device()

    async def scenario():
        async with serving(device.token) as agent:
            await polls(agent, A)
            await polls(agent, name, times=2)
            before = await in_database(told)()
            await polls(agent, A, times=2)
            return before, await in_database(told)()

    assert run(scenario) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_an_agent_that_names_no_runs_is_one(make_device):
    """Also one that replaced an agent that did."""
    never, no_longer = make_device(), make_device(hostname="DESKTOP-7")

    async def scenario():
        for device, names in ((never, ["", "", ""]), (no_longer, [A, "", B, "", "", C])):
            async with serving(device.token) as agent:
                for name in names:
                    await polls(agent, name)

    run(scenario)

    assert told() == 0
