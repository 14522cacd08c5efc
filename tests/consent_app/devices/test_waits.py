"""Waits: who is woken by what, and that waking everybody leaves room for others."""

import asyncio

import pytest

from consent_app.devices import waits as waits_module
from consent_app.devices.waits import MAX_WAITS, Waits


async def begin(waits, *devices, gone=None, seconds=30):
    """Let each device wait; return their waits once all have begun."""
    gone = gone or asyncio.get_running_loop().create_future()
    begun = [
        asyncio.create_task(waits.wait(device, seconds=seconds, gone=gone)) for device in devices
    ]
    await asyncio.sleep(0)
    return begun


@pytest.mark.parametrize("most", [1, 2, 5, 6])
def test_everybody_is_woken_so_many_at_a_time_and_others_run_between(monkeypatch, most):
    monkeypatch.setattr(waits_module, "WOKEN_AT_ONCE", most)
    seen = []

    async def look(waits, begun):
        while waits.count():
            seen.append(sum(wait.done() for wait in begun))
            await asyncio.sleep(0)

    async def scenario():
        waits = Waits()
        begun = await begin(waits, *"abcde")
        looking = asyncio.create_task(look(waits, begun))
        await waits.wake_everyone()
        woken = await asyncio.wait_for(asyncio.gather(*begun), 2)
        await looking
        return woken

    assert asyncio.run(scenario()) == [True] * 5
    steps = [later - earlier for earlier, later in zip(seen, [*seen[1:], 5], strict=True)]
    assert max(steps) == min(most, 5)


def test_whoever_begins_to_wait_meanwhile_is_not_woken(monkeypatch):
    monkeypatch.setattr(waits_module, "WOKEN_AT_ONCE", 1)

    async def scenario():
        waits = Waits()
        before = await begin(waits, "a", "b", "c")
        waking = asyncio.create_task(waits.wake_everyone())
        await asyncio.wait(before, return_when=asyncio.FIRST_COMPLETED)
        [after] = await begin(waits, "d")
        await waking
        assert all(await asyncio.gather(*before))
        count = waits.count()
        after.cancel()
        return count

    assert asyncio.run(scenario()) == 1


def test_a_device_is_woken_alone_with_all_its_waits():
    async def scenario():
        waits = Waits()
        begun = await begin(waits, "a", "a", "b")
        waits.wake("a")
        assert await asyncio.gather(*begun[:2]) == [True, True]
        count = waits.count()
        begun[2].cancel()
        return count

    assert asyncio.run(scenario()) == 1


def test_the_oldest_wait_of_too_many_is_sent_away():
    async def scenario():
        waits = Waits()
        begun = await begin(waits, *["a"] * (MAX_WAITS + 1))
        assert await begun[0] is False
        waits.wake("a")
        return await asyncio.gather(*begun[1:])

    assert asyncio.run(scenario()) == [True] * MAX_WAITS


def test_whoever_went_away_and_whoever_is_cancelled_leave_nothing_behind():
    async def scenario():
        waits = Waits()
        gone = asyncio.get_running_loop().create_future()
        leaving, cancelled = await begin(waits, "a", "b", gone=gone)
        cancelled.cancel()
        gone.set_result(None)
        assert await leaving is False
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        return waits.count()

    assert asyncio.run(scenario()) == 0
