"""Whoever watches comes to an end of their own."""

import asyncio
from types import SimpleNamespace

import pytest

from crm_api.kit.jobs import Watch
from crm_api.kit.watching import SWEEP_S, watch_forever
from crm_api.worker import JobWorker
from support.waiting import patiently


class Watcher:
    """Finds nothing, and takes its time to close."""

    def __init__(self, error=None):
        self.closed, self.error = False, error

    async def look(self):
        return None

    async def close(self):
        await asyncio.sleep(0.3)
        self.closed = True
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, ValueError("No end")])
async def test_it_is_closed_to_the_end_however_often_it_is_told_to(error):
    watcher = Watcher(error)
    watch = Watch("An example", lambda place: watcher)
    task = asyncio.create_task(watch_forever(watch, SimpleNamespace(), asyncio.Event()))
    await asyncio.sleep(0.05)
    for _ in range(100):
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.02)
        if done:
            break
    assert watcher.closed
    assert task.cancelled()


class Looking:
    """Counts how often it looks."""

    def __init__(self, place):
        self.place, self.looks = place, 0

    async def look(self):
        self.looks += 1
        return

    async def close(self):
        """Nothing is kept."""


async def test_what_only_waits_for_its_time_is_left_alone(settings):
    worker, begun = JobWorker(settings), dict[bool, Looking]()

    def watch(*, hears):
        def begin(place):
            begun[hears] = Looking(place)
            return begun[hears]

        return asyncio.create_task(worker.watch(Watch("An example", begin, hears=hears)))

    tasks = [watch(hears=True), watch(hears=False)]
    clock = asyncio.get_running_loop().time
    since = clock()
    for _ in range(40):
        worker.wake()
        await asyncio.sleep(0.01)
    most = 2 + (clock() - since) / SWEEP_S
    assert begun[False].looks <= most < begun[True].looks

    before = {hears: one.looks for hears, one in begun.items()}
    for _ in range(40):
        begun[False].place.again()
        await asyncio.sleep(0.01)
    gained = {hears: one.looks - before[hears] for hears, one in begun.items()}
    assert gained[False] > gained[True]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await worker.close()


async def test_who_is_in_no_hurry_takes_up_together_what_comes_meanwhile(settings):
    worker, begun = JobWorker(settings), list[Looking]()

    def begin(place):
        begun.append(Looking(place))
        return begun[-1]

    hurried, unhurried = (
        asyncio.create_task(worker.watch(Watch("An example", begin, pause_s=pause_s)))
        for pause_s in (0.0, 3600.0)
    )
    async for _ in patiently():
        worker.wake()
        if begun and begun[0].looks > 5:
            break
    assert begun[1].looks == 1
    for task in (hurried, unhurried):
        task.cancel()
    await asyncio.wait([hurried, unhurried])
    await worker.close()
